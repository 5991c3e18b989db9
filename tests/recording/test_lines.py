"""The lines of a run's record: everything that a run did, in order, and no secret."""

from datetime import timedelta
from itertools import pairwise
from math import inf, nan

import pytest

from analysis.errors import FailureKind
from analysis.model import (
    Arm,
    Ask,
    Bounds,
    Credentials,
    Metric,
    NoData,
    ProviderSpec,
    QueryFailure,
    Sample,
    Signal,
)
from analysis.pairs import Pairs
from canary.api.status import (
    BudgetRecord,
    CanaryStatus,
    CommandRecord,
    MetricStatus,
    Notice,
    Outcome,
    Pause,
    Phase,
    Severity,
    Stage,
    StageRecord,
    Wait,
)
from canary.recording.lines import RunLine, lines_between, number, opened, sample
from tests.builders import at
from tests.tracing.lives import RUN, Life, at_step, ended, judged, promoted, status


def recorded(life: Life) -> list[RunLine]:
    """Give all lines of a life, from before its run on."""
    statuses = [CanaryStatus(), *(each for _, each in life)]
    return [line for before, after in pairwise(statuses) for line in lines_between(before, after)]


def kinds(lines: list[RunLine]) -> list[object]:
    return [each.line["kind"] for each in lines]


def one(before: CanaryStatus, after: CanaryStatus, kind: str) -> dict[str, object]:
    """Give the only line of a kind."""
    (found,) = [each for each in lines_between(before, after) if each.line["kind"] == kind]
    return found.line


def test_a_run_is_told_from_its_begin_to_its_end():
    lines = recorded(promoted())
    assert {each.run for each in lines} == {"41-new"}
    assert kinds(lines)[0] == "begun"
    assert kinds(lines)[-1] == "ended"
    verdicts = [each.line for each in lines if each.line["kind"] == "verdict"]
    assert [each["judgedAt"] for each in verdicts] == [at(20), at(35)]
    decisions = [each.line for each in lines if each.line["kind"] == "decision"]
    assert [(each["phase"], each["weight"]) for each in decisions] == [
        (Phase.PROGRESSING, 10),
        (Phase.PROGRESSING, 50),
        (Phase.WAITING_PROMOTION, 50),
        (Phase.PROMOTING, 50),
        (Phase.FINALISING, 0),
        (Phase.SUCCEEDED, 0),
    ]
    assert lines[-1].line == {
        "kind": "ended",
        "outcome": Outcome.PROMOTED,
        "reason": Outcome.PROMOTED,
        "message": "it was Promoted",
        "durationSeconds": 90,
        "budgetsSpent": {},
    }


def test_a_status_that_stays_adds_nothing():
    for _, each in promoted():
        assert not list(lines_between(each, each))


def test_who_takes_a_run_over_says_where_it_is_and_what_was_judged():
    found = opened(status(run=at_step(1, 5), metrics=(judged("pass", 20),)), RUN, resumed=True)
    assert found.line["kind"] == "resumed"
    assert [each["metric"] for each in found.line["metrics"]] == ["success"]  # type: ignore[attr-defined]
    assert "metrics" not in opened(status(), RUN, resumed=False).line


def test_a_run_that_replaces_another_begins_where_that_one_ends():
    other = RUN.but(id="42-newer", revision="newer")
    lines = list(lines_between(status(), status(run=other, history=(ended(Outcome.SUPERSEDED),))))
    assert [(each.run, each.line["kind"]) for each in lines] == [
        ("41-new", "ended"),
        ("42-newer", "begun"),
    ]


def test_a_run_of_which_no_history_is_kept_ends_all_the_same():
    assert one(status(), status(Phase.FAILED, run=None), "ended") == {"kind": "ended"}


def test_a_decision_says_what_the_run_waits_for():
    after = status(
        stage=StageRecord(name=Stage.GATED, since=at(5)),
        waiting_for=Wait(reason="PromotionGate", message="waits for a person", since=at(5)),
        paused=Pause(by="by alice", since=at(5)),
    )
    assert one(status(), after, "decision") == {
        "kind": "decision",
        "phase": Phase.PROGRESSING,
        "stage": Stage.GATED,
        "step": 0,
        "weight": 0,
        "mirror": 0,
        "iterations": 0,
        "failedChecks": 0,
        "waitingFor": "PromotionGate",
        "waiting": "waits for a person",
        "paused": "by alice",
    }


def test_a_verdict_comes_with_the_evidence_and_all_that_its_judge_keeps():
    memory = dict(Pairs().add(1, 1).memory)
    metric = MetricStatus(
        name="latency", verdict="pass", judge="mann-whitney", memory=memory, at=at(5), shadow=True
    )
    line = one(
        status(), status(metrics=(metric, MetricStatus(name="x", verdict="pass"))), "verdict"
    )
    assert (line["metric"], line["judge"], line["memory"]) == ("latency", "mann-whitney", memory)
    assert line["evidence"] == [
        "canary: 1 value, 1 to 1, mean 1",
        "primary: 1 value, 1 to 1, mean 1",
    ]
    assert line["shadow"] is True


def test_commands_and_budgets_and_what_people_are_told_are_recorded_once():
    old = CommandRecord(verb="pause", at=at(1))
    new = CommandRecord(verb="resume", user="alice", reason="fine", at=at(5))
    budget = BudgetRecord(policy="shop/slo", metric="left", verdict="pass", at=at(5))
    told = Notice(id="n1", reason="Held", message="why", severity=Severity.WARN, at=at(5), run=41)
    others = told.but(id="n2", run=4)
    before = status(commands=(old,))
    after = status(run=RUN.but(budgets=(budget,)), commands=(new, old), notices=(told, others))
    assert one(before, after, "command")["user"] == "alice"
    assert one(before, after, "budget")["policy"] == "shop/slo"
    assert one(before, after, "notice")["message"] == "why"
    assert not list(lines_between(after, after))


METRIC = Metric(
    name="errors",
    asks=(Ask(query="up"),),
    provider=ProviderSpec(type="prometheus", credentials=Credentials(token="s3cr3t-token")),
    interval=timedelta(minutes=1),
    threshold_range=Bounds(),
)


def test_a_sample_is_what_was_asked_of_whom_and_what_came_back():
    ask = Ask(query="sum(up)", arm=Arm.PRIMARY, signal=Signal.REQUESTS, since=at(0))
    line = sample(METRIC, ask, Sample(value=12, at=at(60), warnings=("partial",)), seconds=0.01234)
    assert line == {
        "kind": "sample",
        "metric": "errors",
        "provider": "prometheus",
        "arm": Arm.PRIMARY,
        "signal": Signal.REQUESTS,
        "query": "sum(up)",
        "since": at(0),
        "seconds": 0.012,
        "outcome": "value",
        "value": 12,
        "valueAt": at(60),
        "warnings": ["partial"],
    }


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (NoData(reason="no series"), {"outcome": "noData", "reason": "no series"}),
        (
            QueryFailure(reason="refused", kind=FailureKind.QUERY),
            {"outcome": "failure", "failure": FailureKind.QUERY, "reason": "refused"},
        ),
    ],
)
def test_a_question_without_a_value_is_a_sample_too(outcome, says):
    line = sample(METRIC, METRIC.asks[0], outcome, seconds=1)
    assert {key: line[key] for key in says} == says


@pytest.mark.parametrize("query", ["up{t='s3cr3t-token'}", "up?token=hunter2hunter2"])
def test_a_query_is_recorded_without_secrets(query):
    line = sample(METRIC, Ask(query=query), NoData(reason=""), seconds=0)
    assert "s3cr3t" not in str(line["query"])
    assert "hunter2" not in str(line["query"])


@pytest.mark.parametrize(
    ("value", "written"), [(None, None), (1.5, 1.5), (nan, "NaN"), (inf, "+Inf"), (-inf, "-Inf")]
)
def test_what_json_has_no_word_for_is_written_as_a_word(value, written):
    assert number(value) == written
