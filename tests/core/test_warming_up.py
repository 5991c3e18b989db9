"""A metric that warms up is not judged in the step in which it would be judged first."""

from datetime import timedelta

from analysis.model import Report, Verdict
from canary.api.status import CanaryStatus, MetricStatus, Phase
from canary.core.decide import decide
from canary.core.needs import Analyse
from canary.core.traffic import Seen
from tests.builders import a_report, a_spec, a_status, at
from tests.core.deciding import asked_for, up

NAME = "request-success-rate"
METRIC = {"name": NAME, "thresholdRange": {"min": 99}}
OTHER = {"name": "request-duration", "thresholdRange": {"max": 500}}
#: The step has begun at 0, and an analysis is due.
RUNNING = a_status(Phase.PROGRESSING, weight=20, step_started_at=at(0))


def a_spec_with(*metrics):
    return a_spec(analysis={"metrics": list(metrics), "interval": "10s"})


WARM = a_spec_with(METRIC | {"warmUp": "30s"}, OTHER)


def asked(spec, status: CanaryStatus, seconds: float) -> list[str]:
    need = asked_for(spec, status, up(routed=Seen(weight=20)), at(seconds))
    assert isinstance(need, Analyse)
    return [each.name for each in need.metrics]


def judged(status: CanaryStatus, seconds: float, report: Report) -> CanaryStatus:
    need = asked_for(WARM, status, up(routed=Seen(weight=20)), at(seconds))
    facts = up(routed=Seen(weight=20), answers={need: report})
    return decide(WARM, status, facts, at(seconds)).status


def test_it_is_asked_when_its_time_is_over_and_the_others_before():
    assert asked(WARM, RUNNING, 10) == ["request-duration"]
    assert asked(WARM, RUNNING, 29) == ["request-duration"]
    assert asked(WARM, RUNNING, 30) == [NAME, "request-duration"]
    assert asked(a_spec_with(METRIC), RUNNING, 1) == [NAME]


def test_in_a_later_step_it_is_warm():
    known = RUNNING.but(metrics=(MetricStatus(name=NAME, verdict="pass", at=at(-5)),))
    assert asked(WARM, known, 1) == [NAME, "request-duration"]
    first_here = RUNNING.but(metrics=(MetricStatus(name=NAME, verdict="pass", at=at(5)),))
    assert asked(WARM, first_here, 10) == ["request-duration"]


def test_a_step_whose_beginning_is_not_known_has_no_time_to_wait_for():
    assert asked(WARM, RUNNING.but(step_started_at=None), 1) == [NAME, "request-duration"]


def test_the_step_does_not_end_before_and_is_analysed_when_it_is_over():
    after = judged(RUNNING, 25, a_report())
    assert (after.canary_weight, after.failed_checks) == (20, 0)
    assert after.run is not None
    assert after.run.next_analysis_at == at(30)
    assert after.waiting_for is not None
    assert f"{NAME} not judged before" in after.waiting_for.message
    assert judged(RUNNING, 5, a_report()).run.next_analysis_at == at(15)


def test_what_the_others_say_counts_meanwhile():
    assert judged(RUNNING, 10, a_report(Verdict.FAIL)).failed_checks == 1
    assert timedelta(seconds=30) == WARM.analysis.metrics[0].warm_up
