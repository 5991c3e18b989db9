"""What a person may do to Canaries: asked of the API server with their own identity.

Nothing is refused here: a button is disabled, and the API server decides about every write.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from canary.api.annotations import VERBS
from canary.api.kinds import Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError

KEPT_SECONDS = 30.0
PATCH = "patch"
_ANY = "*"
_ALL = ""
"""All namespaces."""
_GROUP = "authorization.k8s.io"
RULES = Kind(
    group=_GROUP,
    versions=("v1",),
    kind="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    namespaced=False,
)
ACCESS = Kind(
    group=_GROUP,
    versions=("v1",),
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    namespaced=False,
)


Place = tuple[str, str]
"""The Canaries of a group in a namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """The verbs that a rule allows, and the names that it is confined to; none for all."""

    verbs: frozenset[str]
    names: frozenset[str]

    def allows(self, verb: str, name: str) -> bool:
        """Tell whether it allows a verb on the Canary of a name."""
        return bool({verb, _ANY} & self.verbs) and (not self.names or name in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a person may do to the Canaries of a group in a namespace."""

    permits: tuple[Permit, ...]
    known: bool = True
    """Whether the API server has said so; where not, everything is offered."""

    def lacks(self, verb: str, name: str) -> str:
        """Name the verb of RBAC that is missing for a command; empty where none is."""
        if not self.known:
            return ""
        missing = (
            each
            for each in (PATCH, verb)
            if not any(permit.allows(each, name) for permit in self.permits)
        )
        return next(missing, "")


_UNKNOWN = Allowed(permits=(), known=False)


class Rights:
    """What one person may do, kept for a short while."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], float] = monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._kept: dict[Place, tuple[float, Allowed]] = {}
        self._seen: dict[Place, tuple[float, bool]] = {}

    async def to_canaries(self, group: str, namespace: str) -> Allowed:
        """Tell what the person may do to the Canaries of a group in a namespace."""
        now, place = self._clock(), (group, namespace)
        asked_at, allowed = self._kept.get(place, (float("-inf"), _UNKNOWN))
        if now - asked_at >= KEPT_SECONDS:
            allowed = await self._ask(group, namespace)
            self._kept[place] = now, allowed
        return allowed

    async def seen(self, places: Collection[Place]) -> Collection[Place]:
        """Tell in which of these places the person may list Canaries.

        Raises:
            ClusterError: the API server does not say so.
        """
        everywhere = {group for group, _ in places if await self._may_list(group, _ALL)}
        return {place for place in places if place[0] in everywhere or await self._may_list(*place)}

    async def _may_list(self, group: str, namespace: str) -> bool:
        now, place = self._clock(), (group, namespace)
        asked_at, allowed = self._seen.get(place, (float("-inf"), False))
        if now - asked_at >= KEPT_SECONDS:
            attributes = {"group": group, "resource": "canaries", "verb": "list"}
            within = {"namespace": namespace} if namespace != _ALL else {}
            answer = await self._review(ACCESS, {"resourceAttributes": attributes | within})
            allowed = answer.get("allowed") is True
            self._seen[place] = now, allowed
        return allowed

    async def _ask(self, group: str, namespace: str) -> Allowed:
        try:
            status = await self._review(RULES, {"namespace": namespace})
            if status.get("incomplete"):
                return await self._ask_each(group, namespace)
        except ClusterError:
            return _UNKNOWN
        rules = status.get("resourceRules") or ()
        return Allowed(permits=tuple(_permit(each) for each in rules if _concerns(each, group)))

    async def _ask_each(self, group: str, namespace: str) -> Allowed:
        """Ask for each verb: the API server cannot list the rules of all its authorizers."""
        verbs = (PATCH, *VERBS)
        attributes = {"group": group, "resource": "canaries", "namespace": namespace}
        answers = await asyncio.gather(
            *(
                self._review(ACCESS, {"resourceAttributes": attributes | {"verb": each}})
                for each in verbs
            )
        )
        allowed = {
            verb for verb, answer in zip(verbs, answers, strict=True) if answer.get("allowed")
        }
        return Allowed(permits=(Permit(verbs=frozenset(allowed), names=frozenset()),))

    async def _review(self, kind: Kind, spec: Manifest) -> Manifest:
        review = {"apiVersion": f"{_GROUP}/v1", "kind": kind.kind, "metadata": {}, "spec": spec}
        answer = await self._cluster.create(review, kind)
        status: Manifest = answer.get("status") or {}
        return status


def _concerns(rule: Manifest, group: str) -> bool:
    groups, resources = _words(rule.get("apiGroups")), _words(rule.get("resources"))
    return bool({group, _ANY} & groups) and bool({"canaries", _ANY} & resources)


def _permit(rule: Manifest) -> Permit:
    return Permit(verbs=_words(rule.get("verbs")), names=_words(rule.get("resourceNames")))


def _words(listed: Any) -> frozenset[str]:
    return frozenset(map(str, listed if isinstance(listed, Iterable) else ()))
