"""Skipper: beside the user's Ingress a second one, with both sides and their weights.

Of the routes that fit a request Skipper takes the one with the most predicates.
https://opensource.zalando.com/skipper/kubernetes/ingress-backends/
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.objects.ownership import decoded
from canary.objects.places import Path, Prefix
from canary.objects.render import Lacking, annotations, fields
from canary.routers import ClusterState
from canary.routers.abilities import Abilities
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
from canary.routers.shares import part, sides, weight_of

_PREFIX = "zalando.org/"
WEIGHTS = f"{_PREFIX}backend-weights"
PREDICATE = f"{_PREFIX}skipper-predicate"
#: What makes the Ingress beside the user's preferred to it, or leaves all requests to the user's.
_PREFERRED, _IDLE = "Weight(100)", "False()"
_OWNS: tuple[Path, ...] = (*fields("rules"), *annotations(Prefix(_PREFIX)), *KEPT)
_ABILITIES = Abilities(
    service=frozenset(),
    references=("ingress_ref",),
    entrance="the Ingress",
    # It asks for what has changed that often.
    settles=timedelta(seconds=3),
)


class SkipperRouter(BesideRouter):
    """Split traffic by the backend weights of a second Ingress."""

    name: ClassVar[str] = "skipper"
    kind: ClassVar[Kind] = INGRESS

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return _ABILITIES

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
        if str(part(given, PREDICATE)).startswith(_IDLE):
            return Seen()
        weight = weight_of(canary, weights.items())
        return None if weight is None else Seen(weight=weight)

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
    """Give Skipper's annotations of the user's Ingress, with the weights and a predicate more."""
    theirs = kept_annotations(users, _PREFIX)
    chosen = _PREFERRED if traffic.weight else _IDLE
    predicates = (chosen, theirs.get(PREDICATE, ""))
    weights = json.dumps(dict(sides(canary, traffic.weight)), separators=(",", ":"))
    return theirs | {PREDICATE: " && ".join(filter(None, predicates)), WEIGHTS: weights}
