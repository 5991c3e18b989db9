"""APISIX: an ApisixRoute beside the user's, whose rules are preferred to those that they copy.

https://apisix.apache.org/docs/ingress-controller/concepts/apisix_route/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic, together
from canary.core.weights import FULL
from canary.objects.places import Path
from canary.objects.render import Lacking, fields
from canary.routers import ClusterState
from canary.routers.abilities import WAYS, Abilities, way
from canary.routers.accepted import outdated, rejection
from canary.routers.beside import Beside, BesideRouter
from canary.routers.matching import pattern
from canary.routers.shares import entries, part, percent_of, sides, weight_of

ROUTE = Kind(group="apisix.apache.org", versions=("v2",), kind="ApisixRoute", plural="apisixroutes")
_OWNS: tuple[Path, ...] = fields("http", "ingressClassName")
#: What the API gives a backend without a weight.
_DEFAULT_WEIGHT = 100
#: The plug-in that copies requests.
_MIRROR = "proxy-mirror"
#: In the name of a rule that only takes the requests that take part.
_MATCHED = "-matched-"
_ABILITIES = Abilities(
    service=frozenset(),
    # `name` is for people, and is left out.
    conditions=dict.fromkeys(("name", "uri", "method", "headers", "query_params"), WAYS),
    others="an ApisixRoute matches on path, method, headers and query parameters",
    matches=True,
    mirrors=True,
    references=("route_ref",),
    # Its workers follow one by one.
    settles=timedelta(seconds=5),
    entrance="the ApisixRoute",
)


class ApisixRouter(BesideRouter):
    """Split traffic by the weights of a second ApisixRoute's backends."""

    name: ClassVar[str] = "apisix"
    kind: ClassVar[Kind] = ROUTE

    def abilities(self, _canary: Canary) -> Abilities:
        """What an ApisixRoute can say, beside what the user's says already."""
        return _ABILITIES

    def pairs(self, canary: Canary) -> Iterable[tuple[str, str]]:
        """Name the user's ApisixRoute, and the one beside it."""
        reference, apex = canary.spec.route_ref, canary.spec.service_name
        if reference:
            yield reference.name, f"{reference.name}-{apex}-canary"

    def owns(self, _cluster: ClusterState) -> tuple[Path, ...]:
        """The rules, and the class."""
        return _OWNS

    def beside(
        self, canary: Canary, cluster: ClusterState, users: ObjectKey, traffic: Traffic
    ) -> Beside | Lacking:
        """Copy the rules that lead to the app, with both sides behind each."""
        found = cluster.existing.get(users)
        rules = [rule for rule in entries(found, "spec", "http") if _leads(canary, rule)]
        if not rules:
            return _lacking(canary, users, exists=found is not None)
        given = part(found, "spec", "ingressClassName")
        spec = {"http": [each for rule in rules for each in _rules(canary, rule, traffic)]}
        return Beside(spec=spec | ({"ingressClassName": given} if given else {}))

    def seen(self, canary: Canary, _cluster: ClusterState, found: Manifest) -> Seen | None:
        """Read the weights and copies of the rules that lead to a side."""
        rules = (_seen(canary, rule) for rule in entries(found, "spec", "http"))
        return together(rule for rule in rules if rule is not None)

    def is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether a rule leads to a side."""
        return any(_seen(canary, rule) for rule in entries(spec, "http"))

    def refusal(self, manifest: Manifest) -> str:
        """Say why APISIX does not take the ApisixRoute."""
        return rejection(manifest, "Accepted", "APISIX")

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether APISIX has yet to take the ApisixRoute as it is."""
        return outdated(manifest, "Accepted")


def _lacking(canary: Canary, users: ObjectKey, *, exists: bool) -> Lacking:
    service = canary.spec.service_name
    remedy = f"write a rule whose only backend is Service {service}"
    missing = Lacking(kind=ROUTE, namespace=users.namespace, name=users.name, remedy=remedy)
    return replace(missing, fault=f"has no rule for Service {service} alone") if exists else missing


def _leads(canary: Canary, rule: Manifest) -> bool:
    """Tell whether a rule's only backend is the apex service."""
    services = [each.get("serviceName") for each in entries(rule, "backends")]
    return services == [canary.spec.service_name]


def _rules(canary: Canary, rule: Manifest, traffic: Traffic) -> Iterator[Manifest]:
    """Copy a rule with both sides behind it, for each of the conditions; preferred to the rule."""
    (backend,) = entries(rule, "backends")
    backends = [
        backend | {"serviceName": name, "weight": weight}
        for name, weight in sides(canary, traffic.weight)
    ]
    copy = rule | {"backends": backends, "priority": _priority(rule) + 1}
    if traffic.mirror:
        others = (each for each in entries(rule, "plugins") if each.get("name") != _MIRROR)
        copy["plugins"] = [*others, _copies(canary, backend, traffic.mirror)]
    for index, match in enumerate(traffic.match):
        exprs = [*entries(rule, "match", "exprs"), *_exprs(match)]
        name = f"{rule.get('name')}{_MATCHED}{index}"
        yield copy | {"name": name, "match": {**(part(rule, "match") or {}), "exprs": exprs}}
    if not traffic.match:
        yield copy


def _priority(rule: Manifest) -> int:
    given = rule.get("priority")
    return given if isinstance(given, int) else 0


def _copies(canary: Canary, backend: Manifest, percent: int) -> Manifest:
    host = f"{canary.spec.canary_service_name}.{canary.metadata.namespace}.svc"
    config = {"host": f"http://{host}:{_port(canary, backend)}", "sample_ratio": percent / FULL}
    return {"name": _MIRROR, "enable": True, "config": config}


def _port(canary: Canary, backend: Manifest) -> int:
    """Give the number of a backend's port, which may be named."""
    port = backend.get("servicePort")
    return port if isinstance(port, int) else canary.spec.service.port


def _exprs(match: HttpMatch) -> Iterator[Manifest]:
    """Write a condition; all of its parts must hold."""
    variables = (("uri", match.uri), ("request_method", match.method))
    subjects: tuple[tuple[str, Mapping[str, StringMatch]], ...] = (
        ("Variable", {name: each for name, each in variables if each}),
        ("Header", {name.lower(): each for name, each in match.headers.items()}),
        ("Query", match.query_params),
    )
    for scope, texts in subjects:
        for name, text in sorted(texts.items()):
            how, value = way(text)
            exact = how == "exact"
            yield {
                "subject": {"scope": scope, "name": name},
                "op": "Equal" if exact else "RegexMatch",
                "value": value if exact else f"^(?:{pattern(text)})$",
            }


# ------------------------------------------------------------------------------------- reading


def _seen(canary: Canary, rule: Manifest) -> Seen | None:
    """Read what a rule does; None where it leads to neither side."""
    backends = entries(rule, "backends")
    weight = weight_of(
        canary,
        ((str(each.get("serviceName")), each.get("weight", _DEFAULT_WEIGHT)) for each in backends),
    )
    if weight is None:
        return None
    host = f"http://{canary.spec.canary_service_name}."
    copies = (
        percent_of(part(each, "config", "sample_ratio") or 0, 1)
        for each in entries(rule, "plugins")
        if str(part(each, "config", "host")).startswith(host) and each.get("enable")
    )
    matched = _MATCHED in str(rule.get("name"))
    return Seen(weight=weight, mirror=max(copies, default=0), matched=matched)
