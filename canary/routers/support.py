"""What a Canary asks of its route, by field, and what of it a router refuses or ignores."""

from collections.abc import Iterator
from dataclasses import dataclass

from canary.api.canary import Canary
from canary.api.shown import shown
from canary.errors import Problem, SpecWarning

#: The fields of `spec.service` that say how requests are routed, with their names as written.
SERVICE_FIELDS = {
    "timeout": "timeout",
    "backend_timeout": "backendTimeout",
    "gateways": "gateways",
    "gateway_refs": "gatewayRefs",
    "hosts": "hosts",
    "delegation": "delegation",
    "traffic_policy": "trafficPolicy",
    "match": "match",
    "rewrite": "rewrite",
    "retries": "retries",
    "headers": "headers",
    "mirror": "mirror",
    "cors_policy": "corsPolicy",
    "mesh_name": "meshName",
    "backends": "backends",
}
#: The same for `spec.analysis`.
ANALYSIS_FIELDS = {
    "match": "match",
    "mirror": "mirror",
    "mirror_weight": "mirrorWeight",
    "session_affinity": "sessionAffinity",
}

#: Ornaments: fields that change nothing about who is routed where, so that a router which does not
#: understand one ignores it, as the peer does; and what a request meets then.
ORNAMENTS = {
    "timeout": "the route sets no time limit",
    "backend_timeout": "the route sets no time limit for a single call",
    "traffic_policy": "connections use the proxy's defaults",
    "rewrite": "requests keep their path and host",
    "retries": "the route does not retry requests",
    "headers": "the route does not change headers",
    "cors_policy": "CORS is left to the app",
    "mesh_name": "only App Mesh uses it",
    "backends": "only App Mesh uses it",
    "mirror_weight": "nothing is mirrored unless mirror is true",
}

#: Fields that mean nothing without another one, of which it is told already.
_PART_OF = {"mirror_weight": "mirror"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """The fields that a router acts on, out of those above."""

    service: frozenset[str]
    analysis: frozenset[str] = frozenset()
    transport: str = ""
    """Narrows down, after the router's name, when it acts on these alone."""


def routed_by(canary: Canary, router: str) -> str:
    """Name a Canary's router as its author does."""
    return canary.spec.provider or f"{router}, which the controller uses by default,"


def refused(canary: Canary, router: str, understood: Understood) -> Iterator[Problem]:
    """Name the fields that are set, that say who is routed where, and that a router can't express."""
    name = f"{routed_by(canary, router)}{understood.transport}"
    for path, field, value in _beyond(canary, understood):
        if field not in ORNAMENTS:
            remedy = f"remove it, or name another router: {name} cannot do this"
            yield Problem(path, shown(value), remedy)


def ignored(canary: Canary, router: str, understood: Understood) -> Iterator[SpecWarning]:
    """Name the ornaments that are set and that a router does not act on."""
    name = f"{routed_by(canary, router)}{understood.transport}"
    for path, field, value in _beyond(canary, understood):
        if field in ORNAMENTS:
            yield SpecWarning(path, shown(value), f"{name} ignores it: {ORNAMENTS[field]}")


def _beyond(canary: Canary, understood: Understood) -> Iterator[tuple[str, str, object]]:
    """Go through the fields that are set beyond what a router acts on: path, name and value."""
    for path, model, names, known in (
        ("spec.service", canary.spec.service, SERVICE_FIELDS, understood.service),
        ("spec.analysis", canary.spec.analysis, ANALYSIS_FIELDS, understood.analysis),
    ):
        for field, written in names.items():
            value = getattr(model, field)
            told = getattr(model, _PART_OF.get(field, ""), None)
            if value not in (None, False, (), {}) and field not in known and not told:
                yield f"{path}.{written}", field, value
