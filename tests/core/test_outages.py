"""Clocks stand still while nobody could see or write: no deadline passes by an outage."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.api.status import Hold, Phase, Stage, StageRecord, Wait
from canary.core import waits
from canary.core.facts import Outage
from canary.core.outages import merged, without_outages
from canary.core.situation import Situation
from tests.builders import a_run, a_spec, a_status, at, some_facts
from tests.core.deciding import decided, up

WAIT = Wait(reason=waits.CANARY_NOT_READY, since=at(100), deadline=at(700))
STAGE = StageRecord(name=Stage.FILLING, since=at(100), until=at(700))
GATE = Hold(reason=waits.PROMOTION_GATE, since=at(50))


def a_situation(now: int, *outages: tuple[int, int], **status: object) -> Situation:
    facts = some_facts(outages=tuple(Outage(at(start), at(end)) for start, end in outages))
    fields = {"waiting_for": WAIT, "stage": STAGE, "run": a_run(holds=(GATE,))} | status
    return Situation.of(a_spec(), a_status(Phase.PROGRESSING, **fields), facts, at(now))


def test_an_outage_during_a_wait_moves_its_deadline_by_as_much():
    after = without_outages(a_situation(600, (200, 500))).status
    assert after.waiting_for == WAIT.but(since=at(400), deadline=at(1000))
    assert after.stage == STAGE.but(since=at(400), until=at(1000))
    assert after.run is not None
    assert after.run.holds == (GATE.but(since=at(350)),)
    assert after.outages_until == at(500)


def test_of_an_outage_only_what_falls_into_the_wait_counts():
    after = without_outages(a_situation(600, (0, 150))).status
    assert after.waiting_for == WAIT.but(since=at(150), deadline=at(750))
    assert after.run is not None
    assert after.run.holds == (GATE.but(since=at(150)),)


def test_an_outage_counts_once_however_often_it_is_told():
    once = without_outages(a_situation(600, (200, 500)))
    assert without_outages(once) is once
    more = without_outages(
        a_situation(
            900,
            (200, 500),
            (700, 800),
            waiting_for=once.status.waiting_for,
            stage=once.status.stage,
            run=once.status.run,
            outages_until=once.status.outages_until,
        )
    )
    assert more.status.waiting_for == WAIT.but(since=at(500), deadline=at(1100))
    assert more.status.stage == STAGE.but(since=at(500), until=at(1100))


def test_what_was_away_for_several_reasons_at_once_was_away_once():
    assert merged([Outage(at(3), at(6)), Outage(at(1), at(4)), Outage(at(8), at(9))]) == (
        Outage(at(1), at(6)),
        Outage(at(8), at(9)),
    )
    after = without_outages(a_situation(600, (200, 400), (300, 500))).status
    assert after.waiting_for == WAIT.but(since=at(400), deadline=at(1000))
    assert after.stage == STAGE.but(since=at(400), until=at(1000))


@pytest.mark.parametrize(
    "status",
    [
        {"waiting_for": None, "stage": None},
        {
            "waiting_for": Wait(reason=waits.TARGET_MISSING, since=at(100)),
            "stage": STAGE.but(until=None),
        },
        {
            "waiting_for": Wait(reason=waits.DRAINING, since=at(100)),
            "stage": StageRecord(name=Stage.DRAINING, since=at(100), until=at(110)),
        },
        {
            "waiting_for": WAIT.but(since=at(550), deadline=at(900)),
            "stage": STAGE.but(since=at(550), until=at(900)),
        },
    ],
    ids=[
        "no wait",
        "a wait without an end",
        "a wait that time ends well",
        "a wait that began afterwards",
    ],
)
def test_where_no_clock_runs_an_outage_changes_nothing(status):
    situation = a_situation(600, (200, 500), run=None, **status)
    assert without_outages(situation) is situation


def test_while_something_is_away_no_deadline_passes_and_it_is_looked_at_again():
    waiting = decided(
        a_spec(), a_status(Phase.PROGRESSING), up(target=None, revision=None), at(60)
    ).status
    assert waiting.waiting_for is not None
    late = waiting.waiting_for.deadline
    assert late is not None
    overdue = late + timedelta(seconds=30)
    gone = decided(a_spec(), waiting, up(target=None, revision=None), overdue)
    assert gone.status.phase is Phase.FAILED
    away = up(target=None, revision=None, away_since=late - timedelta(seconds=1))
    held = decided(a_spec(), waiting, away, overdue)
    assert held.status.phase is Phase.PROGRESSING
    again = decided(a_spec(), held.status, away, overdue)
    assert again.wake_at is not None
    assert overdue < again.wake_at <= overdue + timedelta(seconds=10)


@given(
    st.lists(
        st.tuples(st.integers(0, 1000), st.integers(1, 300)).map(lambda pair: (pair[0], sum(pair))),
        max_size=5,
    ),
    st.integers(100, 2000),
)
def test_a_deadline_is_as_far_as_the_time_that_was_seen(outages, now):
    """The oracle counts second by second."""
    situation = a_situation(now, *outages)
    after = without_outages(situation).status
    wait, stage = after.waiting_for, after.stage
    assert wait is not None
    assert wait.deadline is not None
    assert stage == STAGE.but(since=wait.since, until=wait.deadline)
    unseen = sum(any(start <= second < end for start, end in outages) for second in range(100, now))
    assert wait.deadline == at(700) + timedelta(seconds=unseen)
    assert wait.deadline - wait.since == timedelta(seconds=600)
