"""The ports of the services: the one that the Canary names, and those found in the target."""

from collections.abc import Iterator

from canary.api.canary import Canary
from canary.api.kinds import Manifest

#: Containers of meshes, whose ports are not the workload's.
_SIDECARS = frozenset({"istio-proxy", "envoy"})
_NAME_LENGTH = 63


def service_ports(canary: Canary, target: Manifest) -> tuple[Manifest, ...]:
    """List the ports of the services, that of the Canary first.

    With port discovery the containers' ports follow, in their order: by their own name, or as
    `tcp-<container>-<index>` where they have none or one that is taken.
    """
    service = canary.spec.service
    port: Manifest = {
        "name": service.port_name,
        "port": service.port,
        "protocol": "TCP",
        "targetPort": service.container_port,
    }
    if service.app_protocol:
        port["appProtocol"] = service.app_protocol
    ports = [port]
    for name, fallback, number, protocol in _container_ports(target):
        ours = protocol == "TCP" and service.container_port in {number, name}
        if not service.port_discovery or ours or _taken(ports, number, protocol):
            continue
        names = {each["name"] for each in ports}
        chosen = fallback if not name or name in names else name
        ports.append({"name": chosen, "port": number, "protocol": protocol, "targetPort": number})
    return tuple(ports)


def _container_ports(target: Manifest) -> Iterator[tuple[str, str, int, str]]:
    """Give name, other name, number and protocol of each port of the target's containers."""
    for container in target["spec"]["template"]["spec"].get("containers") or ():
        if container["name"] in _SIDECARS:
            continue
        for index, port in enumerate(container.get("ports") or ()):
            protocol = port.get("protocol") or "TCP"
            rest = _NAME_LENGTH - len(f"{protocol}--{index}")
            fallback = f"{protocol.lower()}-{container['name'][:rest].rstrip('-')}-{index}"
            yield port.get("name") or "", fallback, port["containerPort"], protocol


def _taken(ports: list[Manifest], number: int, protocol: str) -> bool:
    return any((each["port"], each["protocol"]) == (number, protocol) for each in ports)
