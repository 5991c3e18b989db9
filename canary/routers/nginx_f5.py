"""F5 NGINX Ingress Controller: a VirtualServerRoute, to which the user's VirtualServer leads.

https://docs.nginx.com/nginx-ingress-controller/configuration/virtualserver-and-virtualserverroute-resources/
"""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.raw import text
from canary.api.shown import shown
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem
from canary.objects.places import Path
from canary.objects.render import fields
from canary.routers import ClusterState
from canary.routers.abilities import WAYS, Abilities, Unsaid, refused, way
from canary.routers.condition_problems import cookie_problems, unreadable
from canary.routers.heeded import heeded
from canary.routers.matching import pattern
from canary.routers.objects import options, spec_before
from canary.routers.rules import (
    COOKIE_HEADER,
    SET_COOKIE,
    Backend,
    RouteRule,
    keeps,
    kept_seen,
    rules,
)
from canary.routers.shares import entries, part, route_seen, side_services, sides, weight_of
from canary.routers.single import SingleObjectRouter

#: The path of the user's VirtualServer that leads to the route.
_PATH = "/"
_HEADER = re.compile(r"[-A-Za-z0-9]+")
_PARAMETER = re.compile(r"[A-Za-z0-9_]+")
#: A value stands in quotes in the configuration.
_QUOTABLE = re.compile(r'([^"\\]|\\.)+')
#: What stands around an expression for a whole text.
_WHOLE = ("~^(?:", ")$")
#: What an upstream of a user's says beside how pods are spoken to; the labels are those of one side.
_WHERE = frozenset({"name", "service", "port", "subselector"})
#: Why no VirtualServer leads to a route that is fine by itself.
_UNLED = frozenset({"Ignored", "NoVirtualServerFound"})
#: What would be a variable, or escape something, in the value of a header.
_UNTAKEN = re.compile(r"[$\\]")


class NginxF5Router(SingleObjectRouter):
    """Split traffic by the splits of a VirtualServerRoute."""

    name: ClassVar[str] = "nginx-f5"
    owns: ClassVar[tuple[Path, ...]] = fields("host", "upstreams", "subroutes")

    def __init__(self, _variant: str = "") -> None:
        """Make the router; its API has one version."""
        super().__init__(
            Kind(
                group="k8s.nginx.org",
                versions=("v1",),
                kind="VirtualServerRoute",
                plural="virtualserverroutes",
            )
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, among all requests or among those that match."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of the route and that it cannot say."""
        return (
            *refused(canary, self.name, _ABILITIES),
            *cookie_problems(canary),
            *_host_problems(canary),
            *_attribute_problems(canary),
        )

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the upstreams of both sides and the route; a split of 0 stays, as there must be two."""
        *matched, last = rules(heeded(canary, _ABILITIES), traffic)
        port = canary.spec.service.port
        (key,) = self.objects(canary).adopted
        before = spec_before(canary, cluster, key, ours=partial(self._is_ours, canary))
        kept = options(canary, entries(before, "upstreams"), but=_WHERE, by="service")
        return {
            "host": canary.spec.service.hosts[0],
            "upstreams": [
                {**kept, "name": service, "service": service, "port": port}
                for service, _ in sides(canary, 0)
            ],
            "subroutes": [{"path": _PATH, **_matched(matched), **_led(last)}],
        }

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the splits; those of matches are for the requests that take part."""
        services = {
            text(each, "name"): text(each, "service") for each in entries(spec, "upstreams")
        }
        routes = entries(spec, "subroutes")
        rules = [each for route in routes for each in (*entries(route, "matches"), route)]
        return route_seen(_rule_seen(canary, services, rule) for rule in rules)

    def refusal(self, manifest: Manifest) -> str:
        """Say why the route is not taken, or that no VirtualServer leads to it; no generation is named."""
        status = manifest.get("status")
        state, reason = text(status, "state"), text(status, "reason")
        if state != "Invalid" and not (state == "Warning" and reason in _UNLED):
            return ""
        return f"the controller reports {state}: {reason}: {text(status, 'message')}"


def _matched(conditional: Sequence[RouteRule]) -> Manifest:
    """Give the rules for requests that satisfy a condition; the first one counts."""
    matches = [
        {"conditions": list(_conditions(match)), **_led(rule)}
        for rule in conditional
        for match in rule.matches
    ]
    return {"matches": matches} if matches else {}


def _led(rule: RouteRule) -> Manifest:
    """Give the splits of a rule, or the one side that all of its requests go to."""
    if len(rule.backends) == 1:
        return {"action": _action(rule.backends[0])}
    return {"splits": [{"weight": each.weight, "action": _action(each)} for each in rule.backends]}


def _action(backend: Backend) -> Manifest:
    """Pass requests on; a side has its cookie beside those that the app sets."""
    if not backend.set_cookie:
        return {"pass": backend.service}
    added = {"name": SET_COOKIE, "value": backend.set_cookie, "always": True}
    return {"proxy": {"upstream": backend.service, "responseHeaders": {"add": [added]}}}


def _conditions(match: HttpMatch) -> Iterator[Manifest]:
    for kind, named in (("header", match.headers), ("argument", match.query_params)):
        for name, condition in sorted(named.items()):
            yield {kind: name, "value": _value(condition)}
    if match.method:
        yield {"variable": "$request_method", "value": _value(match.method)}


def _value(condition: StringMatch) -> str:
    """Write a condition for the whole text; as plain text, upper and lower case would be the same."""
    return pattern(condition).join(_WHOLE)


def _rule_seen(canary: Canary, services: dict[str, str], rule: Manifest) -> Seen | None:
    """Read a rule that splits, or passes all to one side."""
    shares = [
        (_service(services, part(each, "action")), each.get("weight", 0))
        for each in entries(rule, "splits")
    ] or [(_service(services, part(rule, "action")), FULL)]
    weight = weight_of(canary, (each for each in shares if each[0] in side_services(canary)))
    if weight is None:
        return None
    values = [
        text(each, "value")
        for each in entries(rule, "conditions")
        if text(each, "header") == COOKIE_HEADER
    ]
    seen = Seen(weight=weight)
    return kept_seen(seen) if keeps(map(_unwrapped, values)) else seen


def _service(services: dict[str, str], action: object) -> str:
    upstream = text(action, "pass") or text(part(action, "proxy"), "upstream")
    return services.get(upstream, "")


def _unwrapped(value: str) -> str:
    """Give the expression that `_value` has written."""
    return value.removeprefix(_WHOLE[0]).removesuffix(_WHOLE[1])


def _unsaid(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name the conditions that do not fit into the configuration."""
    yield from unreadable(matches)
    for index, match in enumerate(matches):
        if not (match.headers or match.query_params or match.method):
            remedy = "name a header, query parameter or method: a match has at least one condition"
            yield Unsaid(path=f"[{index}].headers", value=None, remedy=remedy)
        for field, named, words, letters in (
            ("headers", match.headers, _HEADER, "hyphens"),
            ("queryParams", match.query_params, _PARAMETER, "underscores"),
        ):
            for name, condition in named.items():
                if not (words.fullmatch(name) and _QUOTABLE.fullmatch(_value(condition))):
                    remedy = (
                        f'use letters, digits and {letters} in the name, and escape " in the value'
                    )
                    path = f"[{index}].{field}.{name}"
                    yield Unsaid(path=path, value=way(condition)[1], remedy=remedy)
        if match.method and not _QUOTABLE.fullmatch(_value(match.method)):
            remedy = 'escape " in the value'
            yield Unsaid(path=f"[{index}].method", value=way(match.method)[1], remedy=remedy)


def _host_problems(canary: Canary) -> Iterator[Problem]:
    hosts = canary.spec.service.hosts
    if len(hosts) != 1 or "*" in hosts:
        value = shown(list(hosts)) if hosts else None
        remedy = "write one host, that of the VirtualServer which leads to the route"
        yield Problem("spec.service.hosts", value, remedy)


def _attribute_problems(canary: Canary) -> Iterator[Problem]:
    """Name what of a cookie the controller does not take into a header."""
    affinity = canary.spec.analysis.session_affinity
    for name, value in affinity.as_written().items() if affinity else ():
        if isinstance(value, str) and _UNTAKEN.search(value):
            place = f"spec.analysis.sessionAffinity.{name}"
            yield Problem(place, shown(value), "leave out $ and \\: the controller takes neither")


_ABILITIES = Abilities(
    service=frozenset({"hosts"}),
    # `name` is for people, and is left out.
    conditions=dict.fromkeys(("name", "method", "headers", "query_params"), WAYS),
    others="a VirtualServerRoute matches on the method, headers and query parameters; its path is the "
    "VirtualServer's",
    unsaid=_unsaid,
    matches=True,
    affinity=True,
    # NGINX is reloaded for each change.
    settles=timedelta(seconds=2),
)
