"""Two sides that run the same: where they differ, nothing is said of the canary by comparison."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from analysis.evidence import ALIKE, NOTHING, Count
from analysis.judges import counted
from analysis.judges.sequential import SequentialJudge
from analysis.judging import judged
from analysis.model import (
    Arm,
    Ask,
    Bounds,
    Judgement,
    Memory,
    Metric,
    NoData,
    Outcome,
    ProviderSpec,
    Sample,
    Signal,
    Verdict,
)
from analysis.packing import packed
from tests.analysis.test_evidence import (
    HARM,
    RUNS,
    looked_at,
    share_above,
    simulated,
    tolerated,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: Requests and bad requests of the canary, of the baseline that it is compared with, of the primary.
HARMED = (600, 30, 600, 3, 600, 3)
DECEIVED = (600, 30, 600, 3, 600, 30)
HARMLESS = (60_000, 300, 60_000, 300, 60_000, 900)


def a_metric(*, least: float | None = None, part: Signal = Signal.BAD, **fields: Any) -> Metric:
    return Metric(
        **{
            "name": "request-success-rate",
            "asks": tuple(
                Ask(query=f"{arm} {signal}", arm=arm, signal=signal)
                for arm in Arm
                for signal in (Signal.REQUESTS, part)
            ),
            "provider": ProviderSpec(type="prometheus"),
            "interval": MINUTE,
            "threshold_range": Bounds(min=least),
            "judge": "sequential",
            "control": "baseline",
            "second": "primary",
        }
        | fields
    )


def answers(metric: Metric, counts: tuple[float | Outcome, ...], at=START) -> dict[Ask, Outcome]:
    return {
        ask: each if isinstance(each, NoData) else Sample(value=each, at=at)
        for ask, each in zip(metric.asks, counts, strict=True)
    }


def run(metric: Metric, *blocks: tuple[float | Outcome, ...]) -> Judgement:
    """Judge blocks one after the other, with a restart after each; gives the last judgement."""
    memory: Memory = {}
    for minute, block in enumerate(blocks, 1):
        found = SequentialJudge().judge(
            metric, answers(metric, block, START + minute * MINUTE), memory
        )
        memory = json.loads(json.dumps(dict(found.memory)))
    return found


def test_a_canary_that_is_worse_fails_where_the_other_two_are_alike():
    found = run(a_metric(), HARMED).check
    assert (found.verdict, found.proven) == (Verdict.FAIL, True)


def test_it_is_not_blamed_where_two_that_run_the_same_differ_as_much():
    found = run(a_metric(), DECEIVED).check
    assert (found.verdict, found.proven, found.undecided) == (Verdict.INCONCLUSIVE, False, False)
    assert found.message.startswith(
        "request success rate 95 % of 600 requests, of the baseline's 99.5 % of 600: nothing is said "
        "of it, because the baseline is proven to differ from the primary, which runs the same and "
        "has 95 % of 600 (evidence "
    )


def test_nor_is_it_called_harmless():
    alike = (60_000, 300, 60_000, 300, 60_000, 300)
    assert run(a_metric(), alike).check.proven
    assert run(a_metric(), HARMLESS).check.verdict is Verdict.INCONCLUSIVE


def test_the_difference_may_come_before_the_harm_or_after_it():
    quiet = (600, 3, 600, 3, 600, 3)
    assert run(a_metric(), DECEIVED, quiet, HARMED).check.verdict is Verdict.INCONCLUSIVE
    assert run(a_metric(), HARMED, DECEIVED, DECEIVED).check.verdict is Verdict.INCONCLUSIVE


def test_what_a_canary_does_by_itself_counts_all_the_same():
    found = run(a_metric(least=99), (600, 300, 600, 3, 600, 90)).check
    assert (found.verdict, found.proven) == (Verdict.FAIL, True)
    assert "proven below 99 %" in found.message


@pytest.mark.parametrize(
    ("part", "second"),
    [
        pytest.param(Signal.BAD, (NoData(reason="x"), 30), id="no requests of it are known"),
        pytest.param(Signal.GOOD, (600, NoData(reason="x")), id="no good ones of it are known"),
    ],
)
def test_the_canary_is_judged_without_a_second_one_that_has_no_data(part, second):
    bad = part is Signal.BAD
    block = (600, 30 if bad else 570, 600, 3 if bad else 597, *second)
    found = run(a_metric(part=part), block)
    assert found.check.verdict is Verdict.FAIL
    assert "alike" not in found.memory


def test_a_second_one_whose_bad_requests_have_no_series_had_none():
    found = run(a_metric(), (600, 3, 600, 30, 600, NoData(reason="x")))
    assert found.check.verdict is Verdict.INCONCLUSIVE
    kept = counted(a_metric().judge, found.memory)
    assert kept is not None
    assert kept.second == Count(600, 0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("%%%", id="it is no text of numbers"),
        pytest.param("", id="it is empty"),
        pytest.param("00000" * 7, id="there are too few numbers"),
        pytest.param("00000" * 9, id="there are too many numbers"),
    ],
)
def test_a_memory_of_it_that_is_damaged_begins_from_nothing(text):
    memory = {**run(a_metric(), DECEIVED).memory, "alike": text}
    at = START + 2 * MINUTE
    metric = a_metric()
    found = SequentialJudge().judge(metric, answers(metric, HARMED, at), memory)
    assert found.check.verdict is Verdict.FAIL
    kept = counted(metric.judge, found.memory)
    assert kept is not None
    assert kept.second == Count(600, 3)


def test_numbers_that_are_no_counts_begin_from_nothing_as_well():
    for requests, bad in ((600.0, 601.0), (float("inf"), 1.0), (600.0, -1.0)):
        text = packed((*ALIKE.start, requests, bad))
        found = counted("sequential", {**run(a_metric(), HARMED).memory, "alike": text})
        assert found is not None
        assert found.second == NOTHING


def test_what_is_known_of_it_is_said_in_words():
    told = SequentialJudge.evidence(run(a_metric(), DECEIVED).memory)
    assert "second of the same: 30 of 600 requests were bad (5 %)" in told
    assert told[-1].startswith("evidence that two of the same differ: ")


def test_one_that_is_deceived_adds_nothing_to_what_other_metrics_prove():
    half = (100, 8, 100, 0, 100, 0)
    deceived = (100, 8, 100, 0, 100, 90)
    metrics = [a_metric(name=name, peers=2) for name in ("errors", "slow")]

    def verdicts(*counts: tuple[float, ...]) -> list[Verdict]:
        given = [answers(each, block) for each, block in zip(metrics, counts, strict=True)]
        return [each.verdict for each in judged(metrics, given).checks]

    assert verdicts(half, half) == [Verdict.FAIL, Verdict.PASS]
    assert verdicts(half, deceived) == [Verdict.PASS, Verdict.INCONCLUSIVE]
    # So it is where nothing but what is kept says so.
    pairs = [
        (each, Judgement(check=found.check, memory=found.memory))
        for each, found in ((each, run(each, deceived)) for each in metrics)
    ]
    assert [each.check.verdict for each in SequentialJudge.combine(pairs)] == [
        Verdict.INCONCLUSIVE
    ] * 2


def test_a_metric_that_asks_of_no_second_one_keeps_nothing_of_it():
    metric = a_metric()
    two = replace(metric, asks=metric.asks[:4])
    assert "alike" not in run(two, DECEIVED[:4]).memory


# --------------------------------------------------------------------------------- simulations


@pytest.mark.parametrize(("requests", "other"), [(60, 60), (600, 60), (30, 600)])
def test_of_good_runs_no_more_are_held_than_alpha(requests, other):
    seen = looked_at(requests, other=other, comparison=ALIKE)
    assert share_above(seen, 0.05) <= tolerated(0.05)


def test_bursts_that_hit_one_side_at_a_time_roll_back_fewer_good_runs_than_without_it():
    """Each side has bursts of its own: a gamma distribution of shape 0.3 varies its rate."""
    chance, blocks, requests = np.random.default_rng(5), 60, np.full(60, 600.0)

    def bad() -> Any:
        rates = 0.005 * chance.gamma(0.3, 1 / 0.3, (blocks, RUNS))
        return chance.binomial(600, np.minimum(rates, 1))

    canary, baseline, primary = bad(), bad(), bad()
    harm = simulated(HARM, requests, requests, canary, baseline)
    alike = simulated(ALIKE, requests, requests, primary, baseline)
    limit = np.log(1 / 0.05)
    rolled_back = (harm >= limit) & (np.maximum.accumulate(alike, axis=0) < limit)
    without, with_it = ((each.any(axis=0)).mean() for each in (harm >= limit, rolled_back))
    assert without > 0.4
    assert with_it < 0.35
