"""Comparison with the previous release: after the same time of its analysis, where it was promoted."""

from datetime import timedelta
from typing import Any

import pytest

from canary.api.status import Outcome, Phase, RunRecord
from canary.core.needs import Analyse, Earlier
from canary.core.traffic import Seen
from tests.builders import a_run, a_spec, a_status, at
from tests.core.deciding import decided, up

DAY = 86_400
START = at(0)
METRIC = {"name": "request-success-rate", "judge": "sequential", "compareWith": "previous"}
OTHER = {"name": "request-duration", "thresholdRange": {"max": 500}}


def a_record(**fields: Any) -> RunRecord:
    """Build a run of a day ago that was promoted after 10 minutes, of which 9 were analysed."""
    promoted = {
        "revision": "older",
        "outcome": Outcome.PROMOTED,
        "started_at": at(-DAY),
        "analysed_since": at(60 - DAY),
        "duration_seconds": 600,
    }
    return RunRecord(**(promoted | fields))


def looked(*history: RunRecord, second: int = 60, since: Any = START):
    """Look at a run that was analysed since a moment; give the question, and the status after it."""
    spec = a_spec(analysis={"metrics": [METRIC, OTHER]})
    run = a_run(pre_rollout_passed=True, step=1, analysed_since=since, next_analysis_at=at(second))
    status = a_status(Phase.PROGRESSING, weight=20, run=run, step_started_at=at(0))
    asked: list[Any] = []
    after = decided(
        spec, status.but(history=history), up(routed=Seen(weight=20)), at(second), asked=asked
    )
    (need,) = [each for each in asked if isinstance(each, Analyse)]
    return need, {each.name: each for each in after.status.metrics}


def test_the_previous_release_is_asked_about_as_long_after_its_first_step():
    need, _ = looked(a_record())
    assert need.earlier == Earlier(ago=timedelta(seconds=DAY - 60), revision="older")
    assert [each.name for each in need.metrics] == ["request-success-rate", "request-duration"]


def test_a_release_that_was_not_promoted_is_passed_over():
    rolled_back = a_record(revision="bad", outcome=Outcome.ROLLED_BACK)
    need, _ = looked(rolled_back, a_record())
    assert need.earlier.revision == "older"


@pytest.mark.parametrize(
    ("history", "fields"),
    [
        pytest.param((), {}, id="the first release"),
        pytest.param((a_record(outcome=Outcome.ROLLED_BACK),), {}, id="none was promoted"),
        pytest.param((a_record(analysed_since=None),), {}, id="it was not analysed"),
        pytest.param((a_record(),), {"since": None}, id="this one is not analysed yet"),
        pytest.param((a_record(),), {"second": 541}, id="it was over by then"),
        pytest.param((a_record(started_at=None),), {"second": 601}, id="it was over by then, of an older record"),
    ],
)  # fmt: skip
def test_without_one_the_metric_passes_and_says_why_and_the_others_are_judged(history, fields):
    need, metrics = looked(*history, **fields)
    assert [each.name for each in need.metrics] == ["request-duration"]
    assert metrics["request-success-rate"].verdict == "pass"
    assert metrics["request-success-rate"].message == (
        "request-success-rate is compared with nothing: no release was promoted that was analysed "
        "for as long"
    )


def test_until_the_end_of_its_analysis_it_is_compared_with():
    need, _ = looked(a_record(), second=540)
    assert need.earlier is not None


def test_a_run_remembers_when_its_first_step_was_taken():
    spec = a_spec(analysis={"interval": "1m", "stepWeights": [10, 50], "maxWeight": None})
    run = a_run(pre_rollout_passed=True, step=0, next_analysis_at=at(60))
    status = a_status(Phase.PROGRESSING, run=run)
    first = decided(spec, status, up(), at(60)).status
    assert (first.run.step, first.run.analysed_since) == (1, at(60))
    later = first.but(run=first.run.but(next_analysis_at=at(120)))
    second = decided(spec, later, up(routed=Seen(weight=10)), at(120)).status
    assert (second.run.step, second.run.analysed_since) == (2, at(60))
