"""What a person may do to Canaries: asked of the API server with their own identity.

Nothing is refused here: a button is disabled, and the API server decides about every write.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from canary.api.annotations import VERBS
from canary.api.kinds import Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.dashboard.answers import Answers, Place
from canary.errors import ClusterError

KEPT_SECONDS = 30.0
PATCH = "patch"
_ASKED_VERBS = (PATCH, *VERBS)
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

    @property
    def everything(self) -> bool:
        """Whether they may give every command to every Canary."""
        return self.known and not any(self.lacks(verb, "") for verb in VERBS)

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
        self._kept = Answers(self._ask, clock=clock, seconds=KEPT_SECONDS)
        self._seen = Answers(self._may_list, clock=clock, seconds=KEPT_SECONDS)
        self._everywhere = Answers(self._ask_everywhere, clock=clock, seconds=KEPT_SECONDS)

    async def to_canaries(self, group: str, namespace: str) -> Allowed:
        """Tell what the person may do to the Canaries of a group in a namespace."""
        return await self._kept.get((group, namespace))

    async def to_all(self, places: Collection[Place], *, seconds: float) -> Mapping[Place, Allowed]:
        """Tell what the person may do in many places, as far as it is known in so many seconds.

        Who may do everything in all namespaces is not asked about each of them.
        """
        groups = sorted({group for group, _ in places})
        if len(places) > len(_ASKED_VERBS):
            asked = [(group, _ALL) for group in groups]
            found = await self._everywhere.known(asked, seconds=seconds, otherwise=_UNKNOWN)
            free = {group for (group, _), allowed in found.items() if allowed.everything}
        else:
            found, free = {}, set()
        others = [place for place in places if place[0] not in free]
        known = await self._kept.known(others, seconds=seconds, otherwise=_UNKNOWN)
        return {
            place: found[place[0], _ALL] if place[0] in free else known[place] for place in places
        }

    async def seen(self, places: Collection[Place]) -> Collection[Place]:
        """Tell in which of these places the person may list Canaries.

        Raises:
            ClusterError: the API server does not say so.
        """
        groups = sorted({group for group, _ in places})
        whole = await self._seen.all([(group, _ALL) for group in groups])
        single = [place for place in places if not whole[place[0], _ALL]]
        allowed = await self._seen.all(single)
        return {place for place in places if allowed.get(place, True)}

    async def _may_list(self, place: Place) -> bool:
        return await self._may(place, "list")

    async def _may(self, place: Place, verb: str) -> bool:
        group, namespace = place
        attributes = {"group": group, "resource": "canaries", "verb": verb}
        within = {"namespace": namespace} if namespace != _ALL else {}
        answer = await self._review(ACCESS, {"resourceAttributes": attributes | within})
        return answer.get("allowed") is True

    async def _ask(self, place: Place) -> Allowed:
        group, namespace = place
        try:
            status = await self._review(RULES, {"namespace": namespace})
            if status.get("incomplete"):
                return await self._ask_each(place)
        except ClusterError:
            return _UNKNOWN
        rules = status.get("resourceRules") or ()
        return Allowed(permits=tuple(_permit(each) for each in rules if _concerns(each, group)))

    async def _ask_everywhere(self, place: Place) -> Allowed:
        try:
            return await self._ask_each(place)
        except ClusterError:
            return _UNKNOWN

    async def _ask_each(self, place: Place) -> Allowed:
        """Ask for each verb: the API server cannot list the rules of all its authorizers."""
        answers = await asyncio.gather(*(self._may(place, verb) for verb in _ASKED_VERBS))
        allowed = frozenset(verb for verb, yes in zip(_ASKED_VERBS, answers, strict=True) if yes)
        return Allowed(permits=(Permit(verbs=allowed, names=frozenset()),))

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
