"""What judges that compare would see in a run, by the end of each step."""

from datetime import UTC, datetime, timedelta

import pytest

from analysis.model import (
    Bounds,
    Metric,
    NoData,
    Outcome,
    ProviderSpec,
    QueryFailure,
    Sample,
    Signal,
)
from canary.api.validation import parse_canary
from canary.views.blocks import Rows
from canary.views.outlook import StepOutlook, outlook
from canary.views.sight import Bursts, shown, sight
from tests.api.examples import a_canary, patched
from tests.cases.judges.sequential import asks

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOTHING = NoData(reason="no series matches rq")


def a_metric(part: Signal = Signal.BAD, judge: str = "sequential") -> Metric:
    return Metric(
        name="errors",
        asks=asks(part),
        provider=ProviderSpec(type="prometheus"),
        interval=MINUTE,
        threshold_range=Bounds(),
        judge=judge,
    )


def steps(
    changes: dict[str, object] | None = None, settling: timedelta = timedelta(0)
) -> tuple[StepOutlook, ...]:
    tens = {"analysis/interval": "1m", "analysis/stepWeight": 10, "analysis/maxWeight": 30}
    return outlook(parse_canary(patched(a_canary(), tens | (changes or {}))), settling).steps


def seen(*counts: float | Outcome, part=Signal.BAD, judge="sequential", of=None, at=NOW):
    metric = a_metric(part, judge)
    answers = {
        ask: Sample(value=each, at=at) if isinstance(each, int | float) else each
        for ask, each in zip(metric.asks, counts, strict=True)
    }
    return sight(metric, answers, NOW, steps() if of is None else of)


def test_smaller_regressions_are_seen_as_the_requests_add_up():
    found = seen(NOTHING, NOTHING, 6000, 30)
    assert found is not None
    assert (found.requests, found.rate) == (6000, 0.005)
    assert [(each.name, each.end) for each in found.steps] == [
        ("1", MINUTE),
        ("2", 2 * MINUTE),
        ("3", 3 * MINUTE),
    ]
    assert [each.times and round(each.times, 1) for each in found.steps] == [3.8, 2.5, 2.1]


def test_a_step_ends_later_where_proxies_learn_of_the_pods_before_the_first():
    late = seen(NOTHING, NOTHING, 6000, 30, of=steps(settling=MINUTE / 4))
    assert late is not None
    assert [each.end for each in late.steps] == [MINUTE * (n + 0.25) for n in (1, 2, 3)]
    prompt = seen(NOTHING, NOTHING, 6000, 30)
    assert prompt is not None
    assert [each.times for each in late.steps] == [each.times for each in prompt.steps]


def test_both_sides_are_counted_and_what_is_not_good_is_bad():
    found = seen(600, 597, 5400, 5373, part=Signal.GOOD)
    assert found == seen(600, 3, 5400, 27)
    assert found is not None
    assert (found.requests, found.rate) == (6000, 0.005)


def test_a_count_that_ends_before_the_question_is_of_less_time():
    found = seen(0, 0, 3000, 15, at=NOW - MINUTE / 2)
    assert found is not None
    assert found.requests == 6000


def test_where_nothing_was_bad_one_request_is_taken_to_be():
    found = seen(0, 0, 1000, 0)
    assert found is not None
    assert found.rate == 0.001


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param((0, 0, 0, 0), id="no requests"),
        pytest.param((NOTHING,) * 4, id="no data"),
        pytest.param((9, 0, QueryFailure(reason="refused"), 0), id="an outage"),
    ],
)
def test_where_it_is_not_known_nothing_is_said(counts):
    assert seen(*counts) is None
    assert seen(600, 3, 5400, 27, at=NOW - MINUTE) is None


@pytest.mark.parametrize(
    ("of", "judge"),
    [
        pytest.param(None, "threshold", id="a judge that does not compare"),
        pytest.param(steps({"analysis/match": [{"headers": {"x": {"exact": "y"}}}]}), "sequential", id="some requests, of which the number is not known"),
    ],
)  # fmt: skip
def test_where_no_regression_can_be_seen_that_is_said(of, judge):
    found = seen(0, 0, 6000, 30, judge=judge, of=of)
    assert found is not None
    assert {each.times for each in found.steps} == {None}
    assert shown([found]) == (
        ("errors proves no regression in this run, at 6,000 requests a minute, 0.5 % of them bad",),
    )


def test_people_read_it_as_a_table():
    found = seen(0, 0, 600, 3)
    assert found is not None
    assert shown([found]) == (
        ("errors proves a regression, at 600 requests a minute, 0.5 % of them bad:",),
        Rows(
            header=("BY THE END OF STEP", "AFTER", "FROM"),
            rows=(
                ("1", "1m", "15 times as many bad requests"),
                ("2", "2m", "7.9 times as many bad requests"),
                ("3", "3m", "5.6 times as many bad requests"),
            ),
        ),
    )
    assert shown([]) == ()


def test_bursts_are_told_with_what_to_write() -> None:
    seen = Bursts(metric="errors", over=timedelta(hours=2), measured=0.0312)
    assert seen.told == (
        "errors: in the last 2h bad requests came together on single pods by 0.0312; to allow for "
        'that, write judgeOptions: clustering: "0.052"'
    )
