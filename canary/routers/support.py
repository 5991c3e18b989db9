"""What a Canary asks of its route, by field, and what of it a router does not understand."""

from collections.abc import Iterator

from canary.api.canary import Canary
from canary.api.shown import shown
from canary.errors import Problem

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

#: Fields that mean nothing without another one, of which it is told already.
_PART_OF = {"mirror_weight": "mirror"}


def routed_by(canary: Canary, router: str) -> str:
    """Name a Canary's router as its author does."""
    return canary.spec.provider or f"{router}, which the controller uses by default,"


def not_understood(
    canary: Canary,
    router: str,
    *,
    transport: str = "",
    service: frozenset[str],
    analysis: frozenset[str] = frozenset(),
) -> Iterator[Problem]:
    """Name the fields that are set and that a router understanding only these does not act on.

    `transport` narrows down when it does not.
    """
    for path, model, names, understood in (
        ("spec.service", canary.spec.service, SERVICE_FIELDS, service),
        ("spec.analysis", canary.spec.analysis, ANALYSIS_FIELDS, analysis),
    ):
        for field, written in names.items():
            value = getattr(model, field)
            told = getattr(model, _PART_OF.get(field, ""), None)
            if value not in (None, False, (), {}) and field not in understood and not told:
                yield Problem(
                    f"{path}.{written}",
                    shown(value),
                    f"remove it, or name another router: {routed_by(canary, router)}{transport} "
                    "cannot do this",
                )
