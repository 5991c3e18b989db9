"""The services of a Canary: `<apex>-primary`, `<apex>-canary`, and the apex that clients call.

An apex service that was there before is adopted: only its selector and ports are taken over, ports
of its own stay, and both are put back as they were when the target takes over again.
One that tidegate created stays as well when its Canary goes: clients call it, so it is given away
(no owner, no mark of ours), and selects the target.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import partial

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.ownership import (
    GITOPS_ANNOTATIONS,
    MANAGED_BY,
    MANAGER,
    adopted_metadata,
    original_spec,
    own_metadata,
    owned,
    released_metadata,
)
from canary.api.service import ServiceMetadata, UnmanagedMetadata
from canary.core.actions import Side
from canary.resources.names import SelectorLabel

#: `clusterIP` of a service without one.
_HEADLESS = "None"
#: What is taken over from an adopted service.
_TAKEN_OVER = ("selector", "ports")


def services(
    canary: Canary,
    label: SelectorLabel,
    ports: Iterable[Manifest],
    existing: Mapping[str, Manifest],
    apex: Side | None,
) -> tuple[Manifest, ...]:
    """Give the services, the apex last; `existing` are those that exist, by name.

    `apex` is the side that the apex service leads to. Without a side the apex is left out, and so
    is one that would have to be created only to lead to the target.
    """
    spec, own_ports = canary.spec, tuple(ports)
    wanted = (
        (spec.primary_service_name, label.primary, spec.service.primary),
        (spec.canary_service_name, label.value, spec.service.canary),
    )
    rendered = [
        _own(canary, label, name, value, metadata, own_ports, existing.get(name))
        for name, value, metadata in wanted
    ]
    found = existing.get(spec.service_name)
    name, metadata = spec.service_name, spec.service.apex
    if apex is Side.PRIMARY and (found is None or owned(canary, found)):
        rendered.append(_own(canary, label, name, label.primary, metadata, own_ports, found))
    elif apex is Side.PRIMARY and found:
        rendered.append(_adopted(label, own_ports, found))
    elif apex is Side.TARGET and found and owned(canary, found):
        service = _own(canary, label, name, label.value, metadata, own_ports, found)
        rendered.append(_given_away(canary, service))
    elif apex is Side.TARGET and found:
        rendered.append(_restored(label, found))
    return tuple(rendered)


# ------------------------------------------------------------------------------------ own services


def _own(
    canary: Canary,
    label: SelectorLabel,
    name: str,
    value: str,
    metadata: ServiceMetadata | None,
    ports: tuple[Manifest, ...],
    existing: Manifest | None,
) -> Manifest:
    service, wanted = canary.spec.service, metadata or ServiceMetadata()
    # Labels and annotations are ours alone, but for the keys that the user leaves to others.
    labels = {label.key: name, **wanted.labels, MANAGED_BY: MANAGER}
    annotations = {**wanted.annotations, **GITOPS_ANNOTATIONS}
    unmanaged = service.unmanaged_metadata or UnmanagedMetadata()
    rendered = own_metadata(canary, name, existing=existing)
    found = existing["metadata"] if existing else {}
    rendered["labels"] = _managed(labels, found.get("labels"), unmanaged.labels)
    rendered["annotations"] = _managed(annotations, found.get("annotations"), unmanaged.annotations)
    spec: Manifest = {"selector": {label.key: value}, "ports": _with_node_ports(ports, existing)}
    # An address is given once: it can neither be taken away nor added later.
    if service.headless and (existing is None or existing["spec"].get("clusterIP") == _HEADLESS):
        spec["clusterIP"] = _HEADLESS
    if service.traffic_distribution:
        spec["trafficDistribution"] = service.traffic_distribution.value
    return {"apiVersion": "v1", "kind": "Service", "metadata": rendered, "spec": spec}


def _managed(
    wanted: Mapping[str, str], found: Mapping[str, str] | None, unmanaged: Iterable[str]
) -> dict[str, str]:
    """Take what is wanted, but what was found for the keys that are others'."""
    left = set(unmanaged)
    ours = {key: value for key, value in wanted.items() if key not in left}
    return ours | {key: value for key, value in (found or {}).items() if key in left}


def _given_away(canary: Canary, service: Manifest) -> Manifest:
    """Let a service outlive its Canary."""
    metadata = dict(service["metadata"])
    for part, ours in (("labels", {MANAGED_BY}), ("annotations", GITOPS_ANNOTATIONS.keys())):
        metadata[part] = {key: value for key, value in metadata[part].items() if key not in ours}
    metadata["ownerReferences"] = [
        owner for owner in metadata["ownerReferences"] if owner["uid"] != canary.metadata.uid
    ]
    return {**service, "metadata": metadata}


def _with_node_ports(ports: tuple[Manifest, ...], existing: Manifest | None) -> list[Manifest]:
    """Keep the node ports that a service has: they are in load balancers and firewalls."""
    found = {
        port.get("name", ""): port["nodePort"]
        for port in ((existing or {}).get("spec") or {}).get("ports") or ()
        if port.get("nodePort")
    }
    return [
        port | ({"nodePort": found[port["name"]]} if port["name"] in found else {})
        for port in ports
    ]


# -------------------------------------------------------------------------------- adopted services


def _adopted(label: SelectorLabel, ports: tuple[Manifest, ...], existing: Manifest) -> Manifest:
    original = _original(existing, partial(_leads_to_primary, label))
    kept = [
        {**port, "name": port.get("name") or f"port-{port['port']}"}
        for port in original.get("ports") or ()
        if not any(_same_port(port, each) for each in ports)
    ]
    taken_over = {
        "selector": {label.key: label.primary},
        "ports": [*_with_node_ports(ports, existing), *kept],
    }
    return _service(existing, adopted_metadata(existing, original), taken_over)


def _restored(label: SelectorLabel, existing: Manifest) -> Manifest:
    leads_to_primary = partial(_leads_to_primary, label)
    original = _original(existing, leads_to_primary)
    if leads_to_primary(original):
        # Nothing tells what it selected before.
        original["selector"] = {label.key: label.value}
    return _service(existing, released_metadata(existing), original)


def _original(existing: Manifest, taken_over: Callable[[Manifest], bool]) -> Manifest:
    """Find the parts of a service that are taken over, as they were before."""
    found = original_spec(existing, taken_over=taken_over)
    return {part: found[part] for part in _TAKEN_OVER if part in found}


def _service(existing: Manifest, metadata: Manifest, changes: Manifest) -> Manifest:
    spec = {**deepcopy(existing["spec"]), **deepcopy(changes)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _leads_to_primary(label: SelectorLabel, spec: Manifest) -> bool:
    return bool((spec.get("selector") or {}).get(label.key) == label.primary)


def _same_port(one: Manifest, other: Manifest) -> bool:
    """Tell whether a service could not have both ports."""
    numbers = [(port["port"], port.get("protocol", "TCP")) for port in (one, other)]
    return numbers[0] == numbers[1] or bool(one.get("name") == other["name"])
