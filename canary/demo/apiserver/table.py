"""Tables of objects, as `kubectl get` asks for them.

Columns of custom kinds come from their definitions; those of built-in kinds are here.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from canary.demo.apiserver import jsonpath
from canary.demo.apiserver.resources import Column, Resource
from canary.demo.apiserver.selectors import selector_text
from canary.demo.apiserver.values import Object, at_path, now

Cells = Callable[[Object], list[Any]]

#: Column names of built-in kinds, "+" before those that only a wide table shows.
_WORKLOAD_WIDE = ("+Containers", "+Images", "+Selector")


def age(since: str | None, moment: datetime) -> str:
    """Write how long ago something was, as kubectl does."""
    if not since:
        return "<unknown>"
    began = datetime.fromisoformat(since.replace("Z", "+00:00")).astimezone(UTC)
    seconds = max(0, int((moment - began).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        rest = seconds % 60
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        rest = minutes % 60
        return f"{hours}h{rest}m" if rest else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        rest = hours % 24
        return f"{days}d{rest}h" if rest else f"{days}d"
    if days < 365 * 2:
        return f"{days}d"
    return f"{days // 365}y"


def _age(item: Object) -> str:
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
        _age(item),
        *_template(item),
    ]


def _replica_set(item: Object) -> list[Any]:
    return [
        _count(item, "spec", "replicas"),
        _count(item, "status", "replicas"),
        _count(item, "status", "readyReplicas"),
        _age(item),
        *_template(item),
    ]


def _stateful_set(item: Object) -> list[Any]:
    ready = f"{_count(item, 'status', 'readyReplicas')}/{_count(item, 'spec', 'replicas')}"
    return [ready, _age(item), *_containers(at_path(item, "spec", "template", "spec"))]


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
        _age(item),
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
        _age(item),
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
        ports or "<none>", _age(item), selector or "<none>",
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
        _age(item),
    ]


def _ingress(item: Object) -> list[Any]:
    spec = item.get("spec") or {}
    hosts = ",".join(rule.get("host", "*") for rule in spec.get("rules") or ()) or "*"
    balancers = at_path(item, "status", "loadBalancer", "ingress") or ()
    addresses = ",".join(entry.get("ip") or entry.get("hostname", "") for entry in balancers)
    ports = "80, 443" if spec.get("tls") else "80"
    return [spec.get("ingressClassName") or "<none>", hosts, addresses, ports, _age(item)]


def _endpoint_slice(item: Object) -> list[Any]:
    ports = ",".join(str(port.get("port", "*")) for port in item.get("ports") or ())
    addresses = [
        address for endpoint in item.get("endpoints") or () for address in endpoint["addresses"]
    ]
    return [
        item.get("addressType"), ports or "<unset>", ",".join(addresses) or "<unset>", _age(item),
    ]  # fmt: skip


def _definition(item: Object) -> list[Any]:
    return [at_path(item, "metadata", "creationTimestamp")]


_BUILTIN: dict[tuple[str, str], tuple[tuple[str, ...], Cells]] = {
    ("", "configmaps"): (
        ("Data", "Age"),
        lambda item: [len({**(item.get("data") or {}), **(item.get("binaryData") or {})}), _age(item)],
    ),
    ("", "events"): (
        ("Last Seen", "Type", "Reason", "Object", "+Subobject", "+Source", "Message", "+First Seen",
         "+Count", "+Name"),
        _event,
    ),
    ("", "namespaces"): (
        ("Status", "Age"), lambda item: [at_path(item, "status", "phase"), _age(item)],
    ),
    ("", "pods"): (
        ("Ready", "Status", "Restarts", "Age", "+IP", "+Node", "+Nominated Node",
         "+Readiness Gates"),
        _pod,
    ),
    ("", "secrets"): (
        ("Type", "Data", "Age"),
        lambda item: [item.get("type"), len(item.get("data") or {}), _age(item)],
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
        lambda item: [at_path(item, "spec", "holderIdentity"), _age(item)],
    ),
    ("discovery.k8s.io", "endpointslices"): (
        ("AddressType", "Ports", "Endpoints", "Age"), _endpoint_slice,
    ),
    ("networking.k8s.io", "ingresses"): (
        ("Class", "Hosts", "Address", "Ports", "Age"), _ingress,
    ),
}  # fmt: skip

_NAME = Column(name="Name", type="string", path=".metadata.name", format="name")
_AGE = Column(name="Age", type="string", path=".metadata.creationTimestamp")


def _definitions(resource: Resource) -> tuple[list[Column], Cells]:
    if resource.custom:
        listed = list(resource.columns)
        return [_NAME, *listed], lambda item: [_custom_cell(item, column) for column in listed]
    known = _BUILTIN.get(resource.storage_key)
    if known is None:
        return [_NAME, _AGE], lambda item: [_age(item)]
    names, cells = known
    columns = [
        Column(name=name.removeprefix("+"), type="string", path="", priority=int(name[0] == "+"))
        for name in names
    ]
    return [_NAME, *columns], cells


def _custom_cell(item: Object, column: Column) -> Any:
    values = jsonpath.found(item, column.path)
    if not values or values[0] is None:
        return None
    value = values[0]
    if column.type == "date":
        return age(str(value), now())
    if column.type == "string" and not isinstance(value, str):
        return ",".join(str(each) for each in values) if isinstance(value, str) else _text(value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ",".join(_quoted(item) for item in value) + "]"
    return str(value)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else _text(value)


def column_definitions(resource: Resource) -> list[Object]:
    """Return the columns of a resource's tables."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in _definitions(resource)[0]
    ]


def row(item: Object, resource: Resource, include: str = "Metadata") -> Object:
    """Return the table row of an object; `include` says how much of the object is in it."""
    cells = _definitions(resource)[1]
    made: Object = {"cells": [item["metadata"]["name"], *cells(item)]}
    if include == "Object":
        made["object"] = item
    elif include != "None":
        made["object"] = partial_metadata(item)
    return made


def partial_metadata(item: Object) -> Object:
    """Return an object's PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": item["metadata"],
    }


def table(
    rows: list[Object], resource: Resource, metadata: Object, *, columns: bool = True
) -> Object:
    """Return a Table."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": column_definitions(resource) if columns else None,
        "rows": rows,
    }
