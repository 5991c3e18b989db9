"""What a judge keeps is in the status, and so a run goes on after a restart as if there was none."""

from dataclasses import replace

import pytest

from analysis.model import MEMORY_BYTES, Check, Report, Verdict
from canary.api.status import CanaryStatus, MetricStatus, Phase, read_status, write_status
from canary.core.decide import decide
from canary.core.facts import Revision
from canary.core.needs import Analyse
from canary.core.traffic import Seen
from tests.builders import a_report, a_spec, a_status, at
from tests.core.deciding import asked_for, up

NAME = "request-success-rate"
KEPT = {"errors": "2", "requests": "8"}


def judging(**memory: str) -> MetricStatus:
    return MetricStatus(name=NAME, verdict="pass", judge="threshold", memory=memory)


def a_need(status: CanaryStatus, judge: str = "threshold") -> Analyse:
    need = asked_for(spec(judge), status, up(routed=Seen(weight=20)), at(60))
    assert isinstance(need, Analyse)
    return need


def spec(judge: str = "threshold"):
    metric = {"name": NAME, "thresholdRange": {"min": 99}, "judge": judge}
    return a_spec(analysis={"metrics": [metric]})


def judged(status: CanaryStatus, report: Report) -> CanaryStatus:
    facts = up(routed=Seen(weight=20), answers={a_need(status): report})
    return decide(spec(), status, facts, at(60)).status


def test_a_memory_is_kept_in_the_status_and_given_to_the_next_analysis_also_after_a_restart():
    report = replace(a_report(), memories={NAME: KEPT})
    status = judged(a_status(Phase.PROGRESSING, weight=20), report)
    read = read_status(write_status(status))
    assert read.metrics[0].memory == KEPT

    need = a_need(read.but(run=read.run.but(next_analysis_at=None), canary_weight=20))
    assert need.memories == ((NAME, (("errors", "2"), ("requests", "8"))),)


def test_a_judge_that_keeps_nothing_leaves_nothing_in_the_status():
    status = judged(a_status(Phase.PROGRESSING, weight=20), a_report())
    (metric,) = write_status(status)["metrics"]
    assert metric.keys() & {"judge", "memory"} == set()
    assert a_need(a_status(Phase.PROGRESSING, weight=20)).memories == ()


def test_a_metric_that_could_not_be_asked_keeps_its_memory():
    before = a_status(Phase.PROGRESSING, weight=20, metrics=(judging(**KEPT),))
    assert judged(before, a_report()).metrics[0].memory == KEPT


def test_a_judge_that_forgets_leaves_nothing():
    before = a_status(Phase.PROGRESSING, weight=20, metrics=(judging(**KEPT),))
    report = replace(a_report(), memories={NAME: {}})
    assert judged(before, report).metrics[0].memory is None


def test_another_judge_is_not_given_what_this_one_kept():
    before = a_status(Phase.PROGRESSING, weight=20, metrics=(judging(**KEPT),))
    assert a_need(before, judge="other").memories == ()


def test_a_new_run_begins_without_memories():
    before = a_status(Phase.PROGRESSING, weight=20, metrics=(judging(**KEPT),))
    decision = decide(spec(), before, up(revision=Revision(id="1-newer")), at(60))
    assert decision.status.metrics == ()


def test_a_memory_that_was_made_too_large_by_hand_is_forgotten():
    before = a_status(Phase.PROGRESSING, weight=20, metrics=(judging(all="x" * MEMORY_BYTES),))
    assert a_need(read_status(write_status(before))).memories == ()


def test_a_judge_that_has_counted_nothing_counts_from_the_beginning_of_the_step():
    status = a_status(Phase.PROGRESSING, weight=20, step_started_at=at(30))
    assert a_need(status).since == at(30)


@pytest.mark.parametrize(("proven", "phase"), [(False, Phase.PROGRESSING), (True, Phase.FAILED)])
def test_a_failure_that_is_proven_rolls_back_whatever_the_threshold_is(proven, phase):
    report = failing(proven=proven)
    status = a_status(Phase.PROGRESSING, weight=20)
    facts = up(routed=Seen(weight=20), answers={a_question(status): report})
    decision = decide(patient(), status, facts, at(60))
    assert decision.status.phase is phase
    assert decision.status.failed_checks == 1
    told = decision.status.notices[-1].message if proven else ""
    assert "of 5 failed checks" not in told


def test_a_shadow_is_shown_and_never_acted_on():
    status = a_status(Phase.PROGRESSING, weight=20)
    report = failing(proven=True, shadow=True)
    facts = up(routed=Seen(weight=20), answers={a_question(status): report})
    after = decide(patient(), status, facts, at(60)).status
    assert (after.phase, after.failed_checks, after.canary_weight) == (Phase.PROGRESSING, 0, 40)
    (metric,) = write_status(after)["metrics"]
    assert (metric["verdict"], metric["shadow"]) == ("fail", True)


def patient():
    return a_spec(analysis={"threshold": 5})


def a_question(status: CanaryStatus) -> Analyse:
    need = asked_for(patient(), status, up(routed=Seen(weight=20)), at(60))
    assert isinstance(need, Analyse)
    return need


def failing(**fields: bool) -> Report:
    (check,) = a_report(Verdict.FAIL).checks
    assert isinstance(check, Check)
    return Report(checks=(replace(check, **fields),))
