"""Threads of runs: which run a notice tells of, and what of a chat a status keeps."""

from datetime import timedelta

import pytest

from canary.api.status import CanaryStatus, Outcome, Phase, RunRecord, Severity, Thread, read_status
from canary.core.facts import Revision
from canary.core.notices import THREADS_KEPT, notice, with_threads
from tests.builders import NEW, OLD, T0, a_spec, a_status, at, some_facts
from tests.core.deciding import decided, up


def a_thread(run: int = 1, receiver: str = "0/team", ref: str = "C1/1.2") -> Thread:
    return Thread(receiver=receiver, run=run, ref=ref)


def told(status: CanaryStatus, seconds: float = 60) -> int:
    return notice(status, "Told", "m", Severity.INFO, at(seconds)).run


def an_end(seconds: int) -> RunRecord:
    return RunRecord(
        revision=NEW, outcome=Outcome.PROMOTED, started_at=T0, duration_seconds=seconds
    )


def test_a_notice_names_the_run_that_is_under_way():
    assert told(a_status(Phase.PROGRESSING, runs=7)) == 7


def test_a_notice_names_the_run_that_ends_with_it():
    assert told(a_status(runs=7, history=(an_end(60),))) == 7
    assert told(a_status(runs=7, history=(an_end(60),)), 60.9) == 7


@pytest.mark.parametrize(
    "history", [(), (an_end(30),), (RunRecord(revision=NEW, outcome=Outcome.PROMOTED),)]
)
def test_a_notice_outside_of_a_run_names_none(history: tuple[RunRecord, ...]):
    assert told(a_status(runs=7, history=history)) == 0


def test_the_end_of_a_run_is_told_with_its_number():
    begun = a_status(Phase.PROGRESSING, weight=20, runs=7)
    ended = decided(a_spec(), begun, up(revision=Revision(id=OLD)), at(90)).status
    assert [each.run for each in ended.notices if each.reason == "RunCancelled"] == [7]


def test_a_thread_is_written_with_the_next_write_of_a_run():
    first = decided(a_spec(), a_status(Phase.PROGRESSING), up(), at(0))
    opened = (a_thread(),)
    still = decided(a_spec(), first.status, up(threads=opened), at(1))
    later = decided(a_spec(), first.status, up(threads=opened), at(70))
    assert still.status.threads == ()
    assert later.status != first.status
    assert later.status.threads == opened


def test_a_thread_is_written_in_the_patch_that_forgets_the_last_notices():
    status = a_status(runs=1)
    told = notice(status, "Promoted", "m", Severity.INFO, at(0))
    status = status.but(notices=(told,))
    facts = some_facts(
        revision=Revision(id=status.last_promoted_spec),
        delivered=frozenset({told.id}),
        threads=(a_thread(),),
    )
    written = decided(a_spec(), status, facts, at(1)).status
    assert (written.notices, written.threads) == ((), (a_thread(),))


def test_a_newer_thread_of_a_run_takes_the_place_of_an_older_one():
    status = with_threads(a_status(runs=1), (a_thread(),))
    assert with_threads(status, (a_thread(ref="C1/9.9"),)).threads == (a_thread(ref="C1/9.9"),)
    assert with_threads(status, ()) is status


def test_the_threads_of_this_run_and_the_last_are_kept():
    runs = tuple(a_thread(run) for run in (4, 5, 6, 7))
    assert [each.run for each in with_threads(a_status(runs=6), runs).threads] == [5, 6]


def test_threads_are_bounded_and_the_newest_stay():
    many = tuple(a_thread(run, f"{place}/x") for run in (1, 2) for place in range(50))
    kept = with_threads(a_status(runs=2), many).threads
    assert len(kept) == THREADS_KEPT
    assert {each.run for each in kept} == {2}


@pytest.mark.parametrize(
    "threads",
    [
        [{"ref": "x"}],
        "x",
        [{"receiver": "0", "run": 1, "ref": "a b"}],
        [{"receiver": "0", "run": 1, "ref": "x" * 513}],
    ],
)
def test_threads_that_cannot_be_read_are_forgotten(threads: object):
    assert read_status({"threads": threads, "runs": 3}) == CanaryStatus(runs=3)


def test_a_run_lasts_for_longer_than_its_whole_seconds():
    status = a_status(runs=2, history=(an_end(60),))
    assert notice(status, "R", "m", Severity.INFO, at(60) + timedelta(milliseconds=999)).run == 2
