"""What is waited for of a Canary, and whether it has come: an old success is no answer.

Whether a status speaks of the release that is waited for follows from the target as it was when the
wait began: the status must have read it at that generation or a later one, or be at the revision
that it had. Where another tool will change the target later, the release is known by what the
target's annotations call it instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from canary.api.status import CanaryStatus, Outcome, Phase, RunRecord
from canary.core.gates import held_gates

#: Nothing is under way here, and what the target is at serves.
_SERVING = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED})
_BEFORE = frozenset({Phase.NEW, Phase.INITIALIZING})


class Goal(StrEnum):
    """What can be waited for by name."""

    PROMOTED = "promoted"
    SETTLED = "settled"
    HELD = "held"
    INITIALIZED = "initialized"


class WaitEnd(StrEnum):
    """How a wait ends."""

    YES = "yes"
    NO = "no"
    HELD = "held"


class Release(Protocol):
    """What is waited for, and how a status is known to speak of it."""

    def seen_by(self, status: CanaryStatus) -> bool:
        """Tell whether a status speaks of this release, or of a later one."""

    def overtaken_by(self, status: CanaryStatus) -> str:
        """Name what a status speaks of instead; empty where of this, or of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRelease:
    """A target as it was when a wait began, or as it will be at a generation."""

    uid: str
    generation: int
    revision: str
    """The revision that it was at, with the configs that the status knew; empty where unknown."""

    def seen_by(self, status: CanaryStatus) -> bool:
        """Tell whether a status speaks of this release, or of a later one."""
        if self.revision and status.last_applied_spec == self.revision:
            return True
        uid, _, generation = status.target_version.partition("/")
        return uid == self.uid and generation.isdecimal() and int(generation) >= self.generation

    def overtaken_by(self, status: CanaryStatus) -> str:  # noqa: ARG002 - as the protocol asks
        """Name nothing: the end of a later release is an answer, too."""
        return ""

    def __str__(self) -> str:
        return f"generation {self.generation} of the target"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRelease:
    """A release by the target's annotations, which it may not have yet."""

    release: str = ""
    """The value of `tidegate.dev/release`; empty where it may be any."""
    commit: str = ""
    """How the commit begins; empty where it may be any."""

    def seen_by(self, status: CanaryStatus) -> bool:
        """Tell whether a status speaks of this very release."""
        named = not self.release or status.release == self.release
        return named and status.commit.startswith(self.commit)

    def overtaken_by(self, status: CanaryStatus) -> str:
        """Name the release of a status, where it is another one."""
        newer = NamedRelease(
            release=status.release if self.release else "",
            commit=status.commit if self.commit else "",
        )
        return "" if self.seen_by(status) else str(newer)

    def __str__(self) -> str:
        return " at ".join(each for each in (self.release, self.commit) if each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a wait has ended, and why, in a sentence."""

    ending: WaitEnd
    message: str


def answer(status: CanaryStatus, release: Release, goal: Goal) -> Answer | None:
    """Say whether what is waited for has come, or cannot come any longer; None where it may yet."""
    return _GOALS[goal](status) if release.seen_by(status) else None


def person_needed(status: CanaryStatus, release: Release) -> Answer | None:
    """Say whether the run goes on only when a person has done something."""
    held = _held(status)
    if not held or not release.seen_by(status):
        return None
    return Answer(ending=WaitEnd.HELD, message=held)


def overtaken(status: CanaryStatus, release: Release) -> Answer | None:
    """Say what a status that spoke of a release before speaks of now; None where of that still."""
    newer = release.overtaken_by(status)
    if not newer:
        return None
    return Answer(ending=WaitEnd.NO, message=f"{release} was overtaken by {newer}")


def phase_reached(status: CanaryStatus, phase: Phase) -> Answer | None:
    """Say whether a Canary is in a phase."""
    if status.phase is not phase:
        return None
    return Answer(ending=WaitEnd.YES, message=f"the phase is {phase}")


def condition_holds(status: CanaryStatus, type_: str) -> Answer | None:
    """Say whether a condition of a Canary is True."""
    condition = status.condition(type_)
    if condition is None or condition.status != "True":
        return None
    told = f": {condition.message}" if condition.message else ""
    return Answer(ending=WaitEnd.YES, message=f"{type_} is True{told}")


def _promoted(status: CanaryStatus) -> Answer | None:
    at_promoted = status.last_applied_spec == status.last_promoted_spec
    if status.phase in _SERVING and at_promoted:
        return Answer(ending=WaitEnd.YES, message=_success(status))
    return _never(status)


def _settled(status: CanaryStatus) -> Answer | None:
    ended = _promoted(status)
    if ended is not None and status.phase is Phase.FAILED:
        return Answer(ending=WaitEnd.YES, message=ended.message)
    return ended


def _at_a_gate(status: CanaryStatus) -> Answer | None:
    """A run that has ended is held at nothing."""
    if held := _held(status):
        return Answer(ending=WaitEnd.YES, message=held)
    ended = _settled(status)
    return None if ended is None else Answer(ending=WaitEnd.NO, message=ended.message)


def _initialized(status: CanaryStatus) -> Answer | None:
    if status.phase in _BEFORE:
        return None
    if status.last_promoted_spec and status.phase is not Phase.TERMINATING:
        return Answer(ending=WaitEnd.YES, message=f"initialized; the phase is {status.phase}")
    return _never(status)


def _never(status: CanaryStatus) -> Answer | None:
    """Say why it will not come unless a person acts."""
    match status.phase:
        case Phase.FAILED:
            return Answer(ending=WaitEnd.NO, message=_failure(status))
        case Phase.TERMINATING:
            return Answer(ending=WaitEnd.NO, message="the Canary is being deleted")
    return None


_GOALS: Mapping[Goal, Callable[[CanaryStatus], Answer | None]] = {
    Goal.PROMOTED: _promoted,
    Goal.SETTLED: _settled,
    Goal.HELD: _at_a_gate,
    Goal.INITIALIZED: _initialized,
}


def _held(status: CanaryStatus) -> str:
    """Say what a person must do before the run goes on; empty where nothing."""
    gates = sorted(set(held_gates(status).values()))
    if gates:
        return f"held at the gate {', '.join(gates)}: approve or reject it"
    if status.paused is not None:
        return f"paused {status.paused.by}: resume it"
    return ""


def _success(status: CanaryStatus) -> str:
    last = _last_of(status, status.last_applied_spec)
    if last is not None and last.outcome == Outcome.PROMOTED:
        return f"promoted {last.images or last.revision}"
    return f"serving {status.images or status.last_promoted_spec}"


def _failure(status: CanaryStatus) -> str:
    last = _last_of(status, status.last_applied_spec)
    return f"{last.outcome}: {last.message or last.reason}" if last else "the phase is Failed"


def _last_of(status: CanaryStatus, revision: str) -> RunRecord | None:
    """Find the last run, if it was of a revision."""
    last = status.history[0] if status.history else None
    return last if last is not None and last.revision == revision else None
