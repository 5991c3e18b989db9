"""The Ingress of a user: what of it leads to a service, and the same with another service."""

from collections.abc import Iterator

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.objects.places import Path
from canary.objects.render import Lacking, annotations, fields
from canary.routers import ClusterState
from canary.routers.shares import entries, part

INGRESS = Kind(group="networking.k8s.io", versions=("v1",), kind="Ingress", plural="ingresses")
#: The class of an Ingress from before `spec.ingressClassName`.
_CLASS = "kubernetes.io/ingress.class"
#: What an Ingress says of itself rather than of a path.
_OF_ITSELF = ("ingressClassName", "tls")
KEPT: tuple[Path, ...] = (*fields(*_OF_ITSELF), *annotations(_CLASS))
"""Where an Ingress beside the user's says what that one says of itself."""


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


def kept_spec(users: Manifest) -> Manifest:
    """Pick what the spec of an Ingress says of itself."""
    spec = users["spec"]
    return {name: spec[name] for name in _OF_ITSELF if name in spec}


def kept_annotations(users: Manifest, *prefixes: str) -> dict[str, str]:
    """Pick the annotation with the class of an Ingress, and those with some prefixes."""
    given = users["metadata"].get("annotations") or {}
    return {
        name: value for name, value in given.items() if name == _CLASS or name.startswith(prefixes)
    }


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
