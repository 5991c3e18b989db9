"""Skipper: beside the user's Ingress a second one, with both sides and their weights.

Of the routes that fit a request Skipper takes the one with the most predicates.
https://opensource.zalando.com/skipper/kubernetes/ingress-backends/
"""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.objects.ownership import decoded
from canary.objects.places import Path, Prefix
from canary.objects.render import Lacking, Render, Restoration, annotations, fields
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities
from canary.routers.defaults import RouterDefaults
from canary.routers.ingresses import INGRESS, leads_to, led_instead, users_ingress
from canary.routers.objects import render_object, restore_objects
from canary.routers.shares import part, sides, weight_of

_PREFIX = "zalando.org/"
WEIGHTS = f"{_PREFIX}backend-weights"
PREDICATE = f"{_PREFIX}skipper-predicate"
#: What makes the Ingress beside the user's preferred to it, or leaves all requests to the user's.
_PREFERRED, _IDLE = "Weight(100)", "False()"
#: The class of an Ingress from before `spec.ingressClassName`.
_CLASS = "kubernetes.io/ingress.class"
_OWNS: tuple[Path, ...] = (
    *fields("rules", "ingressClassName", "tls"),
    *annotations(Prefix(_PREFIX), _CLASS),
)
_ABILITIES = Abilities(service=frozenset(), references=("ingress_ref",), entrance="the Ingress")


class SkipperRouter(RouterDefaults):
    """Split traffic by the backend weights of a second Ingress."""

    name: ClassVar[str] = "skipper"
    kinds: ClassVar[tuple[Kind, ...]] = (INGRESS,)

    def __init__(self, _variant: str = "") -> None:
        """Make the router."""

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return _ABILITIES

    def objects(self, canary: Canary) -> Objects:
        """Name the user's Ingress, and the one beside it."""
        reference = canary.spec.ingress_ref
        if reference is None:
            return Objects()
        users, ours = (
            ObjectKey(kind=INGRESS, namespace=canary.metadata.namespace, name=name)
            for name in (reference.name, f"{reference.name}-canary")
        )
        return Objects(own=(ours,), read=(users,))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the Ingress beside the user's, with those hosts and paths that lead to the app."""
        objects = self.objects(canary)
        (ours,), (users,) = objects.own, objects.read
        found = users_ingress(canary, cluster, users)
        if isinstance(found, Lacking):
            return found
        kept = {
            name: found["spec"][name]
            for name in ("ingressClassName", "tls")
            if name in found["spec"]
        }
        rendered = render_object(
            canary,
            cluster,
            (ours, _OWNS),
            {"rules": _both(canary, found["spec"]), **kept},
            metadata=canary.spec.service.apex,
            annotations=_annotations(canary, found, traffic),
            ours=partial(_leads_to_canary, canary),
        )
        return (rendered,)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights, which count for nothing while the Ingress takes no requests."""
        for key in self.objects(canary).own:
            found = cluster.existing.get(key)
            given = part(found, "metadata", "annotations")
            weights: Any = decoded(part(given, WEIGHTS))
            if not weights or not _leads_to_canary(canary, part(found, "spec")):
                continue
            if str(part(given, PREDICATE)).startswith(_IDLE):
                return Seen()
            weight = weight_of(canary, weights.items())
            return None if weight is None else Seen(weight=weight)
        return None

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Remove the Ingress, or give it back where it was there before."""
        owned = ((key, _OWNS) for key in self.objects(canary).own)
        return restore_objects(canary, cluster, owned, ours=partial(_leads_to_canary, canary))


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
    theirs = {
        name: value
        for name, value in (users["metadata"].get("annotations") or {}).items()
        if name == _CLASS or name.startswith(_PREFIX)
    }
    chosen = _PREFERRED if traffic.weight else _IDLE
    predicates = (chosen, theirs.get(PREDICATE, ""))
    weights = json.dumps(dict(sides(canary, traffic.weight)), separators=(",", ":"))
    return theirs | {PREDICATE: " && ".join(filter(None, predicates)), WEIGHTS: weights}


def _leads_to_canary(canary: Canary, spec: object) -> bool:
    return leads_to(spec, canary.spec.canary_service_name)
