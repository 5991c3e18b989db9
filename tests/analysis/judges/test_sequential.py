"""The sequential judge, rule by rule."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis.errors import QueryError
from analysis.evidence import BothCounts, Count
from analysis.judges import check, counted, counts, harm
from analysis.judges.sequential import SequentialJudge
from analysis.model import (
    Bounds,
    Check,
    Judgement,
    Memory,
    Metric,
    NoData,
    NoDataPolicy,
    Outcome,
    ProviderSpec,
    QueryFailure,
    Sample,
    Signal,
    Verdict,
    memory_bytes,
)
from analysis.tally import counted_to, digits
from tests.cases.judges.sequential import asks

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def a_metric(*, part: Signal = Signal.BAD, least: float | None = None, **fields: Any) -> Metric:
    return Metric(
        **{
            "name": "request-success-rate",
            "asks": asks(part),
            "provider": ProviderSpec(type="prometheus"),
            "interval": MINUTE,
            "threshold_range": Bounds(min=least),
            "judge": "sequential",
        }
        | fields
    )


def judged(
    metric: Metric,
    *counts: float | Outcome,
    memory: Memory | None = None,
    minute: int = 1,
) -> Judgement:
    """Judge what the canary had, then the primary: requests, and a part of them."""
    at = START + minute * MINUTE
    answers = {
        ask: Sample(value=each, at=at) if isinstance(each, int | float) else each
        for ask, each in zip(metric.asks, counts, strict=True)
    }
    return SequentialJudge().judge(metric, answers, memory or {})


def run(metric: Metric, *blocks: tuple[float, float, float, float]) -> Check:
    """Judge blocks one after the other; gives the last check."""
    memory: Memory = {}
    for minute, block in enumerate(blocks, 1):
        judgement = judged(metric, *block, memory=memory, minute=minute)
        memory = json.loads(json.dumps(dict(judgement.memory)))
    return judgement.check


def test_a_canary_that_is_worse_is_proven_so_however_many_looks_that_takes():
    metric = a_metric()
    assert not run(metric, (600, 3, 600, 3), (600, 9, 600, 3)).proven
    found = run(metric, (600, 3, 600, 3), (600, 9, 600, 3), (600, 30, 600, 3))
    assert (found.verdict, found.proven) == (FAIL, True)
    assert found.value == pytest.approx(100 * (1 - 42 / 1800))
    assert found.bound == "no worse than the primary"
    assert found.message.startswith(
        "request success rate 97.67 % of 1,800 requests, of the primary's 99.5 % of 1,800: proven "
        "worse than the primary (evidence "
    )
    assert found.message.endswith(" of 100)")


def test_a_failure_that_hits_both_sides_proves_nothing():
    assert run(a_metric(), *[(600, 300, 600, 300)] * 20).verdict is PASS


def test_a_canary_that_is_proven_harmless_passes_for_good():
    found = run(a_metric(on_inconclusive=NoDataPolicy.HOLD), *[(6000, 30, 6000, 30)] * 10)
    assert (found.verdict, found.proven) == (PASS, True)
    assert "proven less than 2 times as bad (evidence" in found.message


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [(NoDataPolicy.PASS, PASS), (NoDataPolicy.HOLD, INCONCLUSIVE), (NoDataPolicy.FAIL, FAIL)],
)
def test_without_a_proof_the_metric_says_what_follows(policy, verdict):
    found = run(a_metric(on_inconclusive=policy), (100, 1, 900, 5))
    assert (found.verdict, found.proven, found.undecided) == (verdict, False, True)
    assert (
        "no proof yet, evidence of harm 0.491 of 100, of harmlessness 0.66 of 20" in found.message
    )
    assert f"(onInconclusive: {policy})" in found.message


def test_it_is_undecided_while_requests_are_too_few_and_not_where_there_are_none():
    few, none = (1, 0, 900, 5), (0, 0, 900, 5)
    assert run(a_metric(min_requests=50), few).undecided
    assert not run(a_metric(min_requests=50), few, none).undecided


def test_by_default_a_run_goes_on_while_nothing_speaks_against_it():
    assert run(a_metric(), (100, 0, 900, 5)).verdict is PASS


def test_too_few_requests_hold():
    metric = a_metric(min_requests=150)
    assert "too few, minRequests is 150" in run(metric, (100, 0, 900, 5)).message
    assert run(metric, (100, 0, 900, 5)).verdict is INCONCLUSIVE
    assert run(metric, *[(100, 0, 900, 5)] * 2).verdict is PASS


def test_no_requests_since_the_last_look_hold_and_a_proof_does_not_wait_for_them():
    found = run(a_metric(), (100, 0, 900, 5), (0, 0, 900, 5))
    assert found.verdict is INCONCLUSIVE
    assert "had no requests since the last analysis" in found.message
    assert run(a_metric(), (100, 50, 900, 5), (0, 0, 900, 5)).verdict is FAIL


@pytest.mark.parametrize("primary", [(900, 1), (0, 0)], ids=["healthy", "without requests"])
def test_a_canary_below_its_range_fails_by_itself(primary):
    found = run(a_metric(least=99), (10, 5, *primary))
    assert (found.verdict, found.proven) == (FAIL, True)
    assert found.bound == "99 ≤ value and no worse than the primary"


def test_a_canary_below_its_range_is_told_from_one_that_is_worse():
    found = run(a_metric(least=99), (20, 5, 0, 0))
    assert "proven below 99 % (evidence" in found.message


def test_trouble_that_the_primary_shares_holds_and_blames_neither():
    found = run(a_metric(least=99), (600, 300, 600, 280))
    assert (found.verdict, found.proven) == (INCONCLUSIVE, False)
    assert "the primary may be too" in found.message


def test_the_metrics_of_a_run_share_its_chance_of_a_false_rollback():
    blocks = [(100, 8, 100, 0)]
    assert run(a_metric(), *blocks).verdict is FAIL
    assert run(a_metric(peers=2), *blocks).verdict is PASS
    assert run(a_metric(least=50), *blocks).verdict is PASS
    assert run(a_metric(options=(("alpha", "0.02"),), peers=2), *blocks).verdict is FAIL


def test_a_ratio_that_is_tolerated_is_no_harm():
    blocks = [(6000, 66, 6000, 30)]
    assert run(a_metric(), *blocks).verdict is FAIL
    assert run(a_metric(options=(("equalRatio", "2.5"),)), *blocks).verdict is PASS


def test_bad_requests_may_be_what_is_not_good():
    found = run(a_metric(part=Signal.GOOD), (100, 80, 900, 899))
    assert (found.verdict, found.value) == (FAIL, 80)


def test_what_makes_a_request_a_good_one_is_said():
    metric = a_metric(name="request-duration", part=Signal.GOOD, good="within 500 ms")
    assert run(metric, (100, 98, 900, 891)).message.startswith(
        "request duration 98 % of 100 requests within 500 ms, of the primary's 99 % of 900: no proof"
    )


def test_a_part_that_is_read_before_its_sum_is_no_more_than_the_sum():
    assert run(a_metric(), (10, 11, 900, 5)).value == 0
    assert run(a_metric(part=Signal.GOOD), (10, 11, 900, 900)).value == 100


NOTHING = NoData(reason="no series matches rq")


def test_bad_requests_that_have_no_series_were_none():
    found = judged(a_metric(), 100, NOTHING, 900, NOTHING)
    assert (found.check.verdict, found.check.value) == (PASS, 100)
    assert counted_to(found.memory) == START + MINUTE


@pytest.mark.parametrize(
    ("part", "counts", "arm"),
    [
        pytest.param(Signal.BAD, (NOTHING, NOTHING, 900, 5), "canary", id="requests of the canary"),
        pytest.param(Signal.BAD, (9, 0, NOTHING, NOTHING), "primary", id="requests of the primary"),
        pytest.param(Signal.GOOD, (9, NOTHING, 900, 5), "canary", id="good requests"),
    ],
)
@pytest.mark.parametrize("policy", NoDataPolicy)
def test_what_has_no_series_is_no_data_and_is_counted_again(part, counts, arm, policy):
    metric = a_metric(part=part, on_no_data=policy)
    before = judged(metric, 100, 50, 900, 450).memory
    found = judged(metric, *counts, memory=before, minute=2)
    assert (found.check.verdict, found.memory) == (policy.verdict, before)
    assert f"has no data of the {arm}: no series matches rq (onNoData: {policy})" in (
        found.check.message
    )


@pytest.mark.parametrize(
    "answer",
    [QueryFailure(reason="refused"), float("nan"), float("inf"), -1.0, 1e11],
    ids=["an outage", "NaN", "infinity", "less than none", "more than there can be"],
)
@pytest.mark.parametrize("policy", NoDataPolicy)
def test_what_is_no_count_is_an_outage_and_changes_nothing(answer, policy):
    metric = a_metric(on_error=policy)
    before = judged(metric, 100, 0, 900, 5).memory
    found = judged(metric, 100, answer, 900, 5, memory=before, minute=2)
    assert (found.check.verdict, found.memory) == (policy.verdict, before)
    assert "could not be asked" in found.check.message


def test_a_store_that_has_not_watched_says_from_when_on_it_can_count():
    metric = a_metric()
    before = judged(metric, 100, 0, 900, 5).memory
    seen_from = START + 1.5 * MINUTE
    young = NoData(reason="restarted", warming_up=True, known_from=seen_from)
    found = judged(metric, 100, young, 900, 5, memory=before, minute=2)
    assert found.check.verdict is INCONCLUSIVE
    assert counted_to(found.memory) == seen_from
    assert {k: v for k, v in found.memory.items() if k != "to"} == {
        k: v for k, v in before.items() if k != "to"
    }
    unsure = replace(young, known_from=None)
    assert judged(metric, 100, unsure, 900, 5, memory=before, minute=2).memory == before
    assert judged(metric, 100, unsure, 900, 5).memory == {}


def test_a_block_that_was_counted_is_not_counted_again():
    metric = a_metric()
    before = judged(metric, 100, 2, 900, 5)
    assert judged(metric, 100, 2, 900, 5, memory=before.memory).memory == before.memory


def test_what_providers_remark_is_told():
    warned = Sample(value=100, at=START + MINUTE, warnings=("1 of 2 targets cannot be read",))
    found = judged(a_metric(), warned, 0, warned, 5).check
    assert found.message.endswith("; warning: 1 of 2 targets cannot be read")


@pytest.mark.parametrize("clustering", ["0", "0.02"])
def test_a_restart_after_any_block_changes_nothing(clustering):
    metric = a_metric(options=(("clustering", clustering),))
    memory: Memory = {}
    for minute in range(1, 200):
        block = (100 + minute % 7, minute % 5 == 0, 900, minute % 3)
        found = judged(metric, *block, memory=memory, minute=minute)
        kept = json.loads(json.dumps(dict(found.memory)))
        assert judged(metric, *block, memory=kept, minute=minute).memory == found.memory
        memory = kept


@pytest.mark.parametrize(
    "changes",
    [
        {"sums": "?"},
        {"sums": "00000"},
        {"counts": "many"},
        {"counts": "1 2 3"},
        {"counts": "nan 0 0 0"},
        {"counts": "-1 0 0 0"},
        {"counts": "1 0 0 0 60 60"},
        {"ratios": "3 2"},
    ],
    ids=str,
)
def test_what_was_edited_begins_from_nothing_where_it_has_left_off(changes):
    metric = a_metric()
    memory: Mapping[str, str] = dict(judged(metric, 100, 2, 900, 5).memory) | changes
    found = judged(metric, 10, 1, 90, 0, memory=memory, minute=2)
    assert found.check.value == 90
    assert found.memory == judged(metric, 10, 1, 90, 0, minute=2).memory


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_moment_that_cannot_be_read_is_none(moment):
    assert counted_to({"to": moment}) is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"alhpa": "1"}, "judgeOptions.alhpa: judge sequential reads no such option; it reads alpha, beta,"),
        ({"alpha": "often"}, "judgeOptions.alpha: 'often' does not fit; write a probability"),
        ({"alpha": "1"}, "judgeOptions.alpha: '1' does not fit"),
        ({"beta": "0"}, "judgeOptions.beta: '0' does not fit"),
        ({"equalRatio": "0.5"}, "judgeOptions.equalRatio: '0.5' does not fit; write a ratio from 1"),
        ({"maxRatio": "1"}, "judgeOptions.maxRatio: '1' does not fit"),
        ({"clustering": "nan"}, "judgeOptions.clustering: 'nan' does not fit"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(QueryError) as refused:
        check(a_metric(options=tuple(options.items())))
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    "bounds", [Bounds(max=500), Bounds(min=99, max=100), Bounds(min=100), Bounds(min=-1)]
)
def test_ranges_that_are_no_least_percentage_are_refused(bounds):
    with pytest.raises(QueryError, match="write min alone"):
        check(a_metric(threshold_range=bounds))


def test_what_fits_is_accepted():
    check(a_metric(least=99, options=(("alpha", "0.05"), ("equalRatio", "1.2"))))
    check(a_metric(judge="threshold"))


def test_options_of_a_judge_that_reads_none_are_refused():
    with pytest.raises(QueryError, match=r"judgeOptions.alpha: judge threshold reads no options"):
        check(a_metric(judge="threshold", options=(("alpha", "0.05"),)))


def test_it_is_asked_for_counts_and_the_threshold_judge_for_a_value():
    assert [counts(name) for name in ("sequential", "threshold", "unknown")] == [True, False, False]


def test_evidence_beyond_all_measure_is_told_short():
    assert "(evidence over 1,000,000 of 100)" in run(a_metric(), (1000, 900, 1000, 0)).message


def test_five_metrics_grow_the_status_by_less_than_4_kib():
    metric = a_metric(least=99)
    memory: Memory = {}
    for minute in range(1, 200):
        block = (123_456 + minute, 654, 9_876_543, 32_100)
        found = judged(metric, *block, memory=memory, minute=minute)
        memory = found.memory
    assert 5 * (memory_bytes(memory) + len(found.check.message)) <= 4096


def test_what_a_memory_proves_is_said_in_words():
    memory = judged(a_metric(), 600, 30, 600, 3).memory
    told = SequentialJudge.evidence(memory)
    assert told[:2] == (
        "canary: 30 of 600 requests were bad (5 %)",
        "primary: 3 of 600 requests were bad (0.5 %)",
    )
    assert [each.partition(":")[0] for each in told[2:]] == [
        "evidence of harm",
        "evidence of harmlessness",
    ]
    overwhelming = judged(a_metric(), 6000, 3000, 6000, 3).memory
    assert "evidence of harm: over 1,000,000" in SequentialJudge.evidence(overwhelming)


def test_what_a_memory_proves_is_a_number_up_to_a_million():
    some = judged(a_metric(), 600, 30, 600, 3).memory
    assert f"evidence of harm: {digits(harm('sequential', some))}" in SequentialJudge.evidence(some)
    assert harm("sequential", judged(a_metric(), 6000, 3000, 6000, 3).memory) == pytest.approx(1e6)
    assert harm("threshold", some) is harm("unknown", some) is None


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"ratios": "1 two"},
        {"ratios": "nan 2"},
        {"ratios": "1e300 2"},
        {"ratios": "1 2 3"},
        {"counts": "1 2"},
        {"counts": "0 0 0 0"},
    ],
)
def test_of_a_damaged_memory_nothing_is_said(damage):
    memory = {**judged(a_metric(), 600, 30, 600, 3).memory, **damage} if damage else {}
    assert SequentialJudge.evidence(memory) == ()
    assert harm("sequential", memory) is None


def test_what_a_memory_has_counted_is_known_with_how_long_that_took():
    metric = a_metric()
    memory = judged(metric, 600, 30, 600, 3).memory
    memory = judged(metric, 400, 0, 1400, 7, memory=memory, minute=2).memory
    assert counted("sequential", memory) == BothCounts(
        canary=Count(1000, 30), primary=Count(2000, 10), seconds=120
    )


def test_of_a_block_that_was_asked_since_a_moment_the_time_from_then_on_counts():
    since = START + MINUTE / 4
    metric = a_metric(asks=tuple(replace(each, since=since) for each in asks(Signal.BAD)))
    found = counted("sequential", judged(metric, 600, 30, 600, 3).memory)
    assert found is not None
    assert found.seconds == 45


def test_a_memory_of_an_earlier_release_keeps_its_evidence_and_not_its_time():
    memory = dict(judged(a_metric(), 600, 30, 600, 3).memory)
    earlier = memory | {"counts": memory["counts"].rpartition(" ")[0]}
    assert SequentialJudge.evidence(earlier) == SequentialJudge.evidence(memory)
    found = counted("sequential", earlier)
    assert found is not None
    assert found.seconds == 0


@pytest.mark.parametrize("name", ["sequential", "threshold", "unknown"])
def test_a_judge_that_has_counted_nothing_or_cannot_say_tells_nothing(name):
    assert counted(name, {}) is None
