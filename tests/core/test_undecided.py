"""Holds for want of a proof: they last as long as a metric's `holdLimit`, and end as it says."""

from dataclasses import replace

import pytest

from analysis.model import Check, Report, Verdict
from canary.api.status import CanaryStatus, Phase, read_status, write_status
from canary.core.facts import Facts, Outage
from canary.core.situation import Decision, Situation
from canary.core.traffic import Seen
from canary.core.waits import ANALYSIS_INCONCLUSIVE
from tests.builders import a_report, a_spec, a_status, at
from tests.core.deciding import decided, message, reason, up

NAME, OTHER = "request-success-rate", "request-duration"
PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
TEN, FIVE = {"after": "10m", "then": "advance"}, {"after": "5m"}


def a_spec_with(limit: object = None, other: object = None, **analysis: object):
    def metric(name: str, limit: object):
        limited = {"holdLimit": limit} if limit else {}
        return {"name": name, "judge": "sequential", "onInconclusive": "hold"} | limited

    metrics = [metric(NAME, limit), metric(OTHER, other)]
    steps = {} if "steps" in analysis else {"stepWeights": [20, 60]}
    return a_spec(analysis={"metrics": metrics} | steps | analysis)


def checks(*verdicts: Verdict | None, shadow: bool = False) -> Report:
    """Give the checks of both metrics: without a verdict nothing is proven, and None is an outage."""
    (check,) = a_report().checks
    found: list[Check] = [
        replace(
            check,
            metric=name,
            verdict=verdict or OPEN,
            unanswered=verdict is None,
            undecided=verdict is OPEN,
            message=f"{name} says so",
            shadow=shadow and name == NAME,
        )
        for name, verdict in zip((NAME, OTHER), verdicts, strict=True)
    ]
    return Report(checks=tuple(found))


def facts(**fields: object) -> Facts:
    return up(routed=Seen(weight=20), **fields)


def told(decision: Decision) -> list[str]:
    return [each.reason for each in decision.status.notices]


def run(spec, *looks: tuple[float, Report], before: CanaryStatus | None = None) -> Decision:
    """Judge at one moment after the other, in minutes; each status is read as it was written."""
    status = before or a_status(Phase.PROGRESSING, weight=20)
    for minute, report in looks:
        decision = decided(spec, status, facts(), at(60 * minute), report)
        status = read_status(write_status(decision.status))
    return decision


def test_a_metric_without_a_proof_holds_the_weight_until_its_limit_and_says_until_when():
    held = run(a_spec_with(TEN), (1, checks(OPEN, PASS)))
    assert (reason(held), told(held)) == (ANALYSIS_INCONCLUSIVE, ["AnalysisInconclusive"])
    assert message(held) == (
        "waiting for a proof, at the weight as it is (request-success-rate until 2026-01-01 "
        "00:11:00 UTC, then the run goes on without a proof): request-success-rate says so"
    )
    wait, stage = held.status.waiting_for, held.status.stage
    assert wait is not None
    assert stage is not None
    assert (wait.since, wait.deadline, wait.until, stage.until) == (at(60), None, at(660), at(660))
    again = run(a_spec_with(TEN), (2, checks(OPEN, PASS)), before=held.status)
    assert (again.status.metrics[0].undecided_since, told(again)) == (at(60), told(held))


def test_at_its_end_the_run_goes_on_with_the_metric_passed():
    spec = a_spec_with(TEN)
    over = run(spec, (1, checks(OPEN, PASS)), (11, checks(OPEN, PASS)))
    assert over.status.canary_weight == 60
    assert over.status.metrics[0].verdict == "pass"
    assert over.status.metrics[0].message == (
        "request-success-rate says so; held for 10m without a proof, and passes (holdLimit)"
    )


def test_or_the_run_is_rolled_back_where_nothing_else_is_said():
    spec = a_spec_with(FIVE, threshold=9)
    held = run(spec, (1, checks(OPEN, PASS)))
    assert "then the run is rolled back" in message(held)
    wait = held.status.waiting_for
    assert wait is not None
    assert (wait.deadline, wait.until) == (at(360), None)
    over = run(spec, (6, checks(OPEN, PASS)), before=held.status).status.history[0]
    assert (over.reason, over.message) == (
        "AnalysisInconclusive",
        "No proof in time: request-success-rate says so; held for 5m (holdLimit)",
    )


def test_the_next_analysis_is_no_later_than_the_end_of_the_hold():
    held = run(a_spec_with(TEN, interval="4m"), (1, checks(OPEN, PASS)), (9, checks(OPEN, PASS)))
    assert held.status.run is not None
    assert held.status.run.next_analysis_at == at(660)


def test_the_hold_timeout_ends_no_hold_that_has_a_limit():
    spec = a_spec_with(TEN, holdTimeout="2m")
    looks = [(minute, checks(OPEN, PASS)) for minute in range(1, 11)]
    assert run(spec, *looks).status.phase is Phase.PROGRESSING


@pytest.mark.parametrize(
    ("limits", "verdicts"),
    [
        pytest.param((TEN, None), (OPEN, OPEN), id="another metric has no limit"),
        pytest.param((TEN, None), (OPEN, None), id="another metric is not answered"),
        pytest.param((TEN, None), (None, PASS), id="the metric itself is not answered"),
        pytest.param((None, None), (OPEN, PASS), id="it has no limit"),
    ],
)
def test_the_hold_timeout_ends_a_hold_of_anything_else(limits, verdicts):
    spec = a_spec_with(*limits, holdTimeout="2m")
    held = run(spec, (1, checks(*verdicts)))
    wait = held.status.waiting_for
    assert wait is not None
    assert wait.deadline == at(180)
    over = run(spec, (3, checks(*verdicts)), before=held.status).status
    assert over.history[0].message.startswith("No verdict in time: ")


def test_an_outage_begins_its_own_time_and_neither_ends_nor_lengthens_the_hold():
    spec = a_spec_with(TEN, holdTimeout="2m")
    before = run(spec, *[(minute, checks(OPEN, PASS)) for minute in range(1, 9)])
    out = run(spec, (9, checks(None, PASS)), before=before.status)
    wait = out.status.waiting_for
    assert wait is not None
    assert (wait.deadline, out.status.metrics[0].undecided_since) == (at(11 * 60), at(60))
    assert run(spec, (11, checks(OPEN, PASS)), before=out.status).status.canary_weight == 60


def test_a_verdict_ends_the_hold_and_the_next_one_begins_anew():
    spec = a_spec_with(TEN, other=TEN, threshold=9)
    looks = [(1, checks(OPEN, PASS)), (2, checks(FAIL, PASS)), (3, checks(OPEN, PASS))]
    assert run(spec, *looks).status.metrics[0].undecided_since == at(180)


def test_a_hold_is_one_of_its_step():
    spec = a_spec_with(TEN)
    moved = run(spec, (1, checks(OPEN, PASS)), (11, checks(OPEN, PASS)))
    carried = up(routed=Seen(weight=60))
    held = decided(spec, moved.status, carried, at(13 * 60), checks(OPEN, PASS)).status
    assert (held.phase, held.metrics[0].undecided_since) == (Phase.PROGRESSING, at(13 * 60))


def test_it_is_over_for_the_rest_of_the_step():
    spec = a_spec_with(TEN, steps=[{"weight": 20, "passes": 3}])
    looks = [(1, checks(OPEN, PASS)), (11, checks(OPEN, PASS)), (12, checks(OPEN, PASS))]
    after = run(spec, *looks).status.run
    assert after is not None
    assert after.passes == 2


def test_of_several_the_first_rollback_is_the_end_or_the_last_that_goes_on():
    def ends(*limits: object):
        wait = run(a_spec_with(*limits), (1, checks(OPEN, OPEN))).status.waiting_for
        assert wait is not None
        return wait.deadline, wait.until

    assert ends(TEN, FIVE) == (at(360), None)
    assert ends(TEN, FIVE | {"then": "advance"}) == (None, at(660))


def test_a_shadow_holds_nothing():
    shown = (1, checks(OPEN, PASS, shadow=True))
    assert run(a_spec_with(FIVE), shown).status.canary_weight == 60
    beside = [(minute, checks(OPEN, OPEN, shadow=True)) for minute in (1, 7)]
    assert run(a_spec_with(FIVE, other=TEN), *beside).status.phase is Phase.PROGRESSING


def test_a_marginal_score_holds_whatever_limits_say():
    spec = a_spec_with(TEN, score={"pass": 90, "marginal": 40}, holdTimeout="2m")
    held = run(spec, (1, checks(PASS, FAIL)))
    assert message(held).startswith("waiting for a verdict, at the weight as it is: score 50")


def test_time_in_which_nothing_can_be_seen_counts_for_no_hold():
    held = run(a_spec_with(TEN), (1, checks(OPEN, PASS))).status
    out = facts(outages=(Outage(at(120), at(420)),))
    after = decided(a_spec_with(TEN), held, out, at(11 * 60), checks(OPEN, PASS)).status
    assert (after.canary_weight, after.metrics[0].undecided_since) == (20, at(360))
    away = decided(a_spec_with(TEN), held, facts(away_since=at(120)), at(660), checks(OPEN, PASS))
    assert away.status.canary_weight == 20


def test_nor_does_a_pause():
    held = run(a_spec_with(TEN), (1, checks(OPEN, PASS))).status
    situation = Situation.of(a_spec_with(TEN), held, facts(), at(600))
    assert situation.stand_still(at(300)).status.metrics[0].undecided_since == at(360)


def test_one_that_lasts_is_an_alert_once():
    spec = a_spec_with({"after": "20m"}, threshold=9)
    looks = [(minute, checks(OPEN, PASS)) for minute in (1, 5, 6, 7)]
    held = run(spec, *looks).status
    first, alert = held.notices
    assert (first.alert, alert.alert, alert.severity) == (False, True, "warn")
    assert (alert.reason, alert.at) == (ANALYSIS_INCONCLUSIVE, at(360))
    assert alert.message == "Still holding after 5m: request-success-rate says so"
    # A hold that begins anew is another one.
    anew = [(8, checks(FAIL, PASS)), (9, checks(OPEN, PASS)), (14, checks(OPEN, PASS))]
    again = run(spec, *anew, before=held).status
    assert [each.at for each in again.notices if each.alert] == [at(360), at(840)]


def test_what_is_noted_of_it_ends_with_its_step():
    held = run(a_spec_with(TEN), (1, checks(OPEN, PASS))).status
    assert held.run is not None
    assert [each.reason for each in held.run.holds] == ["Unproven"]
    moved = run(a_spec_with(TEN), (11, checks(OPEN, PASS)), before=held).status
    assert moved.run is not None
    assert moved.run.holds == ()
