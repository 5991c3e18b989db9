"""The Gateway API: an HTTPRoute, attached to Gateways or, inside a mesh, to Services (GAMMA).

Every default of the API is written out, so that what is read back is what was written.
https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from canary.api.analysis_spec import Analysis
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.rules import GATEWAY_API_HAS_PARENT
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem, SpecWarning
from canary.objects.places import Path
from canary.objects.render import fields
from canary.routers import ClusterState, RequiredField
from canary.routers.abilities import Abilities
from canary.routers.httproute import (
    ABILITIES,
    filters,
    http_match,
    mirror_filter,
    response_filter,
    route_problems,
    route_warnings,
    timeouts,
)
from canary.routers.parents import parent_reference, refusal
from canary.routers.rules import (
    COOKIE_HEADER,
    SET_COOKIE,
    Backend,
    RouteRule,
    keeps,
    kept_seen,
    rules,
)
from canary.routers.shares import entries, part, percent_of, route_seen, weight_of
from canary.routers.single import SingleObjectRouter

GROUP = "gateway.networking.k8s.io"
VERSIONS = ("v1", "v1beta1")

#: Where the percentage of that filter stands; without it, the filter copies every request.
_PERCENT = ("spec", "rules", "filters", "requestMirror", "percent")
#: What the API gives a backend without a weight.
_DEFAULT_WEIGHT = 1


class GatewayApiRouter(SingleObjectRouter):
    """Split traffic by the weights of an HTTPRoute's backends."""

    name: ClassVar[str] = "gatewayapi"
    variants: ClassVar[tuple[str, ...]] = VERSIONS
    owns: ClassVar[tuple[Path, ...]] = fields("parentRefs", "hostnames", "rules")

    def __init__(self, variant: str = "") -> None:
        """Make the router, for one version of the API or for the newest that is served."""
        super().__init__(
            Kind(
                group=GROUP,
                versions=(variant,) if variant else VERSIONS,
                kind="HTTPRoute",
                plural="httproutes",
            )
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """What an HTTPRoute can say."""
        return ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of an HTTPRoute and that it cannot say."""
        problems = tuple(route_problems(canary, self.name))
        if canary.spec.service.gateway_refs:
            return problems
        return (
            Problem("spec.service.gatewayRefs", None, GATEWAY_API_HAS_PARENT.remedy),
            *problems,
        )

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of an HTTPRoute that it cannot say, and that does no harm."""
        return tuple(route_warnings(canary, self.name))

    def required_fields(self, canary: Canary) -> tuple[RequiredField, ...]:
        """Name what not every release of the API has: it would be dropped, and not be missed."""
        return tuple(_required(canary, self.kind))

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the parents, the host names and the rules."""
        service = canary.spec.service
        spec: Manifest = {"parentRefs": [parent_reference(each) for each in service.gateway_refs]}
        # A route without host names answers to all of them; the API has no `*`.
        if service.hosts and "*" not in service.hosts:
            spec["hostnames"] = list(service.hosts)
        expressible = _expressible(traffic, cluster)
        return spec | {"rules": [_rule(canary, each) for each in rules(canary, expressible)]}

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights, and the copies, of the rules that lead to a side."""
        return route_seen(_rule_seen(canary, rule) for rule in entries(spec, "rules"))

    def refusal(self, manifest: Manifest) -> str:
        """Say which parent rejects the HTTPRoute, and why."""
        return refusal(manifest)


def _expressible(traffic: Traffic, cluster: ClusterState) -> Traffic:
    """Leave out a share of copies that the installed CRD would make all."""
    lost = 0 < traffic.mirror < FULL and _PERCENT in cluster.missing
    return replace(traffic, mirror=0) if lost else traffic


def _required(canary: Canary, kind: Kind) -> Iterator[RequiredField]:
    service = canary.spec.service
    for field, percent in _percentages(canary.spec.analysis):
        problem = Problem(
            field,
            percent,
            "install the CRDs of Gateway API 1.3 or later, or mirror every request: the installed "
            "HTTPRoute has no percentage, so every request would be mirrored",
        )
        yield RequiredField(kind=kind, path=_PERCENT, problem=problem)
    for field, limit in (("timeout", service.timeout), ("backendTimeout", service.backend_timeout)):
        if limit:
            problem = Problem(
                f"spec.service.{field}",
                limit,
                "install the CRDs of Gateway API 1.2 or later, or remove it: the installed "
                "HTTPRoute has no time limits, so requests would have none",
            )
            yield RequiredField(kind=kind, path=("spec", "rules", "timeouts"), problem=problem)


def _percentages(analysis: Analysis) -> Iterator[tuple[str, int]]:
    """Go through the shares of copies that are not all: path and percentage."""
    if analysis.mirror and analysis.mirror_weight not in {None, FULL}:
        yield "spec.analysis.mirrorWeight", analysis.mirror_weight
    for index, step in enumerate(analysis.steps or ()):
        if 0 < step.mirror < FULL:
            yield f"spec.analysis.steps[{index}].mirror", step.mirror


def _rule(canary: Canary, rule: RouteRule) -> Manifest:
    written: Manifest = {
        "matches": [http_match(match) for match in rule.matches or (HttpMatch(),)],
        "backendRefs": [_backend(canary, each) for each in rule.backends],
    }
    if changes := [*filters(canary.spec.service), *_copies(canary, rule.mirror)]:
        written["filters"] = changes
    if limits := timeouts(canary.spec.service):
        written["timeouts"] = limits
    return written


def _backend(canary: Canary, backend: Backend) -> Manifest:
    written = {**_service(canary, backend.service), "weight": backend.weight}
    if not backend.set_cookie:
        return written
    return written | {"filters": [response_filter({SET_COOKIE: backend.set_cookie})]}


def _service(canary: Canary, name: str) -> Manifest:
    return {"group": "", "kind": "Service", "name": name, "port": canary.spec.service.port}


def _copies(canary: Canary, percent: int) -> Iterator[Manifest]:
    """Give the filter that copies requests to the canary; without a percentage it copies all."""
    if percent:
        yield mirror_filter(_service(canary, canary.spec.canary_service_name), percent)


# ------------------------------------------------------------------------------------- reading


def _rule_seen(canary: Canary, rule: Manifest) -> Seen | None:
    backends = entries(rule, "backendRefs")
    weight = weight_of(
        canary,
        ((str(each.get("name")), each.get("weight", _DEFAULT_WEIGHT)) for each in backends),
    )
    if weight is None:
        return None
    copies = (_copied(canary, each.get("requestMirror")) for each in entries(rule, "filters"))
    seen = Seen(weight=weight, mirror=max(copies, default=0))
    cookies = (_cookie_condition(match) for match in entries(rule, "matches"))
    return kept_seen(seen) if keeps(cookies) else seen


def _cookie_condition(match: Manifest) -> object:
    """Read the condition on cookies; None without one."""
    named = (each for each in entries(match, "headers") if each.get("name") == COOKIE_HEADER)
    return part(next(named, None), "value")


def _copied(canary: Canary, mirror: object) -> int:
    """Read how many requests a filter copies to the canary, in percent."""
    if part(mirror, "backendRef", "name") != canary.spec.canary_service_name:
        return 0
    fraction = part(mirror, "fraction")
    if fraction is not None:
        return percent_of(part(fraction, "numerator"), part(fraction, "denominator") or FULL)
    percent = part(mirror, "percent")
    return FULL if percent is None else percent_of(percent)
