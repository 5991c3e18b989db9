"""The past as people and programs read it."""

from datetime import UTC, datetime, timedelta

from analysis.judging import Replayed
from analysis.model import Ask, Bounds, Check, Metric, ProviderSpec, Report, Verdict
from canary.simulation.release import ReleaseResult
from canary.views.backtested import Backtest, PastRelease, backtest_document, backtest_shown
from canary.views.blocks import Rows
from canary.views.replayed import (
    MetricThen,
    ReplayView,
    metrics_then,
    release_told,
    replay_document,
    replay_shown,
)

START = datetime(2026, 3, 1, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
METRIC = Metric(
    name="orders",
    asks=(Ask(query="orders"),),
    provider=ProviderSpec(type="prometheus"),
    interval=MINUTE,
    threshold_range=Bounds(max=5),
)


def a_release(outcome: str = "Promoted", reason: str = "Promoted") -> ReleaseResult:
    return ReleaseResult(outcome=outcome, reason=reason, took=5 * MINUTE, hurt=0)


ROLLED_BACK = a_release("RolledBack", "ChecksFailed")


def look(minute: int, verdict: Verdict) -> Replayed:
    said = f"orders at {minute}"
    check = Check(metric="orders", verdict=verdict, value=1.0, bound="few", message=said, query="q")
    return Replayed(at=START + minute * MINUTE, report=Report(checks=(check,)))


def a_replay(*verdicts: Verdict) -> ReplayView:
    looks = tuple(look(minute, each) for minute, each in enumerate(verdicts))
    return ReplayView(
        canary="shop/cart",
        side="canary",
        start=START,
        end=START + timedelta(hours=1),
        interval=MINUTE,
        metrics=tuple(metrics_then([METRIC], looks)),
        release=ROLLED_BACK,
        left_out=("errors: no past",),
    )


def rows(*lines: object) -> list[tuple[object, ...]]:
    return [row for each in lines if isinstance(each, Rows) for row in each.rows]


def test_checks_are_counted_and_the_last_failure_is_told() -> None:
    shown = replay_shown(a_replay(Verdict.PASS, Verdict.FAIL, Verdict.FAIL, Verdict.INCONCLUSIVE))
    assert rows(*shown) == [("orders", "few", "4", "1", "2", "1", "after 1m")]
    lines = [each for each in shown if not isinstance(each, Rows)]
    assert lines[0] == (
        "shop/cart, canary: 2026-03-01 14:00 UTC to 2026-03-01 15:00 UTC, an analysis every 1m",
    )
    assert ("2026-03-01 14:02 UTC: orders at 2",) in lines
    assert ("a release at the start: rolled back after 5m (ChecksFailed)",) in lines


def test_without_a_failure_there_is_no_first_one() -> None:
    assert rows(*replay_shown(a_replay(Verdict.PASS)))[0][-1] == "–"
    assert rows(*replay_shown(a_replay()))[0][1] == "value ≤ 5"


def test_a_program_reads_every_check() -> None:
    said = replay_document(a_replay(Verdict.FAIL))
    assert said["metrics"] == [
        {
            "name": "orders",
            "bound": "value ≤ 5",
            "checks": [
                {
                    "at": "2026-03-01T14:00:00+00:00",
                    "verdict": "fail",
                    "value": 1.0,
                    "message": "orders at 0",
                }
            ],
        }
    ]
    assert said["release"] == {"outcome": "RolledBack", "reason": "ChecksFailed", "seconds": 300}


def test_the_end_of_a_release_is_told_in_a_few_words() -> None:
    assert release_told(a_release()) == "promoted after 5m"
    assert release_told(a_release("", "TrafficGate")) == "not ended after 5m, waiting: TrafficGate"
    assert release_told(a_release("", "")) == "not ended after 5m, waiting: nothing"
    assert release_told(a_release("Cancelled", "")) == "Cancelled after 5m"


def a_backtest(*ends: tuple[ReleaseResult, ReleaseResult | None]) -> Backtest:
    releases = (
        PastRelease(at=START + number * MINUTE, present=present, other=other)
        for number, (present, other) in enumerate(ends)
    )
    return Backtest(
        canary="shop/cart",
        side="primary",
        every=MINUTE,
        within=timedelta(hours=1),
        releases=tuple(releases),
        left_out=("errors: no past",),
    )


def test_two_gates_are_counted_against_each_other() -> None:
    tested = a_backtest(
        (a_release(), a_release()),
        (a_release(), ROLLED_BACK),
        (a_release(), ROLLED_BACK),
        (ROLLED_BACK, a_release("", "AnalysisDue")),
    )
    shown = backtest_shown(tested)
    assert rows(*shown) == [
        ("promoted", "1", "2", "0"),
        ("rolled back", "0", "0", "1"),
        ("unfinished", "0", "0", "0"),
    ]
    lines = [each for each in shown if not isinstance(each, Rows)]
    told = "promoted after 5m; by the other gate rolled back after 5m (ChecksFailed)"
    assert lines[1] == (f"2026-03-01 14:01 UTC: {told}",)
    assert len(tested.disagreements) == 3
    counted = backtest_document(tested)["table"]
    assert {"present": "RolledBack", "other": "Unfinished", "count": 1} in list(counted)


def test_one_gate_is_counted_alone() -> None:
    shown = backtest_shown(a_backtest((a_release(), None), (ROLLED_BACK, None)))
    assert rows(*shown) == [("promoted", "1", "50 %"), ("rolled back", "1", "50 %")]


def test_of_many_disagreements_the_first_are_listed() -> None:
    shown = backtest_shown(a_backtest(*[(a_release(), ROLLED_BACK)] * 23))
    assert ("… and 3 more; -o json has all of them",) in shown


def test_a_metric_without_checks_has_no_failures() -> None:
    assert MetricThen(name="m", unit="", bounds=Bounds(), checks=()).failures == ()


def test_when_releases_ended_is_told_of_each_gate() -> None:
    alone = a_backtest((ROLLED_BACK, None))
    assert [(each.label, each.rolled_back) for each in alone.ends] == [("present gate", (300.0,))]
    both = a_backtest((ROLLED_BACK, a_release()))
    assert [(each.label, each.promoted) for each in both.ends] == [
        ("present gate", ()),
        ("other gate", (300.0,)),
    ]
