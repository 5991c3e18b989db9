"""When a wait ends, and how: never by the success of an earlier release."""

import pytest

from canary.api.status import CanaryStatus, Condition, Hold, Outcome, Pause, Phase, RunRecord
from canary.views.awaited import (
    Answer,
    Goal,
    NamedRelease,
    TargetRelease,
    WaitEnd,
    answer,
    condition_holds,
    overtaken,
    person_needed,
    phase_reached,
)
from tests.builders import T0, a_run, a_status

OLD, NEW = "1-old", "1-new"
RELEASE = TargetRelease(uid="u", generation=7, revision=NEW)
PROMOTED = RunRecord(revision=NEW, outcome=Outcome.PROMOTED, images="app:1 → app:2")
FAILED = RunRecord(revision=NEW, outcome=Outcome.ROLLED_BACK, message="errors 4, at most 1")
BEFORE = RunRecord(revision=OLD, outcome=Outcome.PROMOTED, images="app:0 → app:1")
GATE = Hold(reason="TrafficGate", since=T0)


def a_canary(
    phase: Phase, applied: str = NEW, promoted: str = OLD, **fields: object
) -> CanaryStatus:
    return a_status(phase, last_applied_spec=applied, last_promoted_spec=promoted, **fields)


SUCCEEDED = a_canary(Phase.SUCCEEDED, promoted=NEW, history=(PROMOTED, BEFORE))
ROLLED_BACK = a_canary(Phase.FAILED, history=(FAILED, BEFORE))
UNDER_WAY = a_canary(Phase.PROGRESSING, history=(BEFORE,))
HELD = a_canary(Phase.PROGRESSING, run=a_run(holds=(GATE,)))
PAUSED = a_canary(Phase.PROGRESSING, paused=Pause(by="by bob", since=T0))
GOING = a_canary(Phase.TERMINATING, promoted=NEW)
UNINITIALIZED = a_canary(Phase.FAILED, promoted="")

ENDINGS = [
    (Goal.PROMOTED, SUCCEEDED, WaitEnd.YES, "promoted app:1 → app:2"),
    (Goal.PROMOTED, a_canary(Phase.INITIALIZED, promoted=NEW), WaitEnd.YES, "serving 1-new"),
    (
        Goal.PROMOTED,
        a_canary(Phase.SUCCEEDED, promoted=NEW, images="app:2"),
        WaitEnd.YES,
        "serving app:2",
    ),
    (Goal.PROMOTED, ROLLED_BACK, WaitEnd.NO, "RolledBack: errors 4, at most 1"),
    (Goal.PROMOTED, a_canary(Phase.FAILED, history=(BEFORE,)), WaitEnd.NO, "the phase is Failed"),
    (Goal.PROMOTED, GOING, WaitEnd.NO, "the Canary is being deleted"),
    (Goal.PROMOTED, UNDER_WAY, None, ""),
    (Goal.PROMOTED, HELD, None, ""),
    # Seen, and not begun yet.
    (Goal.PROMOTED, a_canary(Phase.SUCCEEDED), None, ""),
    (Goal.SETTLED, SUCCEEDED, WaitEnd.YES, "promoted app:1 → app:2"),
    (Goal.SETTLED, ROLLED_BACK, WaitEnd.YES, "RolledBack: errors 4, at most 1"),
    (Goal.SETTLED, GOING, WaitEnd.NO, "the Canary is being deleted"),
    (Goal.SETTLED, UNDER_WAY, None, ""),
    (
        Goal.HELD,
        HELD,
        WaitEnd.YES,
        "held at the gate confirm-traffic-increase: approve or reject it",
    ),
    (Goal.HELD, PAUSED, WaitEnd.YES, "paused by bob: resume it"),
    (Goal.HELD, UNDER_WAY, None, ""),
    (Goal.HELD, SUCCEEDED, WaitEnd.NO, "promoted app:1 → app:2"),
    (Goal.HELD, ROLLED_BACK, WaitEnd.NO, "RolledBack: errors 4, at most 1"),
    (Goal.INITIALIZED, a_canary(Phase.NEW, promoted=""), None, ""),
    (Goal.INITIALIZED, a_canary(Phase.INITIALIZING, promoted=""), None, ""),
    (Goal.INITIALIZED, UNDER_WAY, WaitEnd.YES, "initialized; the phase is Progressing"),
    (Goal.INITIALIZED, UNINITIALIZED, WaitEnd.NO, "the phase is Failed"),
    (Goal.INITIALIZED, GOING, WaitEnd.NO, "the Canary is being deleted"),
]


@pytest.mark.parametrize(("goal", "status", "ending", "message"), ENDINGS)
def test_a_wait_ends_when_it_is_answered(
    goal: Goal, status: CanaryStatus, ending: WaitEnd | None, message: str
) -> None:
    expected = None if ending is None else Answer(ending=ending, message=message)
    assert answer(status, RELEASE, goal) == expected


@pytest.mark.parametrize("goal", Goal)
@pytest.mark.parametrize("status", [SUCCEEDED, ROLLED_BACK, HELD, GOING])
@pytest.mark.parametrize("version", ["", "u/6", "other/9", "u/nonsense", "u"])
def test_the_end_of_an_earlier_release_is_no_answer(
    goal: Goal, status: CanaryStatus, version: str
) -> None:
    earlier = status.model_copy(update={"last_applied_spec": OLD, "target_version": version})
    assert answer(earlier, RELEASE, goal) is None
    assert person_needed(earlier, RELEASE) is None


@pytest.mark.parametrize("version", ["u/7", "u/12"])
def test_a_release_is_seen_where_the_target_was_read_since(version: str) -> None:
    status = SUCCEEDED.model_copy(
        update={
            "last_applied_spec": "1-by-configs",
            "last_promoted_spec": "1-by-configs",
            "target_version": version,
        }
    )
    found = answer(status, RELEASE, Goal.PROMOTED)
    assert found is not None
    assert found.ending is WaitEnd.YES


def test_a_revision_that_cannot_be_told_is_seen_by_its_generation_alone() -> None:
    unknown = TargetRelease(uid="u", generation=7, revision="")
    assert not unknown.seen_by(a_canary(Phase.NEW, applied="", target_version="u/6"))
    assert unknown.seen_by(a_canary(Phase.NEW, applied="", target_version="u/7"))


COMMIT = "0123456789abcdef"
LABELLED = SUCCEEDED.model_copy(update={"release": "r2", "commit": COMMIT})
NAMES = {
    "its release": (NamedRelease(release="r2"), True),
    "another release": (NamedRelease(release="r3"), False),
    "a release that begins alike": (NamedRelease(release="r"), False),
    "its commit": (NamedRelease(commit=COMMIT), True),
    "the first digits of its commit": (NamedRelease(commit=COMMIT[:7]), True),
    "another commit": (NamedRelease(commit="fedcba9"), False),
    "both": (NamedRelease(release="r2", commit=COMMIT), True),
    "its release at another commit": (NamedRelease(release="r2", commit="fedcba9"), False),
}


@pytest.mark.parametrize(("release", "seen"), NAMES.values(), ids=NAMES)
def test_a_named_release_is_seen_where_the_target_was_called_so(
    release: NamedRelease, seen: bool
) -> None:
    assert release.seen_by(LABELLED) is seen
    assert (answer(LABELLED, release, Goal.PROMOTED) is not None) is seen


@pytest.mark.parametrize(
    ("release", "message"),
    [
        (NamedRelease(release="r1"), "r1 was overtaken by r2"),
        (NamedRelease(commit="fedcba9"), f"fedcba9 was overtaken by {COMMIT}"),
        (
            NamedRelease(release="r1", commit="fedcba9"),
            f"r1 at fedcba9 was overtaken by r2 at {COMMIT}",
        ),
    ],
)
def test_a_named_release_is_overtaken_by_another_one(release: NamedRelease, message: str) -> None:
    assert overtaken(LABELLED, release) == Answer(ending=WaitEnd.NO, message=message)
    assert overtaken(SUCCEEDED, release) is None


def test_a_release_that_is_the_one_or_is_any_is_not_overtaken() -> None:
    assert overtaken(LABELLED, NamedRelease(release="r2")) is None
    assert overtaken(a_canary(Phase.NEW, target_version="u/9"), RELEASE) is None


def test_a_release_is_called_by_what_it_is_known_by() -> None:
    assert str(RELEASE) == "generation 7 of the target"


def test_a_person_is_needed_at_a_gate_and_in_a_pause() -> None:
    for status in (HELD, PAUSED):
        found = person_needed(status, RELEASE)
        assert found is not None
        assert found.ending is WaitEnd.HELD
    assert person_needed(UNDER_WAY, RELEASE) is None


def test_a_phase_is_an_answer_where_it_is_reached() -> None:
    assert phase_reached(SUCCEEDED, Phase.FAILED) is None
    assert phase_reached(SUCCEEDED, Phase.SUCCEEDED) == Answer(
        ending=WaitEnd.YES, message="the phase is Succeeded"
    )


@pytest.mark.parametrize(
    ("value", "message", "told"),
    [("True", "all is well", "Ready is True: all is well"), ("True", "", "Ready is True")],
)
def test_a_condition_is_an_answer_where_it_is_true(value: str, message: str, told: str) -> None:
    def with_condition(value: str) -> CanaryStatus:
        condition = Condition(
            type="Ready", status=value, reason="Any", message=message, last_transition_time=T0
        )
        return a_canary(Phase.SUCCEEDED, conditions=(condition,))

    assert condition_holds(with_condition("False"), "Ready") is None
    assert condition_holds(with_condition(value), "Other") is None
    assert condition_holds(with_condition(value), "Ready") == Answer(
        ending=WaitEnd.YES, message=told
    )
