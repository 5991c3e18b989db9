"""Limits of a metric's own: they roll back by themselves, and leave the threshold to the others."""

from dataclasses import replace

import pytest

from analysis.model import Check, Report, Verdict
from canary.api.status import CanaryStatus, Phase, read_status, write_status
from canary.core.decide import decide
from canary.core.needs import Analyse
from canary.core.traffic import Seen
from tests.builders import a_report, a_spec, a_status, at
from tests.core.deciding import asked_for, up

NAME = "request-success-rate"
OTHER = "request-duration"
PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def a_spec_with(threshold: int = 1, **limits):
    metrics = [
        {"name": NAME, "thresholdRange": {"min": 99}} | limits,
        {"name": OTHER, "thresholdRange": {"max": 500}},
    ]
    return a_spec(analysis={"metrics": metrics, "threshold": threshold, "stepWeights": [20, 90]})


def checks(*verdicts: Verdict | None) -> Report:
    """Give the checks of both metrics; None is a question that was not answered."""
    (check,) = a_report().checks
    names = (NAME, OTHER)
    found: list[Check] = [
        replace(check, metric=name, verdict=verdict or OPEN, unanswered=verdict is None)
        for name, verdict in zip(names, verdicts, strict=False)
    ]
    return Report(checks=tuple(found))


def run(spec, *reports: Report) -> CanaryStatus:
    """Judge one analysis after the other at one step; each status is read as it was written."""
    status = a_status(Phase.PROGRESSING, weight=20)
    for number, report in enumerate(reports, 1):
        seconds = 60 * number
        facts = up(routed=Seen(weight=20))
        need = asked_for(spec, status, facts, at(seconds))
        assert isinstance(need, Analyse)
        answered = up(routed=Seen(weight=20), answers={need: report})
        status = read_status(write_status(decide(spec, status, answered, at(seconds)).status))
        if status.phase is not Phase.PROGRESSING:
            break
    return status


def ended(status: CanaryStatus) -> str:
    return status.history[0].message if status.phase is Phase.FAILED else ""


def test_failures_of_a_metric_with_a_limit_do_not_count_towards_the_threshold():
    status = run(a_spec_with(failureLimit=2), *[checks(FAIL, PASS)] * 2)
    assert (status.phase, status.failed_checks, status.canary_weight) == (Phase.PROGRESSING, 0, 20)
    assert status.waiting_for is not None
    assert status.waiting_for.reason == "ChecksFailing"


def test_failures_of_the_others_do():
    assert run(a_spec_with(failureLimit=2), checks(FAIL, FAIL)).phase is Phase.FAILED
    assert run(a_spec_with(threshold=2, failureLimit=2), checks(FAIL, FAIL)).failed_checks == 1


@pytest.mark.parametrize(
    ("limits", "reports", "says"),
    [
        pytest.param({"failureLimit": 2}, [FAIL, OPEN, FAIL, FAIL], "3 failed checks, failureLimit is 2", id="one more failure than it may have"),
        pytest.param({"failureLimit": 0}, [FAIL], "1 failed checks, failureLimit is 0", id="the first, where none is allowed"),
        pytest.param({"consecutiveFailures": 2}, [FAIL, OPEN, FAIL], "2 failed checks in a row", id="failures in a row, with no verdict between"),
        pytest.param({"consecutiveErrors": 2}, [None, None], "not answered 2 times in a row", id="no answer in a row"),
        pytest.param({"inconclusiveLimit": 1}, [OPEN, OPEN], "2 analyses without a verdict, inconclusiveLimit is 1", id="too often without a verdict"),
    ],
)  # fmt: skip
def test_beyond_its_limit_a_metric_rolls_back_and_says_which_one(limits, reports, says):
    spec = a_spec_with(threshold=50, **limits)
    before = run(spec, *(checks(each, PASS) for each in reports[:-1]))
    assert before.phase is Phase.PROGRESSING
    status = run(spec, *(checks(each, PASS) for each in reports))
    assert ended(status).startswith(f"{NAME}: {says}: ")


@pytest.mark.parametrize(
    ("limits", "reports"),
    [
        pytest.param({"consecutiveFailures": 2}, [FAIL, PASS], id="a pass ends a row of failures"),
        pytest.param({"consecutiveErrors": 2}, [None, OPEN, None], id="an answer ends a row of errors"),
    ],
)  # fmt: skip
def test_within_its_limits_it_does_not(limits, reports):
    status = run(a_spec_with(**limits), *(checks(each, OPEN) for each in reports))
    assert status.phase is Phase.PROGRESSING


def test_a_metric_without_limits_counts_nothing():
    assert run(a_spec_with(threshold=9), checks(FAIL, FAIL)).metrics[0].counts is None


def test_a_shadow_beyond_its_limit_is_never_acted_on():
    shadowed = replace(checks(FAIL).checks[0], shadow=True)
    status = run(a_spec_with(failureLimit=0, shadow=True), Report(checks=(shadowed,)))
    assert status.phase is Phase.PROGRESSING
