"""Whom the canary is compared with is named by every judge that compares, as the metric has it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analysis.judges import JUDGES, combined, compares, counts
from analysis.model import Arm, Judgement, Memory, Metric, NoData, Sample, Signal
from tests.case import cases_of

START = datetime(2026, 1, 1, tzinfo=UTC)
METRICS = [
    pytest.param(replace(metric, judge=name, control="previous release"), id=f"{name}-{index}")
    for name, case in cases_of(JUDGES).items()
    if counts(name) or compares(name)
    for index, metric in enumerate(case.metrics)
]


def run(metric: Metric, canary: float, primary: float) -> list[Judgement]:
    """Judge the same of both sides 12 times; of requests each side has 1,000."""
    memory: Memory = {}
    found: list[Judgement] = []
    for number in range(12):
        at = START + number * timedelta(minutes=1)
        values = {Arm.CANARY: canary + number / 100, Arm.PRIMARY: primary + number / 90}
        answers = {
            ask: Sample(value=1000 if ask.signal is Signal.REQUESTS else values[ask.arm], at=at)
            for ask in metric.asks
        }
        found.append(JUDGES.load(metric.judge)().judge(metric, answers, memory))
        memory = found[-1].memory
    return found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("canary", "primary"), [(900, 1), (1, 900), (5, 5)])
def test_no_verdict_speaks_of_a_primary_that_was_not_asked(metric, canary, primary):
    for each in run(metric, canary, primary):
        assert "primary" not in f"{each.check.message} {each.check.bound}"


@pytest.mark.parametrize("metric", METRICS)
def test_a_side_without_data_is_named_as_well(metric):
    answers = {
        ask: NoData(reason="no series") if ask.arm is Arm.PRIMARY else Sample(value=5, at=START)
        for ask in metric.asks
    }
    message = JUDGES.load(metric.judge)().judge(metric, answers, {}).check.message
    assert "has no data of the previous release: no series" in message


def test_so_does_a_verdict_on_several_metrics_together():
    (metric,) = [each.values[0] for each in METRICS if each.id == "sequential-0"]
    half = [replace(metric, name=name, peers=2) for name in ("a", "b")]
    judgements = [(each, run(each, 8, 0)[0]) for each in half]
    together = combined("sequential", judgements)
    assert [each.check.proven for each in together].count(True) == 1
    assert "worse than the previous release together with" in "".join(
        each.check.message for each in together
    )
