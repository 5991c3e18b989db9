"""What a run has spent of error budgets: what its canary failed beyond the primary."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.evidence import BothCounts, Count, better_than, worse_than
from analysis.model import Verdict
from analysis.tally import read_tally
from canary.api.status import BudgetSpent, MetricStatus, Outcome, Phase
from canary.core.facts import Policy
from canary.core.spending import budgets_spent, spent_told
from canary.core.traffic import Seen
from tests.builders import a_report, a_run, a_spec, a_status, at
from tests.core.deciding import decided, up

NAME = "request-success-rate"
OBJECTIVE = {"target": 99.9, "periodDays": 30}
#: 5 % of 600 requests a minute for 3 minutes, all of them bad: 0.35 % of the month.
TOTAL = BothCounts(canary=Count(90, 90), primary=Count(1710, 0), seconds=180)


def a_metric(**fields: Any) -> dict[str, Any]:
    return {"name": NAME, "judge": "sequential", "objective": OBJECTIVE} | fields


def kept(counted: BothCounts = TOTAL, **fields: Any) -> MetricStatus:
    tally = read_tally({}, worse_than(1.0), better_than(2.0)).add(counted, at(60), clustering=0)
    state = {"name": NAME, "verdict": "pass", "judge": "sequential", "memory": dict(tally.memory)}
    return MetricStatus(**(state | fields))


def spent(metric: MetricStatus, **fields: Any) -> tuple[BudgetSpent, ...]:
    spec = a_spec(analysis={"metrics": [a_metric(**fields)]})
    return budgets_spent(spec, a_status().but(metrics=(metric,)))


def test_a_canary_that_fails_every_request_for_three_minutes_costs_a_third_of_a_percent():
    (found,) = spent(kept())
    assert (found.metric, round(found.percent, 2)) == (NAME, 0.35)


def test_a_shorter_period_and_a_laxer_objective_change_the_budget():
    (week,) = spent(kept(), objective={"target": 99.9, "periodDays": 3})
    assert round(week.percent, 2) == 3.47
    (lax,) = spent(kept(), objective={"target": 99, "periodDays": 30})
    assert round(lax.percent, 3) == 0.035


def test_what_hits_both_sides_is_not_the_canarys():
    shared = BothCounts(canary=Count(90, 9), primary=Count(1710, 171), seconds=180)
    assert [each.percent for each in spent(kept(shared))] == [0]
    better = BothCounts(canary=Count(90, 0), primary=Count(1710, 171), seconds=180)
    assert [each.percent for each in spent(kept(better))] == [0]


@pytest.mark.parametrize(
    ("metric", "fields"),
    [
        pytest.param(kept(), {"objective": None}, id="no objective"),
        pytest.param(kept(name="other"), {}, id="not judged"),
        pytest.param(kept(judge=None), {}, id="a judge that keeps nothing"),
        pytest.param(kept(memory=None), {}, id="nothing kept"),
        pytest.param(kept(BothCounts(canary=Count(9, 9), primary=Count(9, 0), seconds=0)), {}, id="no time"),
    ],
)  # fmt: skip
def test_where_nothing_was_counted_nothing_is_said(metric, fields):
    assert spent(metric, **fields) == ()
    assert spent_told(()) == ""


def test_no_requests_cost_nothing_that_is_known():
    nothing = BothCounts(canary=Count(0, 0), primary=Count(0, 0), seconds=180)
    assert nothing.spent(0.999, 86_400) is None


def rolled_back(**policy: Any):
    """Fail a run that has counted."""
    spec = a_spec(analysis={"threshold": 1, "metrics": [a_metric()]})
    run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
    status = a_status(Phase.PROGRESSING, weight=5, run=run, step_started_at=at(0))
    facts = up(routed=Seen(weight=5), policy=Policy(**policy))
    return decided(spec, status.but(metrics=(kept(),)), facts, at(60), Verdict.FAIL).status


def test_the_end_of_a_run_says_it_and_the_history_keeps_it():
    status = rolled_back()
    (record,) = status.history
    assert record.outcome == Outcome.ROLLED_BACK
    assert [each.metric for each in record.budgets_spent] == [NAME]
    told = [each.message for each in status.notices if each.reason == Outcome.ROLLED_BACK]
    assert told[0].endswith(f"; of the error budget it has spent 0.35 % by {NAME}")


def test_without_a_history_the_end_is_told_without_it():
    status = rolled_back(history=0)
    told = [each.message for each in status.notices if each.reason == Outcome.ROLLED_BACK]
    assert "error budget" not in told[0]


def after(percent: float | None, verdict: Verdict = Verdict.PASS, **fields: Any):
    """Look at a run that has spent 0.35 % of its budget, of which a share is allowed."""
    objective = OBJECTIVE if percent is None else OBJECTIVE | {"maxSpent": percent}
    spec = a_spec(analysis={"threshold": 5, "metrics": [a_metric(objective=objective, **fields)]})
    run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
    status = a_status(Phase.PROGRESSING, weight=5, run=run, step_started_at=at(0))
    memories = {NAME: kept().memory or {}}
    report = replace(a_report(verdict), memories=memories)
    checks = tuple(replace(each, metric=NAME) for each in report.checks)
    return decided(
        spec, status, up(routed=Seen(weight=5)), at(60), replace(report, checks=checks)
    ).status


def test_a_run_that_spends_more_than_it_may_is_rolled_back_whatever_its_verdict():
    status = after(0.3)
    assert status.phase is Phase.FAILED
    assert status.history[0].message.endswith(
        f"{NAME}: the canary has spent 0.35 % of the error budget, more than 0.3 % (objective.maxSpent)"
    )


@pytest.mark.parametrize(("percent", "fields"), [(0.4, {}), (None, {}), (0.3, {"shadow": True})])
def test_a_run_within_its_budget_goes_on(percent, fields):
    assert after(percent, **fields).phase is not Phase.FAILED
