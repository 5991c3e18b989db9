"""A wait that lasts is told once, with its end, and one that does not is not worth an event."""

import pytest

from canary.api.status import CanaryStatus, Phase, Severity, Wait
from canary.core import waits
from canary.core.decide import obstructed
from canary.core.facts import Facts
from canary.core.situation import Decision
from canary.core.telling import LASTS, tell_waits
from tests.builders import a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, up

SECONDS = LASTS.total_seconds()
GONE = some_facts(target=None, revision=None)
NOT_READY = up(target=a_workload(available=1))


def told(decision: Decision) -> list[str]:
    return [each.reason for each in decision.status.notices]


def decide_at(seconds: float, status: CanaryStatus, facts: Facts) -> Decision:
    return decided(a_spec(), status, facts, at(seconds))


def lasting(facts: Facts, status: CanaryStatus | None = None) -> Decision:
    """Decide as something begins to be waited for, and when that has lasted."""
    first = decide_at(0, status or a_status(), facts)
    assert told(first) == []
    brief = decide_at(SECONDS - 1, first.status, facts)
    assert told(brief) == []
    assert brief.wake_at == at(SECONDS)
    return decide_at(SECONDS, brief.status, facts)


def test_a_target_that_is_missing_is_told_once_it_has_lasted_and_no_more():
    lasted = lasting(GONE)
    (notice,) = lasted.status.notices
    assert (notice.reason, notice.severity, notice.alert) == (
        waits.TARGET_MISSING,
        Severity.WARN,
        False,
    )
    assert notice.message == "Still waiting for Deployment podinfo to exist (30s so far)"
    later = decide_at(3600, lasted.status, GONE)
    assert told(later) == told(lasted)
    assert decide_at(3601, later.status, GONE).wake_at is None


def test_a_config_that_is_missing_is_told_once_it_has_lasted_and_no_more():
    missing = some_facts(revision=None, obstacle="ConfigMap settings does not exist")
    lasted = lasting(missing)
    assert told(lasted) == [waits.REVISION_UNKNOWN]
    assert told(decide_at(3600, lasted.status, missing)) == [waits.REVISION_UNKNOWN]


def test_a_restart_does_not_repeat_it():
    known = CanaryStatus.model_validate(lasting(GONE).status.model_dump())
    assert known.waiting_for is not None
    assert known.waiting_for.told
    again = decide_at(7200, known.but(notices=()), GONE)
    assert told(again) == []


def test_the_end_of_what_was_told_is_told_and_of_nothing_else():
    lasted = lasting(GONE)
    over = decide_at(330, lasted.status, some_facts())
    assert told(over) == [waits.TARGET_MISSING, "WaitEnded"]
    assert over.status.notices[1].message == (
        "No longer waiting for Deployment podinfo to exist (it took 5m30s)"
    )
    brief = decide_at(0, a_status(), GONE)
    assert told(decide_at(10, brief.status, some_facts())) == []


def test_the_next_episode_is_told_again():
    over = decide_at(40, lasting(GONE).status, some_facts())
    again = decide_at(100, over.status, GONE)
    assert told(decide_at(130, again.status, GONE)) == [
        waits.TARGET_MISSING,
        "WaitEnded",
        waits.TARGET_MISSING,
    ]


def test_an_end_that_changes_the_phase_is_told_by_what_follows():
    lasted = lasting(GONE)
    begun = decide_at(60, lasted.status, up())
    assert told(begun) == [waits.TARGET_MISSING, "RunStarted"]


def test_a_canary_that_takes_its_time_is_no_warning():
    status = a_status(Phase.PROGRESSING, run=a_run())
    lasted = lasting(NOT_READY, status)
    (notice,) = lasted.status.notices
    assert (notice.reason, notice.severity) == (waits.CANARY_NOT_READY, Severity.INFO)
    assert notice.message.startswith("Still waiting for all pods of podinfo to run the new")


def test_what_was_told_as_it_began_is_not_told_again():
    status = a_status(Phase.PROGRESSING, weight=20)
    first = decide_at(0, status, NOT_READY)
    assert told(first) == [waits.CANARY_NOT_READY]
    assert first.status.waiting_for is not None
    assert first.status.waiting_for.told
    later = decide_at(5, first.status, NOT_READY)
    assert told(later) == [waits.CANARY_NOT_READY]


def test_a_wait_at_its_deadline_is_told_by_what_ends_it():
    status = a_status(Phase.FAILED, weight=90, primary_replicas=10)
    short = up(primary=a_primary(replicas=10, available=1))
    waiting = decide_at(0, status, short)
    assert told(decide_at(601, waiting.status, short)) == ["TrafficReturned"]


@pytest.mark.parametrize("reason", sorted(waits.MEANINGS))
def test_what_is_told_as_it_begins_or_is_a_matter_of_course_is_not_told_as_lasting(reason):
    status = a_status(waiting_for=Wait(reason=reason, message="waiting", since=at(0)))
    later = tell_waits(status, status, at(86_400), overdue=False, delivered=frozenset())
    notices = later.notices
    assert [each.reason for each in notices] == [reason] * (reason in waits.LASTING)


class TestWhatCanNotBeSeen:
    def unseen(self, status: CanaryStatus, seconds: float) -> Decision:
        return obstructed(
            a_spec(), status, "services: 403", generation=1, warnings=(), now=at(seconds)
        )

    @pytest.mark.parametrize("phase", [Phase.NEW, Phase.SUCCEEDED, Phase.FAILED])
    def test_it_is_told_once_it_has_lasted(self, phase):
        first = self.unseen(a_status(phase), 0)
        assert (told(first), first.wake_at) == ([], at(SECONDS))
        lasted = self.unseen(first.status, SECONDS)
        assert (told(lasted), lasted.wake_at) == ([waits.OBSTACLE], None)
        assert lasted.status.notices[0].message == "Still waiting: services: 403 (30s so far)"
        assert self.unseen(lasted.status, 99).status.notices == lasted.status.notices

    def test_its_end_is_told(self):
        lasted = self.unseen(self.unseen(a_status(), 0).status, SECONDS)
        seen = decide_at(60, lasted.status, some_facts())
        assert told(seen) == [waits.OBSTACLE, "WaitEnded"]
        assert seen.status.waiting_for is None

    @pytest.mark.parametrize(
        "status",
        [
            a_status(Phase.PROGRESSING),
            a_status(waiting_for=Wait(reason=waits.AUTOSCALER_MISSING, since=at(0))),
        ],
        ids=["in a run", "waits for something else"],
    )
    def test_what_is_waited_for_already_stays(self, status):
        decision = self.unseen(status, SECONDS)
        assert decision.status.waiting_for == status.waiting_for
        assert (told(decision), decision.wake_at) == ([], None)
