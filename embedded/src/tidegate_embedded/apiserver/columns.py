"""Columns of the tables of built-in kinds, and what stands in them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tidegate_embedded.apiserver.selectors import selector_text
from tidegate_embedded.apiserver.values import Object, at_path, moment_of, now

#: From an object to the cells of its row.
Cells = Callable[[Object], list[Any]]

#: Column names of built-in kinds, "+" before those that only a wide table shows.
_WORKLOAD_WIDE = ("+Containers", "+Images", "+Selector")


#: Up to so many seconds an age is written in these units, with a rest in the next smaller one.
_UNITS: tuple[tuple[int, int, str, int, str], ...] = (
    (120, 1, "s", 0, ""),
    (600, 60, "m", 1, "s"),
    (3 * 3600, 60, "m", 0, ""),
    (8 * 3600, 3600, "h", 60, "m"),
    (48 * 3600, 3600, "h", 0, ""),
    (8 * 86_400, 86_400, "d", 3600, "h"),
    (730 * 86_400, 86_400, "d", 0, ""),
)


def age(since: str | None, moment: datetime) -> str:
    """Write how long ago something was, as kubectl does."""
    if not since:
        return "<unknown>"
    seconds = max(0, int((moment - moment_of(since)).total_seconds()))
    for limit, unit, letter, smaller, smaller_letter in _UNITS:
        if seconds < limit:
            rest = seconds % unit // smaller if smaller else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{smaller_letter}" if rest else "")
    return f"{seconds // (365 * 86_400)}y"


def item_age(item: Object) -> str:
    """Write how old an object is."""
    return age(at_path(item, "metadata", "creationTimestamp"), now())


def _containers(spec: Any) -> list[str]:
    listed = at_path(spec, "containers") or []
    return [
        ",".join(container.get("name", "") for container in listed),
        ",".join(container.get("image", "") for container in listed),
    ]


def _template(item: Object) -> list[str]:
    selector = at_path(item, "spec", "selector") or {}
    return [*_containers(at_path(item, "spec", "template", "spec")), selector_text(selector)]


def _count(item: Object, *path: str) -> int:
    return at_path(item, *path) or 0


def _deployment(item: Object) -> list[Any]:
    ready = f"{_count(item, 'status', 'readyReplicas')}/{_count(item, 'spec', 'replicas')}"
    return [
        ready,
        _count(item, "status", "updatedReplicas"),
        _count(item, "status", "availableReplicas"),
        item_age(item),
        *_template(item),
    ]


def _replica_set(item: Object) -> list[Any]:
    return [
        _count(item, "spec", "replicas"),
        _count(item, "status", "replicas"),
        _count(item, "status", "readyReplicas"),
        item_age(item),
        *_template(item),
    ]


def _stateful_set(item: Object) -> list[Any]:
    ready = f"{_count(item, 'status', 'readyReplicas')}/{_count(item, 'spec', 'replicas')}"
    return [ready, item_age(item), *_containers(at_path(item, "spec", "template", "spec"))]


def _daemon_set(item: Object) -> list[Any]:
    fields = (
        "desiredNumberScheduled", "currentNumberScheduled", "numberReady",
        "updatedNumberScheduled", "numberAvailable",
    )  # fmt: skip
    selector = at_path(item, "spec", "template", "spec", "nodeSelector") or {}
    nodes = ",".join(f"{key}={value}" for key, value in selector.items()) or "<none>"
    return [
        *(_count(item, "status", field) for field in fields),
        nodes,
        item_age(item),
        *_template(item),
    ]


def pod_reason(item: Object) -> str:
    """Say in one word how a pod is, as kubectl's STATUS column does."""
    reason: str = at_path(item, "status", "reason") or at_path(item, "status", "phase") or "Unknown"
    for status in at_path(item, "status", "containerStatuses") or ():
        state = status.get("state") or {}
        for kind in ("waiting", "terminated"):
            if at_path(state, kind, "reason"):
                reason = state[kind]["reason"]
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return reason


def _pod(item: Object) -> list[Any]:
    statuses = at_path(item, "status", "containerStatuses") or []
    total = len(at_path(item, "spec", "containers") or ())
    return [
        f"{sum(bool(status.get('ready')) for status in statuses)}/{total}",
        pod_reason(item),
        str(sum(status.get("restartCount", 0) for status in statuses)),
        item_age(item),
        at_path(item, "status", "podIP") or "<none>",
        at_path(item, "spec", "nodeName") or "<none>",
        "<none>",
        "<none>",
    ]


def _service(item: Object) -> list[Any]:
    spec = item.get("spec") or {}
    ports = ",".join(
        f"{port['port']}:{port['nodePort']}/{port.get('protocol', 'TCP')}"
        if port.get("nodePort")
        else f"{port['port']}/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    )
    selector = ",".join(f"{key}={value}" for key, value in (spec.get("selector") or {}).items())
    external = spec.get("externalName") or ",".join(spec.get("externalIPs") or ()) or "<none>"
    return [
        spec.get("type", "ClusterIP"), spec.get("clusterIP") or "<none>", external,
        ports or "<none>", item_age(item), selector or "<none>",
    ]  # fmt: skip


def _event(item: Object) -> list[Any]:
    last = item.get("lastTimestamp") or item.get("eventTime") or item.get("firstTimestamp")
    about = item.get("involvedObject") or {}
    return [
        age(last or at_path(item, "metadata", "creationTimestamp"), now()),
        item.get("type", ""),
        item.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        at_path(item, "source", "component") or item.get("reportingComponent", ""),
        (item.get("message") or "").strip(),
        age(item.get("firstTimestamp") or item.get("eventTime"), now()),
        str(item.get("count") or 1),
        at_path(item, "metadata", "name"),
    ]


def _autoscaler(item: Object) -> list[Any]:
    target = at_path(item, "spec", "scaleTargetRef") or {}
    return [
        f"{target.get('kind')}/{target.get('name')}",
        "<unknown>",
        str(at_path(item, "spec", "minReplicas") or "<unset>"),
        _count(item, "spec", "maxReplicas"),
        _count(item, "status", "currentReplicas"),
        item_age(item),
    ]


def _ingress(item: Object) -> list[Any]:
    spec = item.get("spec") or {}
    hosts = ",".join(rule.get("host", "*") for rule in spec.get("rules") or ()) or "*"
    balancers = at_path(item, "status", "loadBalancer", "ingress") or ()
    addresses = ",".join(entry.get("ip") or entry.get("hostname", "") for entry in balancers)
    ports = "80, 443" if spec.get("tls") else "80"
    return [spec.get("ingressClassName") or "<none>", hosts, addresses, ports, item_age(item)]


def _endpoint_slice(item: Object) -> list[Any]:
    ports = ",".join(str(port.get("port", "*")) for port in item.get("ports") or ())
    addresses = [
        address for endpoint in item.get("endpoints") or () for address in endpoint["addresses"]
    ]
    return [
        item.get("addressType"), ports or "<unset>", ",".join(addresses) or "<unset>", item_age(item),
    ]  # fmt: skip


def _definition(item: Object) -> list[Any]:
    return [at_path(item, "metadata", "creationTimestamp")]


BUILTIN_COLUMNS: dict[tuple[str, str], tuple[tuple[str, ...], Cells]] = {
    ("", "configmaps"): (
        ("Data", "Age"),
        lambda item: [len({**(item.get("data") or {}), **(item.get("binaryData") or {})}), item_age(item)],
    ),
    ("", "events"): (
        ("Last Seen", "Type", "Reason", "Object", "+Subobject", "+Source", "Message", "+First Seen",
         "+Count", "+Name"),
        _event,
    ),
    ("", "namespaces"): (
        ("Status", "Age"), lambda item: [at_path(item, "status", "phase"), item_age(item)],
    ),
    ("", "pods"): (
        ("Ready", "Status", "Restarts", "Age", "+IP", "+Node", "+Nominated Node",
         "+Readiness Gates"),
        _pod,
    ),
    ("", "secrets"): (
        ("Type", "Data", "Age"),
        lambda item: [item.get("type"), len(item.get("data") or {}), item_age(item)],
    ),
    ("", "services"): (
        ("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "+Selector"), _service,
    ),
    ("apiextensions.k8s.io", "customresourcedefinitions"): (("Created At",), _definition),
    ("apps", "daemonsets"): (
        ("Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age",
         *_WORKLOAD_WIDE),
        _daemon_set,
    ),
    ("apps", "deployments"): (
        ("Ready", "Up-to-date", "Available", "Age", *_WORKLOAD_WIDE), _deployment,
    ),
    ("apps", "replicasets"): (
        ("Desired", "Current", "Ready", "Age", *_WORKLOAD_WIDE), _replica_set,
    ),
    ("apps", "statefulsets"): (("Ready", "Age", "+Containers", "+Images"), _stateful_set),
    ("autoscaling", "horizontalpodautoscalers"): (
        ("Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"), _autoscaler,
    ),
    ("coordination.k8s.io", "leases"): (
        ("Holder", "Age"),
        lambda item: [at_path(item, "spec", "holderIdentity"), item_age(item)],
    ),
    ("discovery.k8s.io", "endpointslices"): (
        ("AddressType", "Ports", "Endpoints", "Age"), _endpoint_slice,
    ),
    ("networking.k8s.io", "ingresses"): (
        ("Class", "Hosts", "Address", "Ports", "Age"), _ingress,
    ),
}  # fmt: skip
