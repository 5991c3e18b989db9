"""The ports of the services: the one that the Canary names, and those found in the target.

Two ports are the same by number and protocol, whatever they are called.
"""

from collections.abc import Iterable, Iterator

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


def port_key(port: Manifest) -> str:
    """Tell what a service has but once."""
    return f"{port.get('port')}/{port.get('protocol') or 'TCP'}"


def with_node_ports(ports: Iterable[Manifest], found: Iterable[Manifest]) -> list[Manifest]:
    """Keep the node ports that a service has: they are in load balancers and firewalls.

    A port whose number changes is known by its name.
    """
    wanted = tuple(ports)
    numbered = {port_key(port): port for port in found}
    changed = numbered.keys() - {port_key(port) for port in wanted}
    named = {numbered[key].get("name"): numbered[key] for key in sorted(changed)}
    return [
        port | ({"nodePort": known["nodePort"]} if known.get("nodePort") else {})
        for port in wanted
        for known in [numbered.get(port_key(port)) or named.get(port.get("name")) or {}]
    ]


def merged(
    ports: Iterable[Manifest], theirs: Iterable[Manifest], found: Iterable[Manifest]
) -> list[Manifest]:
    """Give an adopted service our ports and its owner's, with the owner's names for both."""
    left = {port_key(port): port for port in theirs}
    names = {port.get("name") for port in left.values()}
    ours = []
    for port in ports:
        before = left.pop(port_key(port), {})
        free = port["name"] if port["name"] not in names else f"{port['name']}-{port['port']}"
        ours.append({**before, **port, "name": before.get("name") or free})
    rest = [{**port, "name": port.get("name") or f"port-{port['port']}"} for port in left.values()]
    return [*with_node_ports(ours, found), *rest]


def to_original(
    found: Iterable[Manifest], given: Iterable[Manifest], before: Iterable[Manifest]
) -> list[Manifest]:
    """Give the ports that an owner wants, of a service that was given others.

    A field that is as it was given goes back to what it was before; one that differs is as its
    owner has written it since. A port that was only given goes.
    """
    ours, original = ({port_key(port): port for port in each} for each in (given, before))
    wanted: dict[str, Manifest] = {}
    for port in found:
        key = port_key(port)
        changed = {name: each for name, each in port.items() if ours.get(key, {}).get(name) != each}
        if key in original or changed.keys() - {"nodePort"}:
            wanted[key] = {**original[key], **changed} if key in original else port
    order = [*original, *wanted]
    return sorted(wanted.values(), key=lambda port: order.index(port_key(port)))
