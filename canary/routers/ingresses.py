"""The Ingress of a user: what of it leads to a service, and the same with another service."""

from collections.abc import Iterator

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.objects.render import Lacking
from canary.routers import ClusterState
from canary.routers.shares import entries, part

INGRESS = Kind(group="networking.k8s.io", versions=("v1",), kind="Ingress", plural="ingresses")


def users_ingress(canary: Canary, cluster: ClusterState, key: ObjectKey) -> Manifest | Lacking:
    """Find an Ingress of the user that leads to the apex service; say what is missing otherwise."""
    found, service = cluster.existing.get(key), canary.spec.service_name
    if found is not None and leads_to(found.get("spec"), service):
        return found
    fault, remedy = (
        ("does not exist", f"create it, with Service {service} as a backend")
        if found is None
        else (
            f"does not lead to Service {service}",
            "name this Service in the backend of a path, or name another Ingress",
        )
    )
    return Lacking(
        kind=key.kind, namespace=key.namespace, name=key.name, remedy=remedy, fault=fault
    )


def leads_to(spec: object, service: str) -> bool:
    """Tell whether any backend of a spec is a service, whatever the spec holds."""
    return bool(led_instead(spec, service, service))


def led_instead(spec: object, service: str, instead: str) -> Manifest:
    """Copy the rules and the default backend that lead to a service, with another in its place."""
    led: Manifest = {}
    if rules := list(_rules(spec, service, instead)):
        led["rules"] = rules
    backend = part(spec, "defaultBackend")
    if _is(backend, service):
        led["defaultBackend"] = _with(backend, instead)
    return led


def _rules(spec: object, service: str, instead: str) -> Iterator[Manifest]:
    for rule in entries(spec, "rules"):
        paths = [
            path | {"backend": _with(path["backend"], instead)}
            for path in entries(rule, "http", "paths")
            if _is(path.get("backend"), service)
        ]
        if paths:
            yield rule | {"http": {"paths": paths}}


def _is(backend: object, service: str) -> bool:
    return bool(part(backend, "service", "name") == service)


def _with(backend: Manifest, service: str) -> Manifest:
    return backend | {"service": backend["service"] | {"name": service}}
