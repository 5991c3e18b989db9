"""Routes of the Gateway API for requests, attached to Gateways or, inside a mesh, to Services (GAMMA).

Every default of the API is written out, so that what is read back is what was written.
https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from canary.api.analysis_spec import Analysis
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.shown import shown
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem, SpecWarning
from canary.objects.places import Path
from canary.objects.render import Render, Restoration
from canary.routers import ClusterState, Objects, RequiredField
from canary.routers.abilities import refused
from canary.routers.gateway_known import (
    KnownRoutes,
    hostnames,
    only_names,
    service_reference,
)
from canary.routers.heeded import heeded
from canary.routers.httproute import (
    filters,
    mirror_filter,
    response_filter,
    route_problems,
)
from canary.routers.httproute_retries import retry, timeouts
from canary.routers.objects import restore_objects
from canary.routers.parents import (
    OWNED,
    acceptance,
    parent_problems,
    parent_reference,
    pending,
    refusal,
)
from canary.routers.rules import (
    COOKIE_HEADER,
    SET_COOKIE,
    Backend,
    RouteRule,
    keeps,
    kept_seen,
    rules,
)
from canary.routers.shares import entries, part, percent_of, route_seen, weights_seen
from canary.routers.single import SingleObjectRouter

GROUP = "gateway.networking.k8s.io"
VERSIONS = ("v1", "v1beta1")

MIRROR_PERCENT = ("spec", "rules", "filters", "requestMirror", "percent")
"""Where the percentage of the filter stands that copies requests; without it, all are copied."""
#: Where it stands which sites may read the answers.
_CORS = ("spec", "rules", "filters", "cors")
#: Where it stands how failed requests are repeated.
_RETRY = ("spec", "rules", "retry")
#: What the API gives a backend without a weight.
_DEFAULT_WEIGHT = 1


class GatewayRouter(SingleObjectRouter):
    """A router that says what a route can say, and how a condition is written; the rest is here."""

    name: ClassVar[str]
    owns: ClassVar[tuple[Path, ...]] = OWNED
    route_kind: ClassVar[Kind]

    def __init__(self, variant: str = "") -> None:
        """Make the router, for one version of the API or for the newest that is served."""
        versions = (variant,) if variant else self.route_kind.versions
        super().__init__(replace(self.route_kind, versions=versions))
        self._known = KnownRoutes(self.kind, self.condition, self._is_ours)

    @abstractmethod
    def condition(self, match: HttpMatch) -> Manifest:
        """Write a condition on requests."""

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of the route and that it cannot say."""
        abilities = self.abilities(canary)
        return (
            *parent_problems(canary),
            *refused(canary, self.name, abilities),
            *route_problems(heeded(canary, abilities)),
        )

    def required_fields(self, canary: Canary) -> tuple[RequiredField, ...]:
        """Name what not every release of the API has: it would be dropped, and not be missed."""
        return tuple(_required(heeded(canary, self.abilities(canary)), self.kind))

    def annotations(self, canary: Canary) -> Mapping[str, str]:
        """Say how many of the parents must accept the route."""
        return acceptance(canary)

    def objects(self, canary: Canary) -> Objects:
        """Name the route, and what has proxies know the services."""
        return replace(super().objects(canary), own=self._known.keys(canary))

    def render(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> tuple[Render, ...]:
        """Give what has proxies know the services, and then the route."""
        return (*self.beforehand(canary, cluster), *super().render(canary, cluster, traffic))

    def beforehand(self, canary: Canary, cluster: ClusterState) -> tuple[Render, ...]:
        """Name the services in a route that fits no request."""
        metadata, annotations = self.metadata(canary), self.annotations(canary)
        return tuple(self._known.render(canary, cluster, metadata, annotations))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give the route back; what has proxies know the services goes after that."""
        places = ((key, self.owns) for key in self.objects(canary).own)
        known = restore_objects(canary, cluster, places, ours=only_names)
        return super().restore(canary, cluster).then(known)

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the parents, the host names and the rules."""
        service = canary.spec.service
        spec: Manifest = {"parentRefs": [parent_reference(each) for each in service.gateway_refs]}
        if hosts := hostnames(service):
            spec["hostnames"] = hosts
        possible = expressible(traffic, cluster)
        written = (
            self._matches(rule) | _rule(canary, cluster, rule) for rule in rules(canary, possible)
        )
        return spec | {"rules": list(written)}

    def _matches(self, rule: RouteRule) -> Manifest:
        """Write which requests a rule is for; a condition that says nothing holds for all."""
        conditions = [self.condition(match) for match in rule.matches or (HttpMatch(),)]
        return {"matches": conditions} if all(conditions) else {}

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights, and the copies, of the rules that lead to a side."""
        return route_seen(rule_seen(canary, rule) for rule in entries(spec, "rules"))

    def refusal(self, manifest: Manifest) -> str:
        """Say which parent rejects the route, and why; what leads no request stops no run."""
        return "" if only_names(manifest.get("spec")) else refusal(manifest)

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether what the parents say of the route is of an earlier generation."""
        return pending(manifest)


def expressible(traffic: Traffic, cluster: ClusterState) -> Traffic:
    """Leave out a share of copies that the installed CRD would make all."""
    lost = 0 < traffic.mirror < FULL and MIRROR_PERCENT in cluster.missing
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
        yield RequiredField(kind=kind, path=MIRROR_PERCENT, problem=problem)
    for field, limit in (("timeout", service.timeout), ("backendTimeout", service.backend_timeout)):
        if limit:
            problem = Problem(
                f"spec.service.{field}",
                limit,
                "install the CRDs of Gateway API 1.2 or later, or remove it: the installed "
                "HTTPRoute has no time limits, so requests would have none",
            )
            yield RequiredField(kind=kind, path=("spec", "rules", "timeouts"), problem=problem)
    if service.cors_policy:
        warning = SpecWarning(
            "spec.service.corsPolicy",
            shown(service.cors_policy),
            "install the CRDs of Gateway API 1.5 or later, or the experimental ones of 1.3: the "
            "installed HTTPRoute has no CORS, which is left to the app",
        )
        yield RequiredField(kind=kind, path=_CORS, problem=warning)
    if retry(service):
        effect = (
            "install the experimental CRDs of Gateway API 1.2 or later: the installed HTTPRoute "
        )
        warning = SpecWarning(
            "spec.service.retries",
            shown(service.retries and service.retries.as_written()),
            f"{effect}has no retries, so requests are not repeated",
        )
        yield RequiredField(kind=kind, path=_RETRY, problem=warning)


def _percentages(analysis: Analysis) -> Iterator[tuple[str, int]]:
    """Go through the shares of copies that are not all: path and percentage."""
    if analysis.mirror and analysis.mirror_weight not in {None, FULL}:
        yield "spec.analysis.mirrorWeight", analysis.mirror_weight
    for index, step in enumerate(analysis.steps or ()):
        if 0 < step.mirror < FULL:
            yield f"spec.analysis.steps[{index}].mirror", step.mirror


def _rule(canary: Canary, cluster: ClusterState, rule: RouteRule) -> Manifest:
    """Write who answers the requests of a rule, and what happens to them."""
    service = canary.spec.service
    if _CORS in cluster.missing:
        service = service.but(cors_policy=None)
    parts = {
        "filters": [*filters(service), *_copies(canary, rule.mirror)],
        "timeouts": timeouts(service),
        "retry": {} if _RETRY in cluster.missing else retry(service),
    }
    backends = [_backend(canary, each) for each in rule.backends]
    return {"backendRefs": backends, **{name: value for name, value in parts.items() if value}}


def _backend(canary: Canary, backend: Backend) -> Manifest:
    written = {**service_reference(canary, backend.service), "weight": backend.weight}
    if not backend.set_cookie:
        return written
    return written | {"filters": [response_filter({SET_COOKIE: backend.set_cookie})]}


def _copies(canary: Canary, percent: int) -> Iterator[Manifest]:
    """Give the filter that copies requests to the canary; without a percentage it copies all."""
    if percent:
        yield mirror_filter(service_reference(canary, canary.spec.canary_service_name), percent)


# ------------------------------------------------------------------------------------- reading


def rule_seen(canary: Canary, rule: Manifest) -> Seen | None:
    """Read what a rule does; None where it leads to neither side."""
    backends = entries(rule, "backendRefs")
    split = weights_seen(
        canary,
        ((str(each.get("name")), each.get("weight", _DEFAULT_WEIGHT)) for each in backends),
    )
    if split is None:
        return None
    copies = (copied(canary, each.get("requestMirror")) for each in entries(rule, "filters"))
    seen = replace(split, mirror=max(copies, default=0))
    cookies = (_cookie_condition(match) for match in entries(rule, "matches"))
    return kept_seen(seen) if keeps(cookies) else seen


def _cookie_condition(match: Manifest) -> object:
    """Read the condition on cookies; None without one."""
    named = (each for each in entries(match, "headers") if each.get("name") == COOKIE_HEADER)
    return part(next(named, None), "value")


def copied(canary: Canary, mirror: object) -> int:
    """Read how many requests a filter copies to the canary, in percent."""
    if part(mirror, "backendRef", "name") != canary.spec.canary_service_name:
        return 0
    fraction = part(mirror, "fraction")
    if fraction is not None:
        return percent_of(part(fraction, "numerator"), part(fraction, "denominator") or FULL)
    percent = part(mirror, "percent")
    return FULL if percent is None else percent_of(percent)
