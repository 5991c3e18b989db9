"""Gloo: a RouteTable, to which the user's VirtualService delegates.

Of its routes the first that fits a request is taken.
https://docs.solo.io/gloo-edge/latest/reference/api/github.com/solo-io/gloo/projects/gateway/api/v1/route_table.proto.sk/
"""

from collections.abc import Iterator
from typing import ClassVar

from analysis.durations import parse_duration
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.raw import text
from canary.api.service import Service
from canary.api.shown import shown
from canary.api.traffic import HttpMatch, Retries, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem, SpecWarning
from canary.objects.places import Path
from canary.objects.render import fields
from canary.routers import ClusterState
from canary.routers.abilities import Abilities, ignored, refused, way
from canary.routers.condition_problems import OF_ONE_METHOD, cookie_problems, path_problems
from canary.routers.heeded import heeded
from canary.routers.matching import match_problems, pattern
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

#: How a RouteTable's status says that it is not served, in words and, of old, in numbers.
_REJECTED = ("Rejected", 2)
_ABILITIES = Abilities(
    service=frozenset({"timeout", "match", "retries"}),
    conditions=OF_ONE_METHOD,
    others="a RouteTable matches on path, one method, headers and query parameters",
    matches=True,
    mirrors=True,
    affinity=True,
    entrance="the VirtualService",
)


class GlooRouter(SingleObjectRouter):
    """Split traffic by the weights of a RouteTable's destinations."""

    name: ClassVar[str] = "gloo"
    owns: ClassVar[tuple[Path, ...]] = fields("routes")

    def __init__(self, _variant: str = "") -> None:
        """Make the router; its API has one version."""
        super().__init__(
            Kind(group="gateway.solo.io", versions=("v1",), kind="RouteTable", plural="routetables")
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """What a RouteTable can say."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of a RouteTable and that it cannot say."""
        return (
            *refused(canary, self.name, _ABILITIES),
            *match_problems(canary),
            *path_problems(canary),
            *cookie_problems(canary),
        )

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of a RouteTable without effect, such as the peer's Upstreams."""
        reference = canary.spec.upstream_ref
        effect = (
            "not copied: requests go to the Services of both sides, for which Gloo makes Upstreams "
            "of its own"
        )
        others = ignored(canary.but(spec=canary.spec.but(upstream_ref=None)), self.name, _ABILITIES)
        named = (SpecWarning("spec.upstreamRef", shown(reference), effect),) if reference else ()
        return (*named, *others)

    def spec(self, canary: Canary, _cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the route of each rule, in their order."""
        written = rules(heeded(canary, _ABILITIES), traffic)
        return {"routes": [_route(canary, rule) for rule in written]}

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights, and the copies, of the routes that lead to a side."""
        return route_seen(_rule_seen(canary, each) for each in entries(spec, "routes"))

    def refusal(self, manifest: Manifest) -> str:
        """Say why Gloo rejects the RouteTable; its status names no generation."""
        status = manifest.get("status")
        by_place = part(status, "statuses")
        said = (status, *(by_place.values() if isinstance(by_place, dict) else ()))
        rejecting = (each for each in said if part(each, "state") in _REJECTED)
        return "; ".join(f"Gloo rejects it: {text(each, 'reason')}" for each in rejecting)


def _route(canary: Canary, rule: RouteRule) -> Manifest:
    """Write a rule; a side has its cookie beside those that the app sets."""
    options = _options(canary.spec.service) | _copies(canary, rule.mirror)
    destinations = [_weighted(canary, backend) for backend in rule.backends]
    route = {
        "matchers": [_matcher(match) for match in rule.matches or (HttpMatch(),)],
        "routeAction": {"multi": {"destinations": destinations}},
    }
    return route | ({"options": options} if options else {})


def _weighted(canary: Canary, backend: Backend) -> Manifest:
    weighted = {
        "destination": {"kube": _kube(canary, backend.service)},
        "weight": backend.weight,
    }
    if not backend.set_cookie:
        return weighted
    added = {"header": {"key": SET_COOKIE, "value": backend.set_cookie}, "append": True}
    return weighted | {"options": {"headerManipulation": {"responseHeadersToAdd": [added]}}}


def _kube(canary: Canary, service: str) -> Manifest:
    reference = {"name": service, "namespace": canary.metadata.namespace}
    return {"ref": reference, "port": canary.spec.service.port}


def _options(service: Service) -> Manifest:
    options: Manifest = {}
    if service.timeout:
        options["timeout"] = _seconds(service.timeout)
    if service.retries:
        options["retries"] = _retries(service.retries)
    return options


def _retries(retries: Retries) -> Manifest:
    written: Manifest = {"numRetries": 1 if retries.attempts is None else retries.attempts}
    if retries.retry_on:
        written["retryOn"] = retries.retry_on
    if retries.per_try_timeout:
        written["perTryTimeout"] = _seconds(retries.per_try_timeout)
    return written


def _seconds(duration: str) -> str:
    """Write a duration as protobuf does in JSON, in seconds."""
    return f"{parse_duration(duration):.9f}".rstrip("0").rstrip(".") + "s"


def _copies(canary: Canary, percent: int) -> Manifest:
    """Copy requests to the upstream that Gloo discovers for the canary's service."""
    if not percent:
        return {}
    namespace, port = canary.metadata.namespace, canary.spec.service.port
    name = f"kube-svc:{namespace}-{canary.spec.canary_service_name}-{port}"
    upstream = {"name": name, "namespace": namespace}
    return {"shadowing": {"upstream": upstream, "percentage": percent}}


def _matcher(match: HttpMatch) -> Manifest:
    matcher = _path(match.uri)
    if match.method:
        matcher["methods"] = [match.method.exact]
    for field, texts in (("headers", match.headers), ("queryParameters", match.query_params)):
        if texts:
            matcher[field] = [_named(name, each) for name, each in sorted(texts.items())]
    return matcher


def _path(uri: StringMatch | None) -> Manifest:
    if uri is None:
        return {"prefix": "/"}
    how, value = way(uri)
    return {"regex": pattern(uri)} if how == "suffix" else {how: value}


def _named(name: str, match: StringMatch) -> Manifest:
    how, value = way(match)
    if how == "exact":
        return {"name": name, "value": value}
    return {"name": name, "value": pattern(match), "regex": True}


def _rule_seen(canary: Canary, route: Manifest) -> Seen | None:
    """Read what a route does; None where it leads to neither side."""
    weights = [
        (str(part(each, "destination", "kube", "ref", "name")), each.get("weight", 0))
        for each in entries(route, "routeAction", "multi", "destinations")
    ]
    # A single destination gets everything, whatever its weight.
    if len(weights) == 1:
        weights = [(weights[0][0], FULL)]
    weight = weight_of(canary, weights)
    if weight is None:
        return None
    shadowing = part(route, "options", "shadowing")
    name = str(part(shadowing, "upstream", "name"))
    copied = f"-{canary.spec.canary_service_name}-" in name
    mirror = percent_of(part(shadowing, "percentage") or 0) if copied else 0
    seen = Seen(weight=weight, mirror=mirror)
    return kept_seen(seen) if keeps(_cookies(route)) else seen


def _cookies(route: Manifest) -> Iterator[object]:
    """Give the condition on cookies of each alternative."""
    for matcher in entries(route, "matchers"):
        named = {str(each.get("name")): each for each in entries(matcher, "headers")}
        yield part(named.get(COOKIE_HEADER), "value")
