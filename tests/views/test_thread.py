"""What the first message of a run's thread says while the run goes, and when it has ended."""

import pytest

from canary.api.status import MetricStatus, Outcome, Pause, Phase, RunRecord, Severity, Wait
from canary.views.thread import run_message
from tests.builders import NEW, T0, a_run, a_status

SLOW = MetricStatus(
    name="request-duration",
    verdict="fail",
    value=612,
    bound="at most 500",
    message="612, and must be at most 500",
)
GOOD = MetricStatus(name="success", verdict="pass", value=99.5)


def a_wait(reason: str = "AnalysisDue", message: str = "waiting for the next analysis") -> Wait:
    return Wait(reason=reason, message=message, since=T0)


def an_end(outcome: Outcome, revision: str = NEW) -> RunRecord:
    return RunRecord(revision=revision, outcome=outcome, message="why", duration_seconds=725)


def test_the_cause_of_a_delay_comes_first():
    status = a_status(
        Phase.PROGRESSING,
        weight=20,
        step=2,
        steps=5,
        failed_checks=1,
        metrics=(GOOD, SLOW),
        waiting_for=a_wait(),
        run=a_run(images="podinfo:6.1 → podinfo:6.2"),
    )
    told = run_message(status, 1)
    assert told is not None
    assert (told.reason, told.severity) == ("Progressing", Severity.WARN)
    assert told.message == (
        "request-duration: 612, and must be at most 500; waiting for the next analysis"
    )
    assert told.images == "podinfo:6.1 → podinfo:6.2"
    assert dict(told.fields) == {
        "Phase": "Progressing",
        "Weight": "20 %",
        "Step": "2 of 5",
        "Failed checks": "1",
        "Metrics": "success 99.5, request-duration 612 (at most 500)",
    }


def test_a_run_without_a_delay_goes_on():
    told = run_message(a_status(Phase.PROGRESSING), 1)
    assert told is not None
    assert (told.message, told.severity) == ("the run goes on", Severity.INFO)
    assert dict(told.fields) == {"Phase": "Progressing", "Weight": "0 %"}


def test_a_metric_without_a_value_or_words_is_told_by_its_verdict():
    metric = MetricStatus(name="success", verdict="inconclusive")
    told = run_message(a_status(Phase.PROGRESSING, metrics=(metric,)), 1)
    assert told is not None
    assert told.message == "success: inconclusive"
    assert dict(told.fields)["Metrics"] == "success no value"


def test_a_pause_names_who_has_paused():
    told = run_message(a_status(Phase.PROGRESSING, paused=Pause(by="by bob", since=T0)), 1)
    assert told is not None
    assert told.severity is Severity.WARN
    assert dict(told.fields)["Paused"] == "by bob"


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [
        (Outcome.PROMOTED, Severity.INFO),
        (Outcome.CANCELLED, Severity.INFO),
        (Outcome.ROLLED_BACK, Severity.ERROR),
        (Outcome.PROMOTION_FAILED, Severity.ERROR),
    ],
)
def test_a_run_that_has_ended_is_told_by_its_outcome(outcome: Outcome, severity: Severity):
    told = run_message(a_status(history=(an_end(outcome),)), 1)
    assert told is not None
    assert (told.reason, told.severity, told.message) == (outcome, severity, "why")
    assert told.fields == (("Duration", "12m5s"),)


def test_the_run_before_is_told_while_the_next_is_under_way():
    status = a_status(Phase.PROGRESSING, runs=2, history=(an_end(Outcome.SUPERSEDED, "old"),))
    told = run_message(status, 1)
    assert told is not None
    assert (told.reason, told.revision) == ("Superseded", "old")
    assert run_message(status, 0) is None
    assert run_message(status, 3) is None
