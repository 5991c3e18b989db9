"""Windows: a run starts, advances and is promoted when they are open, and says when that is."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Outcome, Phase
from canary.core import waits
from canary.core.facts import BindingPolicy, Command, Revision
from canary.core.needs import Need
from canary.core.situation import Decision
from tests.builders import OLD, a_policy, a_run, a_spec, a_status
from tests.core.deciding import decided, message, reason, up

ZONE = ZoneInfo("Europe/Berlin")
"""An hour before UTC in January; the first of it was a Thursday."""
NIGHT = datetime(2026, 1, 8, 19, tzinfo=ZONE)
MORNING = datetime(2026, 1, 9, 8, tzinfo=ZONE)
NOON = datetime(2026, 1, 9, 12, tzinfo=ZONE)
OFFICE = {"name": "office", "kind": "Allow", "from": "08:00", "to": "16:00"}
LUNCH = {"name": "lunch", "kind": "Deny", "from": "12:00", "to": "13:00"}
EVERYTHING = ["Start", "Advance", "Promote"]


def policy(*windows: dict[str, Any], name: str = "ops/office", **spec: Any) -> BindingPolicy:
    written = a_policy(name=name, windows=list(windows), timeZone="Europe/Berlin", **spec)
    return BindingPolicy(name=name, spec=written.spec, zone=ZONE)


def at_time(
    now: datetime, status: CanaryStatus, *policies: BindingPolicy, **facts: Any
) -> Decision:
    spec = facts.pop("spec", a_spec())
    return decided(spec, status, up(policies=policies, **facts), now)


def waiting(since: datetime = NIGHT, **fields: Any) -> CanaryStatus:
    return a_status(Phase.WAITING, run=a_run(started_at=since, **fields))


def in_run(weight: int = 20) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight)


def until(decision: Decision) -> datetime | None:
    wait = decision.status.waiting_for
    return wait.until if wait else None


def test_outside_of_a_window_that_allows_no_run_starts_and_it_says_until_when():
    held = at_time(NIGHT, a_status(), policy(OFFICE))
    assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.FROZEN)
    assert message(held) == (
        "frozen outside of every window of DeliveryPolicy ops/office until Fri 2026-01-09 08:00 "
        "Europe/Berlin"
    )
    assert (until(held), held.wake_at) == (MORNING, held.wake_at)
    settled = at_time(NIGHT, held.status, policy(OFFICE))
    assert settled.wake_at == MORNING
    assert at_time(MORNING, settled.status, policy(OFFICE)).status.phase is Phase.PROGRESSING


def test_in_a_window_that_denies_no_run_starts_whatever_another_policy_allows():
    held = at_time(NOON, a_status(), policy(OFFICE), policy(LUNCH, name="shop/lunch"))
    assert (reason(held), until(held)) == (waits.FROZEN, NOON + timedelta(hours=1))
    assert "frozen in window lunch of DeliveryPolicy shop/lunch" in message(held)


def test_no_hook_is_called_for_a_run_that_is_frozen():
    asked: list[Need] = []
    hook = {"name": "gate", "type": "confirm-rollout", "url": "http://hooks.example/"}
    spec = a_spec(analysis={"webhooks": [hook]})
    facts = up(policies=(policy(OFFICE),))
    assert reason(decided(spec, a_status(), facts, NIGHT, asked=asked)) == waits.FROZEN
    assert asked == []


@pytest.mark.parametrize(
    ("covers", "weight", "frozen"),
    [
        (["Start"], 20, False),
        (["Promote"], 20, False),
        (["Promote"], 60, True),
        (["Advance"], 20, True),
        (["Advance"], 60, True),
    ],
)
def test_a_run_under_way_is_frozen_by_what_covers_its_next_step_and_is_judged_on(
    covers, weight, frozen
):
    denies = policy({**LUNCH, "covers": covers})
    kept = at_time(NOON, in_run(weight), denies)
    assert (reason(kept) == waits.FROZEN) is frozen
    if frozen:
        assert kept.status.canary_weight == weight
        assert kept.status.run is not None
        assert kept.status.run.next_analysis_at == NOON + timedelta(seconds=10)
        bad = in_run(weight).but(failed_checks=4)
        failed = decided(a_spec(), bad, up(policies=(denies,)), NOON, Verdict.FAIL)
        assert failed.status.history[0].outcome == Outcome.ROLLED_BACK


def test_a_frost_of_weeks_ends_no_run_and_whatever_goes_back_passes_it():
    holidays = {
        "name": "holidays",
        "kind": "Deny",
        "since": "2026-01-05T00:00",
        "until": "2026-02-20T00:00",
        "covers": EVERYTHING,
    }
    frozen = at_time(NIGHT, in_run(), policy(holidays))
    weeks = at_time(NIGHT + timedelta(days=30), frozen.status, policy(holidays))
    assert (weeks.status.phase, reason(weeks)) == (Phase.PROGRESSING, waits.FROZEN)
    back = at_time(NIGHT, in_run(), policy(holidays), revision=Revision(id=OLD))
    assert back.status.phase is Phase.SUCCEEDED
    abort = (Command(verb="abort", value="@bob"),)
    assert at_time(NIGHT, in_run(), policy(holidays), commands=abort).status.phase is Phase.FAILED


def test_a_way_back_waits_for_no_window_and_a_person_who_promotes_does():
    assert (
        at_time(NIGHT, waiting(known_good=True), policy(OFFICE)).status.phase is Phase.PROGRESSING
    )
    promote = (Command(verb="promote", value="@bob"),)
    kept = at_time(NIGHT, waiting(), policy(OFFICE), commands=promote)
    assert reason(kept) == waits.FROZEN


def test_windows_that_open_never_again_end_the_run_at_the_limit():
    past = {
        "name": "once",
        "kind": "Allow",
        "since": "2025-12-01T00:00",
        "until": "2025-12-02T00:00",
    }
    held = at_time(NIGHT, a_status(), policy(past))
    assert message(held).endswith("which opens at no time that is known")
    late = at_time(NIGHT + timedelta(days=8), held.status, policy(past))
    assert (late.status.phase, late.status.history[0].reason) == (Phase.FAILED, waits.FROZEN)


# --- the length of a run ---

TWO_HOURS = a_spec(analysis={"interval": "1h", "stepWeights": [20, 60]})


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (MORNING, None),
        (MORNING + timedelta(hours=2), None),
        (MORNING + timedelta(hours=2, minutes=1), NOON + timedelta(hours=1)),
        (NOON, NOON + timedelta(hours=1)),
    ],
)
def test_a_run_that_would_come_upon_a_closed_window_before_its_end_does_not_start(now, opens):
    started = at_time(now, a_status(), policy({**LUNCH, "covers": ["Advance"]}), spec=TWO_HOURS)
    if opens is None:
        assert started.status.phase is Phase.PROGRESSING
    else:
        assert (started.status.phase, until(started)) == (Phase.WAITING, opens)
        assert "the run takes 120 min or more" in message(started)


def test_what_proxies_take_to_learn_of_the_pods_and_of_each_step_is_part_of_a_run():
    lunch, late = policy({**LUNCH, "covers": ["Advance"]}), timedelta(seconds=90)
    quick = a_spec(analysis={"interval": "1m", "stepWeights": [20, 60]})
    takes = 3 * late
    for now, phase in ((NOON - takes, Phase.PROGRESSING), (NOON - takes / 2, Phase.WAITING)):
        started = at_time(now, a_status(), lunch, spec=quick, settling=late)
        assert started.status.phase is phase
    assert "the run takes 5 min or more" in message(started)


def test_a_run_that_fits_no_opening_starts_all_the_same():
    long = a_spec(analysis={"interval": "30h", "stepWeights": [20, 60]})
    lunch = policy({**LUNCH, "covers": ["Advance"]})
    assert at_time(MORNING, a_status(), lunch, spec=long).status.phase is Phase.PROGRESSING


def test_a_run_without_steps_needs_no_time():
    lunch = policy({**LUNCH, "covers": ["Promote"]})
    skips = a_spec(skipAnalysis=True, analysis={"interval": "8h"})
    started = at_time(NOON - timedelta(minutes=1), a_status(), lunch, spec=skips)
    assert started.status.phase is Phase.PROGRESSING


# --- the crowd after an opening ---


def test_starts_after_an_opening_are_spread_each_canary_at_its_own_time():
    spread = policy(OFFICE, spread="1h")
    turns = set()
    for number in range(20):
        uid = f"uid-{number}"
        held = at_time(MORNING, waiting(), spread, uid=uid)
        turn = until(held)
        assert turn is not None
        assert MORNING <= turn < MORNING + timedelta(hours=1)
        assert message(held).startswith("waiting for its turn: DeliveryPolicy ops/office")
        assert at_time(turn, held.status, spread, uid=uid).status.phase is Phase.PROGRESSING
        turns.add(turn)
    assert len(turns) == 20


def test_a_run_that_begins_after_the_opening_waits_for_no_turn():
    spread = policy(OFFICE, spread="1h")
    begun = waiting(since=MORNING)
    assert at_time(MORNING, begun, spread).status.phase is Phase.PROGRESSING
    assert (
        at_time(MORNING + timedelta(hours=1), waiting(), spread).status.phase is Phase.PROGRESSING
    )
    unbound = policy({**LUNCH, "covers": ["Promote"]}, spread="1h")
    assert at_time(MORNING, waiting(), unbound).status.phase is Phase.PROGRESSING


# --- clocks of others ---


def test_the_time_in_which_a_run_is_frozen_counts_for_no_gate():
    hook = {"name": "gate", "type": "confirm-rollout", "url": "http://h/", "deadline": "10h"}
    spec, shut = a_spec(analysis={"webhooks": [hook]}), {"confirm-rollout": False}
    office = policy(OFFICE)

    def decide(now: datetime, status: CanaryStatus) -> Decision:
        return decided(spec, status, up(policies=(office,)), now, hooks=shut)

    gated = decide(MORNING, waiting())
    assert reason(gated) == waits.ROLLOUT_GATE
    evening = MORNING + timedelta(hours=8)
    frozen = decide(evening, gated.status)
    assert reason(frozen) == waits.FROZEN
    # An approval is taken meanwhile, and the gate has waited for eight hours by the next morning.
    next_morning = MORNING + timedelta(days=1)
    again = decide(next_morning, frozen.status)
    assert reason(again) == waits.ROLLOUT_GATE
    wait = again.status.waiting_for
    assert wait is not None
    assert wait.deadline == next_morning + timedelta(hours=2)
    late = decide(next_morning + timedelta(hours=2), again.status)
    assert late.status.history[0].reason == "GateDeadlineExceeded"
