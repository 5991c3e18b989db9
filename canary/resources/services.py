"""The services of a Canary: `<apex>-primary`, `<apex>-canary`, and the apex that clients call.

An apex service that was there before is adopted: only its selector and ports are taken over, ports
of its own stay, and both are put back as their owner wants them when the target takes over again.
One that tidegate created stays as well when its Canary goes: clients call it, so it is given away
(no owner, no mark of ours), and selects the target. So does a service of a side that the user's route
leads to by then: it selects the target too, and is ours without an owner.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from canary.api.annotations import WRITTEN
from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Manifest, ObjectKey, copy_of
from canary.api.service import ServiceMetadata, UnmanagedMetadata
from canary.core.actions import Side
from canary.objects.adoption import original_spec, recorded_adoption
from canary.objects.ownership import GITOPS_ANNOTATIONS, MANAGED_BY, owned, written_before
from canary.objects.render import Render, fields
from canary.objects.taking import adopted_as, made, released
from canary.resources.names import Selectors, pod_labels
from canary.resources.ports import merged, port_key, to_original, with_node_ports

#: `clusterIP` of a service without one.
_HEADLESS = "None"
#: What is taken over from an adopted service.
_TAKEN_OVER = ("selector", "ports")


def services(
    canary: Canary,
    selectors: Selectors,
    ports: Iterable[Manifest],
    existing: Mapping[str, Manifest],
    apex: Side | None,
    *,
    left: frozenset[str] = frozenset(),
) -> tuple[Render, ...]:
    """Give the services, the apex last; `existing` are those that exist, by name.

    Those of the sides that are `left` behind lead to the target, and go with no Canary.

    `apex` is the side that the apex service leads to: the primary's, or the target's once it is
    given back. Without a side the apex is left out, and so is one that would have to be created
    only to lead to the target.
    """
    spec, own_ports, label = canary.spec, tuple(ports), selectors.label.key
    wanted = (
        (spec.primary_service_name, selectors.primary, spec.service.primary),
        (spec.canary_service_name, selectors.target, spec.service.canary),
    )
    rendered = [
        _left(
            side_service(
                canary, label, name, selectors.target, metadata, own_ports, existing.get(name)
            )
        )
        if name in left
        else side_service(canary, label, name, pods, metadata, own_ports, existing.get(name))
        for name, pods, metadata in wanted
    ]
    found = existing.get(spec.service_name)
    if apex is Side.PRIMARY:
        rendered.append(apex_service(canary, selectors, own_ports, found, apex))
    elif apex is Side.TARGET and found and owned(canary, found):
        service = apex_service(canary, selectors, own_ports, found, apex)
        rendered.append(_given_away(service))
    elif apex is Side.TARGET and found:
        rendered.append(_restored(canary, selectors, own_ports, found))
    return tuple(rendered)


def services_outline(workload: Manifest) -> Manifest:
    """Give the part of a workload that services are made from."""
    spec = workload["spec"]
    containers = [
        {"name": container["name"], "ports": container.get("ports") or []}
        for container in spec["template"]["spec"].get("containers") or ()
    ]
    template = {
        "metadata": {"labels": pod_labels(workload)},
        "spec": {"containers": containers},
    }
    return {"spec": {"selector": spec.get("selector") or {}, "template": template}}


def apex_service(
    canary: Canary,
    selectors: Selectors,
    ports: Iterable[Manifest],
    found: Manifest | None,
    leads_to: Side | Mapping[str, str],
) -> Render:
    """Give the apex service, own or adopted, as it leads to the pods of a side or of some labels."""
    own_ports = tuple(ports)
    if isinstance(leads_to, Side):
        leads_to = selectors.primary if leads_to is Side.PRIMARY else selectors.target
    pods = leads_to
    if found is not None and not owned(canary, found):
        return _adopted(canary, selectors, pods, own_ports, found)
    name, metadata = canary.spec.service_name, canary.spec.service.apex
    return side_service(canary, selectors.label.key, name, pods, metadata, own_ports, found)


# ------------------------------------------------------------------------------------ own services


def side_service(
    canary: Canary,
    label: str,
    name: str,
    pods: Mapping[str, str],
    metadata: ServiceMetadata | None,
    ports: tuple[Manifest, ...],
    existing: Manifest | None,
) -> Render:
    """Give a service of our own that leads to some pods."""
    service, wanted = canary.spec.service, metadata or ServiceMetadata()
    labels = {label: name, **wanted.labels}
    annotations = {**wanted.annotations, **GITOPS_ANNOTATIONS}
    unmanaged = service.unmanaged_metadata or UnmanagedMetadata()
    found = existing["metadata"] if existing else {}
    there = (existing["spec"].get("ports") or ()) if existing else ()
    theirs = _ports_of_others(ports, existing)
    spec: Manifest = {
        "selector": dict(pods),
        "ports": [*with_node_ports(ports, there), *theirs],
    }
    if service.headless:
        # An address is given once: it can neither be taken away nor added later.
        spec["clusterIP"] = _HEADLESS
    if service.traffic_distribution:
        spec["trafficDistribution"] = service.traffic_distribution.value
    return made(
        canary,
        _key(canary, name),
        {"spec": spec},
        owns=fields(*_TAKEN_OVER, "trafficDistribution"),
        found=existing,
        labels=_managed(labels, found.get("labels"), unmanaged.labels),
        annotations=_managed(annotations, found.get("annotations"), unmanaged.annotations),
        ports=map(port_key, ports),
    )


def _key(canary: Canary, name: str) -> ObjectKey:
    return ObjectKey(kind=SERVICE, namespace=canary.metadata.namespace, name=name)


def _managed(
    wanted: Mapping[str, str], found: Mapping[str, str] | None, unmanaged: Iterable[str]
) -> dict[str, str]:
    """Take what is wanted, but what was found for the keys that are others'."""
    left = set(unmanaged)
    ours = {key: value for key, value in wanted.items() if key not in left}
    return ours | {key: value for key, value in (found or {}).items() if key in left}


def _ports_of_others(ports: tuple[Manifest, ...], existing: Manifest | None) -> list[Manifest]:
    """List the ports that others added; without a record of ours, all of them are ours."""
    ours = written_before(existing).get("ports")
    if existing is None or ours is None:
        return []
    known = {*ours, *map(port_key, ports)}
    return [port for port in existing["spec"].get("ports") or () if port_key(port) not in known]


def _given_away(service: Render) -> Render:
    """Let a service outlive its Canary: of what is ours in it no mark stays."""
    marks = {MANAGED_BY, WRITTEN, *GITOPS_ANNOTATIONS}
    metadata = {
        part: {key: value for key, value in values.items() if key not in marks}
        for part, values in service.manifest["metadata"].items()
        if part in {"labels", "annotations"}
    }
    identity = {part: service.manifest["metadata"][part] for part in ("name", "namespace")}
    return replace(service, manifest=service.manifest | {"metadata": identity | metadata})


def _left(service: Render) -> Render:
    """Let a service outlive its Canary, as one of ours without an owner."""
    metadata = {**service.manifest["metadata"]}
    del metadata["ownerReferences"]
    return replace(service, manifest=service.manifest | {"metadata": metadata})


# -------------------------------------------------------------------------------- adopted services


def _adopted(
    canary: Canary,
    selectors: Selectors,
    pods: Mapping[str, str],
    ports: tuple[Manifest, ...],
    existing: Manifest,
) -> Render:
    original = _original(selectors, ports, existing)
    found = existing["spec"].get("ports") or ()
    taken_over = {
        "selector": dict(pods),
        "ports": merged(ports, original.get("ports") or (), found),
    }
    return adopted_as(
        canary,
        _key(canary, existing["metadata"]["name"]),
        {"spec": taken_over},
        owns=fields(*_TAKEN_OVER),
        found=existing,
        original={"spec": original, "given": taken_over},
    )


def _restored(
    canary: Canary, selectors: Selectors, ports: tuple[Manifest, ...], existing: Manifest
) -> Render:
    original = _original(selectors, ports, existing)
    if selectors.lead_to_primary(original):
        # Nothing tells what it selected before.
        original["selector"] = dict(selectors.target)
    recorded = recorded_adoption(existing)
    # A part that was given to a service that had none is taken away again.
    given = (recorded[1] or ()) if recorded else ()
    key = _key(canary, existing["metadata"]["name"])
    return released(key, original, owns=fields(*original, *given), found=existing)


def _original(selectors: Selectors, ports: tuple[Manifest, ...], existing: Manifest) -> Manifest:
    """Find the parts of a service that are taken over, as its owner wants them.

    What the service was given is the owner's no longer; what differs from that was written by the
    owner since, be it one part of the spec or one port.
    """
    spec = existing.get("spec") or {}
    recorded = recorded_adoption(existing)
    if recorded is None:
        before = original_spec(existing, taken_over=selectors.lead_to_primary)
        return {part: before[part] for part in _TAKEN_OVER if part in before}
    before, given = recorded
    original = {part: before[part] for part in _TAKEN_OVER if part in before}
    if given is None:
        theirs = before.get("ports") or ()
        given = {"ports": merged(ports, theirs, theirs)}
    if spec.get("selector") != given.get("selector") and not selectors.lead_to_primary(spec):
        original["selector"] = spec.get("selector") or {}
    if "ports" in before:
        original["ports"] = to_original(
            spec.get("ports") or (), given.get("ports") or (), before["ports"] or ()
        )
    return copy_of(original)
