"""The status of a pod, made from what its runtime reports.

Who writes it, and when, belongs to the runtime of the pod.
"""

from tidegate_embedded.apiserver.values import Object, copied
from tidegate_embedded.controllers.runtime import ContainerReport, PodReport, Terminated


def pod_status(pod: Object, report: PodReport, *, moment: str) -> Object:
    """Make the status of a pod that reports something, from the one that it has had."""
    before = pod.get("status") or {}
    status: Object = copied(before)
    status["phase"] = report.phase
    status["observedGeneration"] = pod["metadata"].get("generation", 1)
    scheduled = report.unschedulable is None
    waiting = [] if report.ready else [c.name for c in report.containers if not c.ready]
    unready = f"containers with unready status: [{' '.join(waiting)}]"
    conditions = {
        "PodScheduled": (scheduled, "Unschedulable", report.unschedulable or ""),
    }
    if scheduled:
        conditions |= {
            "PodReadyToStartContainers": (report.ip is not None, "", ""),
            "Initialized": (True, "", ""),
            "ContainersReady": (report.ready, "ContainersNotReady", unready),
            "Ready": (report.ready, "ContainersNotReady", unready),
        }
        status.setdefault("startTime", moment)
        status["hostIP"] = "127.0.0.1"
        status["hostIPs"] = [{"ip": "127.0.0.1"}]
    if report.ip:
        status["podIP"] = report.ip
        status["podIPs"] = [{"ip": report.ip}]
    status["conditions"] = [
        _condition(before, kind, said, moment) for kind, said in conditions.items()
    ]
    if report.containers:
        images = {c["name"]: c.get("image", "") for c in pod["spec"]["containers"]}
        status["containerStatuses"] = [
            _container(before, container, images.get(container.name, ""), moment)
            for container in report.containers
        ]
    return status


def _condition(before: Object, kind: str, said: tuple[bool, str, str], moment: str) -> Object:
    """Make a condition from whether it holds, and the reason and message if it does not."""
    holds, reason, message = said
    condition: Object = {"type": kind, "status": "True" if holds else "False"}
    if not holds and reason:
        condition |= {"reason": reason, "message": message}
    since = moment
    for known in before.get("conditions") or ():
        if known["type"] == kind and known["status"] == condition["status"]:
            since = known.get("lastTransitionTime", moment)
    condition["lastTransitionTime"] = since
    return condition


def _terminated(ended: Terminated, moment: str) -> Object:
    state: Object = {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        "startedAt": moment,
        "finishedAt": moment,
    }
    if ended.message:
        state["message"] = ended.message
    return {"terminated": state}


def _container(before: Object, container: ContainerReport, image: str, moment: str) -> Object:
    known: Object = {}
    for status in before.get("containerStatuses") or ():
        if status["name"] == container.name:
            known = status
    if container.waiting is not None:
        state: Object = {"waiting": {"reason": container.waiting.reason}}
        if container.waiting.message:
            state["waiting"]["message"] = container.waiting.message
    elif container.terminated is not None:
        state = _terminated(container.terminated, moment)
    else:
        was_running = "running" in (known.get("state") or {})
        state = known["state"] if was_running else {"running": {"startedAt": moment}}
    status = {
        "name": container.name,
        "image": image,
        "imageID": "",
        "ready": container.ready,
        "started": "running" in state,
        "restartCount": container.restart_count,
        "state": state,
        "lastState": known.get("lastState") or {},
    }
    if container.last_terminated is not None:
        status["lastState"] = _terminated(container.last_terminated, moment)
    return status
