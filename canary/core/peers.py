"""Peers: what a Canary knows of others, and which of them would undo its work.

What waits for others is in `dependency.py` and `group.py`. Two Canaries with one target, or one service,
are rivals; so are two of different namespaces with one service whose routes are one thing. Rule 1: a
rival has what it is made under, whichever of the two is older; where neither has it yet, the older one
gets it. Rule 2: one that is being deleted is waited for, until it has given back what it has.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from canary.api.canary import CanarySpec
from canary.api.kinds import Kind
from canary.api.status import INVALID_STATE, CanaryStatus, Names, Phase, Stage
from canary.errors import Problem

_AT_REST = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED})
_BEYOND = _AT_REST | {Phase.PROMOTING, Phase.FINALISING}
"""The phases of a Canary that has passed all its steps."""
_UNSURE = frozenset({Stage.HELD, Stage.SUSPENDED})
"""Stages at which a Canary at rest may have a new revision that it does not start."""


class CanaryName(NamedTuple):
    """How a Canary is named by another one."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a Canary has come, as others see it."""

    phase: Phase = Phase.NEW
    since: datetime | None = None
    """Since when it is in this phase."""
    release: str = ""
    """The release of the revision that it tests, or tested last."""
    settled: bool = False
    """At rest, with all that is known of its target promoted."""
    invalid: bool = False
    """Its spec can't be acted on."""
    passed: int = -1
    """The step that it has passed, 0 where its canary is ready; -1 before that."""
    passed_all: bool = False

    @classmethod
    def of(cls, status: CanaryStatus) -> "Progress":
        """Read the progress of a Canary from its status."""
        run, phase = status.run, status.phase
        invalid = status.state == INVALID_STATE
        at_rest = phase in _AT_REST and status.last_applied_spec == status.last_promoted_spec
        unsure = status.stage is not None and status.stage.name in _UNSURE
        passed = -1
        if run is not None and phase in {Phase.PROGRESSING, Phase.WAITING_PROMOTION}:
            waits = -1 if run.passed_step is None else run.passed_step
            passed = max(waits, run.step - 1)
        return cls(
            phase=phase,
            since=status.last_transition_time,
            release=status.release,
            settled=at_rest and not unsure and not invalid,
            invalid=invalid,
            passed=passed,
            passed_all=phase in _BEYOND or 0 < status.steps <= passed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A Canary, as others see it: when this changes, they are woken."""

    group: str
    namespace: str
    name: str
    created: str
    """metadata.creationTimestamp."""
    deleting: bool
    kind: str
    """The kind of its target."""
    target: str
    """The name of its target; empty where it can't be read."""
    services: tuple[str, ...]
    """The names of its apex services: of the spec, the one held, and former ones with a rest."""
    held: Names
    """The names that everything is made under; empty ones before anything is."""
    everywhere: tuple[Kind, ...] = ()
    """The kinds of its route of which two of one name are one thing, whatever their namespaces."""
    progress: Progress = Progress()
    coming: str = ""
    """The release that its target carries now; empty where none, or where that is not known."""
    depends_on: tuple[CanaryName, ...] = ()
    """The Canaries that must have promoted before it starts."""
    member_of: str = ""
    """The name of its group; empty without one."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """Its targets, by kind and name: that of the spec, and the one that it is made for."""
        named = ((self.kind, self.target), self.held_target)
        return tuple(dict.fromkeys(each for each in named if each[1]))

    @property
    def held_target(self) -> tuple[str, str]:
        """The target that it is made for, by kind and name."""
        # A status of an earlier release does not name the kind.
        return self.held.kind or self.kind, self.held.target


def cyclic(own: Peer, find: Callable[[CanaryName], Peer | None]) -> tuple[Problem, ...]:
    """Say by which way a Canary depends on itself; nothing where it does not."""
    here = CanaryName(own.namespace, own.name)
    ways: list[tuple[CanaryName, ...]] = [(here, each) for each in own.depends_on]
    seen: set[CanaryName] = set()
    while ways:
        way = ways.pop(0)
        last = way[-1]
        if last == here:
            remedy = "no run of these Canaries could start: remove one of the dependencies"
            return (Problem("spec.dependsOn", " → ".join(map(str, way)), remedy),)
        if last not in seen:
            seen.add(last)
            found = find(last)
            ways += [(*way, each) for each in (found.depends_on if found else ())]
    return ()


def leaving_rival(spec: CanarySpec, others: Iterable[Peer]) -> Peer | None:
    """Find a rival that is being deleted."""
    target = spec.target_ref.kind, spec.target_ref.name
    return next(
        (
            other
            for other in others
            if other.deleting and (target in other.targets or spec.service_name in other.services)
        ),
        None,
    )


def rivalry(own: Peer, others: Iterable[Peer]) -> tuple[Problem, ...]:
    """Say what a rival has already that this Canary asks for; nothing where none has."""
    target, service = (own.kind, own.target), next(iter(own.services), "")
    for other in others:
        if other.deleting:
            continue
        apart, why = _apart(own, other), ""
        if apart:
            kind = next((kind for kind in own.everywhere if kind in other.everywhere), None)
            if kind is None:
                continue
            why = f"each {kind.kind} of a name is the same one in every namespace, and "
        elif target in other.targets and _before(
            other, own, lambda peer: 0 if peer.held_target == target else 1
        ):
            remedy = f"delete one of the two Canaries: {other} has this target already"
            return (Problem("spec.targetRef.name", own.target, remedy),)
        if service in {*other.services} - {""} and _before(
            other, own, lambda peer: _hold_on_service(peer, service)
        ):
            remedy = f"name another service: {why}that of {other} has this name already"
            return (Problem("spec.service.name", service, remedy),)
    return ()


def _apart(own: Peer, other: Peer) -> bool:
    """Tell whether two Canaries are in different namespaces for sure: that of a file is not known."""
    return bool(own.namespace and other.namespace) and own.namespace != other.namespace


def _before(other: Peer, own: Peer, rank: Callable[[Peer], int]) -> bool:
    """Tell whether another Canary has something before this one."""
    return _place(other, rank(other)) < _place(own, rank(own))


def _place(peer: Peer, rank: int) -> tuple[int, str, str, str, str]:
    return rank, peer.created, peer.group, peer.namespace, peer.name


def _hold_on_service(peer: Peer, name: str) -> int:
    """Rank what is made under a name before what is left under it, and that before a wish."""
    if peer.held.service == name:
        return 0
    return 1 if name in peer.services[1:] else 2
