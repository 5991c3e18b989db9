"""EndpointSlices: the pods that a Service selects, with their ports and conditions."""

from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.values import Object, at_path
from tidegate_embedded.controllers.pods import PODS, is_ready
from tidegate_embedded.controllers.work import MANAGER, Cluster, is_dying, name_of, owner_reference

SERVICES: StorageKey = ("", "services")
SLICES: StorageKey = ("discovery.k8s.io", "endpointslices")
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_MANAGER_NAME = "endpointslice-controller.k8s.io"

#: A slice's ports, as a key: name, protocol and number of each.
Ports = tuple[tuple[str, str, int], ...]


class EndpointSliceController:
    """Keeps one slice for each Service, and one more for each other resolution of its ports."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._resource = cluster.resource("discovery.k8s.io", "v1", "endpointslices")
        self._services: dict[str, set[Name]] = {}
        self._pods: dict[str, set[Name]] = {}

    def observe(self, key: StorageKey, event: Event) -> None:
        """Wake the Services that a change is about."""
        item = event.stored.object
        if key == SERVICES:
            self._follow(self._services, event)
            self._cluster.queue.add(self.sync, name_of(item))
        elif key == PODS:
            self._follow(self._pods, event)
            labels = [
                stored.object["metadata"].get("labels") or {}
                for stored in (event.stored, event.before)
                if stored is not None
            ]
            for name in self._services.get(item["metadata"]["namespace"], ()):
                service = self._cluster.find(SERVICES, name)
                selector = at_path(service, "spec", "selector") or {}
                if selector and any(selector.items() <= each.items() for each in labels):
                    self._cluster.queue.add(self.sync, name)
        elif key == SLICES:
            service_name = at_path(item, "metadata", "labels", SERVICE_NAME)
            if service_name and event.change != "ADDED":
                self._cluster.queue.add(self.sync, (name_of(item)[0], service_name))

    @staticmethod
    def _follow(index: dict[str, set[Name]], event: Event) -> None:
        name = name_of(event.stored.object)
        names = index.setdefault(name[0], set())
        if event.change == "DELETED":
            names.discard(name)
        else:
            names.add(name)

    def sync(self, name: Name) -> None:
        """Write the slices of a Service."""
        service = self._cluster.find(SERVICES, name)
        selector = at_path(service, "spec", "selector")
        if service is None or is_dying(service) or not selector:
            return
        wanted = self._endpoints(service, selector)
        slices = [
            item
            for item in self._cluster.owned(service, SLICES)
            if at_path(item, "metadata", "labels", MANAGED_BY) == _MANAGER_NAME
        ]
        spare = [item for item in slices if _ports_of(item) not in wanted]
        for ports, endpoints in wanted.items():
            current = next((item for item in slices if _ports_of(item) == ports), None)
            if current is None and spare:
                current = spare.pop()
            self._write(service, current, ports, endpoints)
        for item in spare:
            self._cluster.objects.delete(self._resource, *name_of(item), DeleteOptions())

    def _endpoints(self, service: Object, selector: Object) -> dict[Ports, list[Object]]:
        endpoints: dict[Ports, list[Object]] = {}
        anyway = bool(service["spec"].get("publishNotReadyAddresses"))
        for name in sorted(self._pods.get(service["metadata"]["namespace"], ())):
            pod = self._cluster.find(PODS, name)
            if pod is None or not selector.items() <= (pod["metadata"].get("labels") or {}).items():
                continue
            phase, ip = at_path(pod, "status", "phase"), at_path(pod, "status", "podIP")
            if ip is None or phase in {"Succeeded", "Failed"}:
                continue
            serving = is_ready(pod) or anyway
            endpoints.setdefault(_resolved_ports(service, pod), []).append(
                {
                    "addresses": [ip],
                    "conditions": {
                        "ready": anyway or (serving and not is_dying(pod)),
                        "serving": serving,
                        "terminating": is_dying(pod),
                    },
                    "nodeName": pod["spec"].get("nodeName"),
                    "targetRef": {
                        "kind": "Pod",
                        "namespace": pod["metadata"]["namespace"],
                        "name": pod["metadata"]["name"],
                        "uid": pod["metadata"]["uid"],
                    },
                }
            )
        return endpoints or {(): []}

    def _write(
        self, service: Object, current: Object | None, ports: Ports, endpoints: list[Object]
    ) -> None:
        name = service["metadata"]["name"]
        body: Object = {
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [
                {"name": port_name, "protocol": protocol, "port": number}
                for port_name, protocol, number in ports
            ],
        }
        if current is not None:
            if any(current.get(field) != value for field, value in body.items()):
                self._cluster.objects.replace(
                    self._resource, *name_of(current), {**current, **body}, MANAGER
                )
            return
        metadata = {
            "generateName": f"{name}-",
            "labels": {
                **(service["metadata"].get("labels") or {}),
                SERVICE_NAME: name,
                MANAGED_BY: _MANAGER_NAME,
            },
            "ownerReferences": [owner_reference(service)],
        }
        self._cluster.objects.create(
            self._resource,
            service["metadata"]["namespace"],
            {"metadata": metadata, **body},
            MANAGER,
        )


def _ports_of(item: Object) -> Ports:
    return tuple(
        (port.get("name", ""), port.get("protocol", "TCP"), port.get("port", 0))
        for port in item.get("ports") or ()
    )


def _resolved_ports(service: Object, pod: Object) -> Ports:
    resolved = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        if isinstance(target, str):
            number = _named_port(pod, target, port.get("protocol", "TCP"))
            if number is None:
                continue
            target = number
        resolved.append((port.get("name", ""), port.get("protocol", "TCP"), target))
    return tuple(resolved)


def _named_port(pod: Object, name: str, protocol: str) -> int | None:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None
