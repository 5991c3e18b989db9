"""Skipper: beside the user's Ingress a second one, with both sides and their weights.

Of the routes with the path that fits best Skipper takes the one with the most predicates that all
hold. Those of an annotation count for each path of an Ingress.
https://opensource.zalando.com/skipper/kubernetes/ingress-backends/
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.shown import Description, shown
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.objects.ownership import decoded
from canary.objects.places import Path, Prefix
from canary.objects.render import Lacking, annotations, fields
from canary.routers import ClusterState
from canary.routers.abilities import WAYS, Abilities, Unsaid
from canary.routers.beside import Beside, BesideRouter
from canary.routers.ingresses import (
    INGRESS,
    KEPT,
    kept_annotations,
    kept_spec,
    leads_to,
    led_instead,
    users_ingress,
)
from canary.routers.matching import pattern
from canary.routers.shares import part, sides, weight_of

_PREFIX = "zalando.org/"
WEIGHTS = f"{_PREFIX}backend-weights"
PREDICATE = f"{_PREFIX}skipper-predicate"
FILTER = f"{_PREFIX}skipper-filter"
#: What makes the Ingress beside the user's preferred to it, for all requests or for some, or leaves
#: all to the user's.
_PREFERRED, _PREFERRED_FOR_SOME, _IDLE = "Weight(100)", "Weight(101)", "False()"
#: The methods that Skipper knows; a predicate with another one makes the route invalid.
_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_OWNS: tuple[Path, ...] = (*fields("rules"), *annotations(Prefix(_PREFIX)), *KEPT)


class SkipperRouter(BesideRouter):
    """Split traffic by the backend weights of a second Ingress."""

    name: ClassVar[str] = "skipper"
    kind: ClassVar[Kind] = INGRESS

    def abilities(self, canary: Canary) -> Abilities:
        """Weights, among all requests or those that satisfy one condition, and copies of all these."""
        return _WITHOUT_COPIES if _copies_a_share(canary) else _ABILITIES

    def pairs(self, canary: Canary) -> Iterable[tuple[str, str]]:
        """Name the user's Ingress, and the one beside it."""
        if canary.spec.ingress_ref:
            yield canary.spec.ingress_ref.name, f"{canary.spec.ingress_ref.name}-canary"

    def owns(self, _cluster: ClusterState) -> tuple[Path, ...]:
        """The rules, and Skipper's annotations."""
        return _OWNS

    def beside(
        self, canary: Canary, cluster: ClusterState, users: ObjectKey, traffic: Traffic
    ) -> Beside | Lacking:
        """Copy the hosts and paths that lead to the app, with both sides behind each."""
        found = users_ingress(canary, cluster, users)
        if isinstance(found, Lacking):
            return found
        return Beside(
            spec={"rules": _both(canary, found["spec"]), **kept_spec(found)},
            annotations=_annotations(canary, found, traffic),
        )

    def seen(self, canary: Canary, _cluster: ClusterState, found: Manifest) -> Seen | None:
        """Read the weights, which count for nothing while the Ingress takes no requests."""
        given = part(found, "metadata", "annotations")
        weights: Any = decoded(part(given, WEIGHTS))
        if not weights or not self.is_ours(canary, part(found, "spec")):
            return None
        predicate, filters = str(part(given, PREDICATE)), str(part(given, FILTER))
        if predicate.startswith(_IDLE):
            return Seen()
        weight = weight_of(canary, weights.items())
        if weight is None:
            return None
        return Seen(
            weight=weight,
            mirror=FULL if _tee(canary) in filters else 0,
            matched=predicate.startswith(_PREFERRED_FOR_SOME),
        )

    def is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether a path leads to the canary."""
        return leads_to(spec, canary.spec.canary_service_name)


def _both(canary: Canary, spec: object) -> list[Manifest]:
    """Copy the rules that lead to the app, each path once for each side."""
    primary, beside = (
        led_instead(spec, canary.spec.service_name, name).get("rules", ())
        for name, _ in sides(canary, 0)
    )
    return [
        rule | {"http": {"paths": [path for pair in _paired(rule, other) for path in pair]}}
        for rule, other in zip(primary, beside, strict=True)
    ]


def _paired(rule: Manifest, other: Manifest) -> Iterable[tuple[Manifest, Manifest]]:
    return zip(rule["http"]["paths"], other["http"]["paths"], strict=True)


def _annotations(canary: Canary, users: Manifest, traffic: Traffic) -> dict[str, str]:
    """Give Skipper's annotations of the user's Ingress, with weights, predicates and a filter more."""
    theirs = kept_annotations(users, _PREFIX)
    predicates = (*_predicates(traffic), theirs.get(PREDICATE, ""))
    weights = json.dumps(dict(sides(canary, traffic.weight)), separators=(",", ":"))
    written = {PREDICATE: " && ".join(filter(None, predicates)), WEIGHTS: weights}
    if traffic.mirror:
        filters = (theirs.get(FILTER, ""), _tee(canary))
        written[FILTER] = " -> ".join(filter(None, filters))
    return theirs | written


def _tee(canary: Canary) -> str:
    """Write the filter that copies requests to the canary, and follows no redirect of it."""
    spec = canary.spec
    host = f"{spec.canary_service_name}.{canary.metadata.namespace}.svc"
    return f'teenf("http://{host}:{spec.service.port}")'


# ------------------------------------------------------------------------------------- conditions


def _predicates(traffic: Traffic) -> Iterator[str]:
    """Write which requests the Ingress takes from the user's."""
    if not traffic.weight and not traffic.mirror:
        yield _IDLE
    elif traffic.match:
        yield _PREFERRED_FOR_SOME
        yield from _conditions(traffic.match[0])
    else:
        yield _PREFERRED


def _conditions(match: HttpMatch) -> Iterator[str]:
    """Write each part of a condition as a predicate, beside which the user's may have its like."""
    if match.method:
        yield _call("Methods", str(match.method.exact))
    for name, text in sorted(match.headers.items()):
        yield _call("HeaderRegexp", name, _whole(text))
    for name, text in sorted(match.query_params.items()):
        yield _call("QueryParam", name, _whole(text))


def _whole(text: StringMatch) -> str:
    return f"^(?:{pattern(text)})$"


def _call(predicate: str, *arguments: str) -> str:
    escaped = (each.replace("\\", r"\\").replace('"', r"\"") for each in arguments)
    quoted = ", ".join(f'"{each}"' for each in escaped)
    return f"{predicate}({quoted})"


def _unsaid(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name what the predicates of a single Ingress cannot say."""
    for index, match in enumerate(matches):
        if index or not any(_conditions(match)):
            yield Unsaid(
                path=f"[{index}]",
                value=Description("a condition without parts" if not index else "another one"),
                remedy="write one condition, on headers, query parameters or the method: there is one "
                "Ingress for it",
            )
        if match.method and match.method.exact not in _METHODS:
            yield Unsaid(
                path=f"[{index}].method.exact",
                value=shown(match.method.exact),
                remedy=f"write one of those that Skipper knows: {', '.join(sorted(_METHODS))}",
            )
        if any(name.lower() == "host" for name in match.headers):
            yield Unsaid(
                path=f"[{index}].headers.host",
                value=Description("a text"),
                remedy="remove it: Skipper compares hosts by the rules of your Ingress alone",
            )


def _copies_a_share(canary: Canary) -> bool:
    """Tell whether copies of some of the requests are asked for, as a share of them."""
    analysis = canary.spec.analysis
    shares = (analysis.mirror_weight if analysis.mirror else None, *_mirrored(canary))
    return any(share not in {None, 0, FULL} for share in shares)


def _mirrored(canary: Canary) -> Iterator[int]:
    return (int(step.mirror) for step in canary.spec.analysis.steps or ())


_ABILITIES = Abilities(
    service=frozenset(),
    conditions={
        **dict.fromkeys(("name", "headers", "query_params"), WAYS),
        "method": frozenset({"exact"}),
    },
    others="your Ingress says by which hosts and paths requests come in; the one beside it adds "
    "headers, query parameters and one method",
    unsaid=_unsaid,
    matches=True,
    mirrors=True,
    references=("ingress_ref",),
    entrance="the Ingress",
    # It asks for what has changed that often.
    settles=timedelta(seconds=3),
)
_WITHOUT_COPIES = replace(
    _ABILITIES,
    mirrors=False,
    reasons={"mirror": "Skipper's filter copies all requests of a route: leave mirrorWeight out"},
)
