"""Defaults of the built-in kinds that depend on other fields or on what is taken already.

Constant defaults are in the table of `schema`.
"""

import base64
import ipaddress
from collections.abc import Callable, Iterator

from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.apiserver.values import Object, at_path, child

SERVICE_NETWORK = ipaddress.ip_network("10.96.0.0/16")
#: The first address is that of the API server itself.
FIRST_SERVICE_ADDRESS = 10
NODE_PORTS = range(30_000, 32_768)

_SERVICES = ("", "services")


def fill_in(item: Object, old: Object | None, resource: Resource, storage: Storage) -> None:
    """Fill in, in place, what the API server decides for an object of a built-in kind."""
    metadata = item["metadata"]
    if resource.kind == "Namespace" and not resource.group:
        child(metadata, "labels")["kubernetes.io/metadata.name"] = metadata.get("name", "")
        if old is None:
            item["spec"] = {"finalizers": ["kubernetes"]}
            item["status"] = {"phase": "Active"}
        return
    by_kind = _BY_KIND.get((resource.group, resource.kind))
    if by_kind is not None:
        by_kind(item)
    if resource.kind == "Service" and not resource.group:
        _allocate(item, old, storage)


def _containers(pod_spec: Object) -> Iterator[Object]:
    for field in ("initContainers", "containers"):
        for container in pod_spec.get(field) or ():
            if isinstance(container, dict):
                yield container


def _pod_spec(pod_spec: Object) -> None:
    for container in _containers(pod_spec):
        image = container.get("image")
        if isinstance(image, str) and image and "imagePullPolicy" not in container:
            tag = image.rpartition("/")[2].partition(":")[2]
            newest = tag in {"", "latest"} and "@" not in image
            container["imagePullPolicy"] = "Always" if newest else "IfNotPresent"
        resources = container.get("resources") or {}
        for name, limit in (resources.get("limits") or {}).items():
            child(resources, "requests").setdefault(name, limit)


def _workload(item: Object) -> None:
    template_spec = at_path(item, "spec", "template", "spec")
    if isinstance(template_spec, dict):
        _pod_spec(template_spec)


def _deployment(item: Object) -> None:
    _workload(item)
    strategy = at_path(item, "spec", "strategy")
    if isinstance(strategy, dict) and strategy.get("type") == "RollingUpdate":
        rolling = child(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")


def _pod(item: Object) -> None:
    spec = item.get("spec")
    if not isinstance(spec, dict):
        return
    _pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(toleration.get("key") == key for toleration in tolerations):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
            )
    status = child(item, "status")
    status.setdefault("phase", "Pending")
    status.setdefault("qosClass", _quality_of_service(spec))


def _quality_of_service(spec: Object) -> str:
    bounded = []
    asked = False
    for container in _containers(spec):
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        asked = asked or bool(limits or requests)
        bounded.append({"cpu", "memory"} <= limits.keys() and limits == requests)
    if not asked:
        return "BestEffort"
    return "Guaranteed" if all(bounded) else "Burstable"


def _secret(item: Object) -> None:
    for name, text in (item.pop("stringData", None) or {}).items():
        child(item, "data")[name] = base64.b64encode(str(text).encode()).decode()


def _autoscaler(item: Object) -> None:
    spec = item.get("spec")
    if isinstance(spec, dict) and not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _role_binding(item: Object) -> None:
    for subject in item.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")
    role = item.get("roleRef")
    if isinstance(role, dict):
        role.setdefault("apiGroup", "rbac.authorization.k8s.io")


def _service(item: Object) -> None:
    spec = child(item, "spec")
    for port in spec.get("ports") or ():
        if isinstance(port, dict) and "port" in port:
            port.setdefault("targetPort", port["port"])
    if spec.get("type") != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec.get("type") in {"NodePort", "LoadBalancer"}:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    child(item, "status").setdefault("loadBalancer", {})


def _allocate(item: Object, old: Object | None, storage: Storage) -> None:
    spec = item["spec"]
    if spec.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP"):
        kept = at_path(old, "spec", "clusterIP")
        spec["clusterIP"] = kept or _free_address(storage)
    spec["clusterIPs"] = [spec["clusterIP"]]
    if spec.get("type") in {"NodePort", "LoadBalancer"}:
        taken = {
            port.get("nodePort")
            for stored in storage.history(_SERVICES).objects.values()
            for port in stored.object["spec"].get("ports") or ()
        }
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = next(free for free in NODE_PORTS if free not in taken)
                taken.add(port["nodePort"])


def _free_address(storage: Storage) -> str:
    taken = {
        stored.object["spec"].get("clusterIP")
        for stored in storage.history(_SERVICES).objects.values()
    }
    first = int(SERVICE_NETWORK.network_address)
    # Count from behind those in use, so that many services are allocated in linear time.
    for offset in range(FIRST_SERVICE_ADDRESS + len(taken), SERVICE_NETWORK.num_addresses - 1):
        address = str(ipaddress.ip_address(first + offset))
        if address not in taken:
            return address
    for offset in range(FIRST_SERVICE_ADDRESS, SERVICE_NETWORK.num_addresses - 1):
        address = str(ipaddress.ip_address(first + offset))
        if address not in taken:
            return address
    raise RuntimeError(f"every address of {SERVICE_NETWORK} is taken by a Service; delete some")


def _daemon_set(item: Object) -> None:
    _workload(item)
    strategy = at_path(item, "spec", "updateStrategy")
    if isinstance(strategy, dict) and strategy.get("type") == "RollingUpdate":
        rolling = child(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)


def _stateful_set(item: Object) -> None:
    _workload(item)
    strategy = at_path(item, "spec", "updateStrategy")
    if isinstance(strategy, dict) and strategy.get("type", "RollingUpdate") == "RollingUpdate":
        strategy["type"] = "RollingUpdate"
        child(strategy, "rollingUpdate").setdefault("partition", 0)


_BY_KIND: dict[tuple[str, str], Callable[[Object], None]] = {
    ("", "Pod"): _pod,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _workload,
    ("apps", "StatefulSet"): _stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _role_binding,
    ("rbac.authorization.k8s.io", "RoleBinding"): _role_binding,
}
