"""What a pod's manifest asks of its processes: environment, ports, probe. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate_embedded.controllers.runtime import simulated_failure
from tidegate_embedded.values import Manifest

#: How a simulated failure is played by a process; the rest are no process at all.
_PLAYED: Mapping[str, Mapping[str, str]] = {
    "crash-loop": {"CRASH": "after:0.1s"},
    "oom": {"CRASH": "after:0.1s", "CRASH_EXIT_CODE": "137"},
    "never-ready": {"READY_AFTER": "never"},
}
_DEFAULT_GRACE_SECONDS = 30
_DEFAULT_FAILURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A readiness probe over HTTP; without a path it asks only whether the port is open."""

    port: int
    path: str = ""
    delay_seconds: float = 0.0
    period_seconds: float = 10.0
    timeout_seconds: float = 1.0
    successes: int = 1
    failures: int = _DEFAULT_FAILURES


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlan:
    """One container as a process; with a `problem` it can't be made."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    probe: Probe | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """A pod as processes; `failure` is a simulated one that no process can play."""

    namespace: str
    name: str
    uid: str
    containers: tuple[ContainerPlan, ...]
    grace_seconds: float
    failure: str = ""


def pod_plan(pod: Manifest, ip: str) -> PodPlan:
    """Read a pod's manifest."""
    metadata, spec = pod["metadata"], pod["spec"]
    failure = simulated_failure(pod) or ""
    facts = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "status.podIP": ip,
    }
    grace = spec.get("terminationGracePeriodSeconds")
    return PodPlan(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        containers=tuple(
            _container(container, facts, _PLAYED.get(failure, {}))
            for container in spec["containers"]
        ),
        grace_seconds=_DEFAULT_GRACE_SECONDS if grace is None else grace,
        failure="" if failure in _PLAYED else failure,
    )


def image_tag(image: str) -> str:
    """Take the tag of an image, without which it is the latest."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[2] or "latest"


def _container(
    container: Manifest, facts: Mapping[str, str], played: Mapping[str, str]
) -> ContainerPlan:
    environment = {"VERSION": image_tag(container.get("image") or "")}
    problem = ""
    for index, variable in enumerate(container.get("env") or ()):
        source = variable.get("valueFrom")
        path = ((source or {}).get("fieldRef") or {}).get("fieldPath", "")
        if source is None or path in facts:
            environment[variable["name"]] = facts.get(path, variable.get("value") or "")
        else:
            problem = problem or (
                f"env[{index}] {variable['name']}: the embedded world reads value, and fieldRef of "
                f"{', '.join(facts)}"
            )
    ports = tuple(port["containerPort"] for port in container.get("ports") or ())
    return ContainerPlan(
        name=container["name"],
        environment={**environment, **played, "HOSTNAME": facts["metadata.name"]},
        ports=ports,
        probe=_probe(container, ports),
        problem=problem,
    )


def _probe(container: Manifest, ports: tuple[int, ...]) -> Probe | None:
    probe = container.get("readinessProbe") or {}
    asked = probe.get("httpGet") or probe.get("tcpSocket")
    if asked is None:
        # A process needs a moment before it listens; no request is sent to it until then.
        return Probe(port=ports[0], period_seconds=1.0) if ports else None
    return Probe(
        port=_port(container, asked["port"]),
        path=(probe["httpGet"].get("path") or "/") if "httpGet" in probe else "",
        delay_seconds=probe.get("initialDelaySeconds") or 0,
        period_seconds=probe.get("periodSeconds") or 10,
        timeout_seconds=probe.get("timeoutSeconds") or 1,
        successes=probe.get("successThreshold") or 1,
        failures=probe.get("failureThreshold") or _DEFAULT_FAILURES,
    )


def _port(container: Manifest, port: int | str) -> int:
    named = {each.get("name"): each["containerPort"] for each in container.get("ports") or ()}
    return int(named.get(port, port)) if isinstance(port, str) else port
