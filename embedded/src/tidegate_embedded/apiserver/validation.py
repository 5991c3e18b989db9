"""What the API server checks of the built-in kinds beyond their types.

One rule is left out on purpose: addresses of endpoints may be loopback addresses here, for pods
are local processes.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.errors import Cause
from tidegate_embedded.apiserver.naming import LABEL, LABEL_RULE, label_causes
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.selectors import matches_labels
from tidegate_embedded.apiserver.values import Object, at_path
from tidegate_embedded.apiserver.webhooks.configuration import webhook_causes

_POD_MUTABLE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")
_IMMUTABLE = "field is immutable"


def builtin_causes(item: Object, old: Object | None, resource: Resource) -> Iterator[Cause]:
    """Yield everything that is wrong with an object of a built-in kind."""
    yield from _required(item, resource.schema, "")
    check = _CHECKS.get((resource.group, resource.kind))
    if check is not None:
        yield from check(item, old)


def _required(value: Any, schema: Object, path: str) -> Iterator[Cause]:
    """Yield what the schema requires and the object lacks, inside the parts that are there."""
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if value.get(name) in (None, "") and name != "status":
                yield errors.required(f"{path}.{name}" if path else name)
        for name, nested in schema.get("properties", {}).items():
            if name in value and name not in {"metadata", "status"}:
                yield from _required(value[name], nested, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and schema.get("items"):
        for index, item in enumerate(value):
            yield from _required(item, schema["items"], f"{path}[{index}]")


def _at_least(item: Object, least: int, *path: str) -> Iterator[Cause]:
    value = at_path(item, *path)
    if isinstance(value, int) and value < least:
        detail = f"must be greater than or equal to {least}"
        yield errors.invalid_value(".".join(path), value, detail)


def _workload(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    selector, template = spec.get("selector") or {}, spec.get("template") or {}
    yield from _at_least(item, 0, "spec", "replicas")
    yield from _at_least(item, 0, "spec", "minReadySeconds")
    labels = at_path(template, "metadata", "labels")
    if "selector" in spec and not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield errors.invalid_value(
            "spec.selector", selector, "empty selector is invalid for deployment"
        )
    elif selector and not matches_labels(selector, labels):
        yield errors.invalid_value(
            "spec.template.metadata.labels",
            labels or {},
            "`selector` does not match template `labels`",
        )
    yield from label_causes(labels, "spec.template.metadata.labels")
    if isinstance(template.get("spec"), dict):
        yield from _pod_spec(template["spec"], "spec.template.spec")
        policy = template["spec"].get("restartPolicy")
        if policy not in {None, "Always"}:
            yield errors.unsupported("spec.template.spec.restartPolicy", policy, ["Always"])
    if old is not None and at_path(old, "spec", "selector") != selector:
        yield errors.invalid_value("spec.selector", selector, _IMMUTABLE)


def _deployment(item: Object, old: Object | None) -> Iterator[Cause]:
    yield from _workload(item, old)
    strategy = at_path(item, "spec", "strategy") or {}
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind not in {"RollingUpdate", "Recreate", None}:
        yield errors.unsupported("spec.strategy", strategy, ["Recreate", "RollingUpdate"])
    if kind == "Recreate" and rolling is not None:
        yield Cause(
            errors.FORBIDDEN,
            "spec.strategy.rollingUpdate",
            "Forbidden: may not be specified when strategy `type` is 'Recreate'",
        )
    if rolling and all(
        rolling.get(field) in {0, "0", "0%"} for field in ("maxSurge", "maxUnavailable")
    ):
        yield errors.invalid_value(
            "spec.strategy.rollingUpdate.maxUnavailable",
            rolling["maxUnavailable"],
            "may not be 0 when `maxSurge` is 0",
        )
    deadline = at_path(item, "spec", "progressDeadlineSeconds")
    ready = at_path(item, "spec", "minReadySeconds") or 0
    if isinstance(deadline, int) and deadline <= ready:
        yield errors.invalid_value(
            "spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"
        )


def _pod_spec(spec: Object, path: str) -> Iterator[Cause]:
    if spec.get("containers") == []:
        yield errors.required(f"{path}.containers")
    names: set[str] = set()
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{index}]"
            name = container.get("name", "")
            if name in names:
                yield errors.duplicate(f"{where}.name", name)
            names.add(name)
            if name and not (LABEL.fullmatch(name) and len(name) <= 63):
                yield errors.invalid_value(f"{where}.name", name, LABEL_RULE)
            if not container.get("image"):
                yield errors.required(f"{where}.image")
            yield from _container_ports(container, where)
            for position, mount in enumerate(container.get("volumeMounts") or ()):
                if mount.get("name") not in volumes:
                    yield Cause(
                        "FieldValueNotFound",
                        f"{where}.volumeMounts[{position}].name",
                        f"Not found: {errors.shown(mount.get('name'))}",
                    )


def _container_ports(container: Object, path: str) -> Iterator[Cause]:
    names: set[str] = set()
    for index, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{index}]"
        yield from _port_number(port.get("containerPort"), f"{where}.containerPort")
        name = port.get("name")
        if name:
            if name in names:
                yield errors.duplicate(f"{where}.name", name)
            names.add(name)
            if len(name) > 15:
                yield errors.invalid_value(
                    f"{where}.name", name, "must be no more than 15 characters"
                )
        if port.get("protocol") not in {"TCP", "UDP", "SCTP"}:
            yield errors.unsupported(
                f"{where}.protocol", port.get("protocol"), ["SCTP", "TCP", "UDP"]
            )


def _port_number(number: Any, where: str) -> Iterator[Cause]:
    if isinstance(number, int) and not 1 <= number <= 65_535:
        yield errors.invalid_value(where, number, "must be between 1 and 65535, inclusive")


def _pod(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    yield from _pod_spec(spec, "spec")
    if old is None:
        return

    def fixed(pod_spec: Object) -> Object:
        kept = {name: part for name, part in pod_spec.items() if name not in _POD_MUTABLE}
        for field in ("containers", "initContainers"):
            kept[field] = [
                {name: part for name, part in container.items() if name != "image"}
                for container in pod_spec.get(field) or ()
            ]
        return kept

    before = dict(old["spec"])
    if not before.get("nodeName") and spec.get("nodeName"):
        before["nodeName"] = spec["nodeName"]
    if fixed(before) != fixed(spec):
        yield Cause(
            errors.FORBIDDEN,
            "spec",
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only"
            " additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to"
            " be set to 1 if it was previously negative)",
        )


def _service(item: Object, old: Object | None) -> Iterator[Cause]:
    spec = item["spec"]
    ports = spec.get("ports") or []
    kind = spec.get("type")
    if kind not in {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"}:
        yield errors.unsupported(
            "spec.type", kind, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
        )
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        yield errors.required("spec.ports")
    names: set[str] = set()
    used: list[tuple[Any, Any]] = []
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        yield from _port_number(port.get("port"), f"{where}.port")
        yield from _port_number(port.get("targetPort"), f"{where}.targetPort")
        name = port.get("name", "")
        if len(ports) > 1 and not name:
            yield errors.required(f"{where}.name")
        if name and name in names:
            yield errors.duplicate(f"{where}.name", name)
        names.add(name)
        if (port.get("port"), port.get("protocol")) in used:
            yield Cause(
                errors.DUPLICATE,
                where,
                f'Duplicate value: {{"port":{port.get("port")},"protocol":"{port.get("protocol")}"}}',
            )
        used.append((port.get("port"), port.get("protocol")))
    before = at_path(old, "spec", "clusterIP")
    if before and kind != "ExternalName" and spec.get("clusterIP") != before:
        yield errors.invalid_value(
            "spec.clusterIPs[0]", spec.get("clusterIP"), "may not change once set"
        )
    yield from label_causes(spec.get("selector"), "spec.selector")


def _autoscaler(item: Object, _old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    yield from _at_least(item, 1, "spec", "minReplicas")
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    if isinstance(most, int):
        if most < 1:
            yield errors.invalid_value("spec.maxReplicas", most, "must be greater than 0")
        elif isinstance(least, int) and most < least:
            yield errors.invalid_value(
                "spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"
            )


def _immutable_data(item: Object, old: Object | None) -> Iterator[Cause]:
    if old is None or not old.get("immutable"):
        return
    for field in ("data", "binaryData"):
        if item.get(field) != old.get(field):
            yield Cause(
                errors.FORBIDDEN, field, "Forbidden: field is immutable when `immutable` is set"
            )


def _secret(item: Object, old: Object | None) -> Iterator[Cause]:
    yield from _immutable_data(item, old)
    if old is not None and item.get("type") != old.get("type"):
        yield errors.invalid_value("type", item.get("type"), _IMMUTABLE)


def _lease(item: Object, _old: Object | None) -> Iterator[Cause]:
    spec = item.get("spec") or {}
    duration = spec.get("leaseDurationSeconds")
    if isinstance(duration, int) and duration <= 0:
        yield errors.invalid_value("spec.leaseDurationSeconds", duration, "must be greater than 0")
    yield from _at_least(item, 0, "spec", "leaseTransitions")


def _binding(item: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old.get("roleRef") != item.get("roleRef"):
        yield errors.invalid_value("roleRef", item.get("roleRef"), "cannot change roleRef")


def _endpoint_slice(item: Object, old: Object | None) -> Iterator[Cause]:
    kind = item.get("addressType")
    if kind and kind not in {"IPv4", "IPv6", "FQDN"}:
        yield errors.unsupported("addressType", kind, ["FQDN", "IPv4", "IPv6"])
    if old is not None and kind != old.get("addressType"):
        yield errors.invalid_value("addressType", kind, _IMMUTABLE)


def undecodable_bytes(item: Object) -> str | None:
    """Return the name of a Secret's datum that is not base64, if there is one."""
    for name, text in (item.get("data") or {}).items():
        try:
            base64.b64decode(text or "", validate=True)
        except (binascii.Error, ValueError):
            return str(name)
    return None


_CHECKS: dict[tuple[str, str], Callable[[Object, Object | None], Iterator[Cause]]] = {
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): webhook_causes,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): webhook_causes,
    ("", "ConfigMap"): _immutable_data,
    ("", "Pod"): _pod,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apps", "DaemonSet"): _workload,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _workload,
    ("apps", "StatefulSet"): _workload,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("coordination.k8s.io", "Lease"): _lease,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _binding,
    ("rbac.authorization.k8s.io", "RoleBinding"): _binding,
}
