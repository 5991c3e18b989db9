"""Checks that stores work on for minutes: in the status, for their step alone, and cancelled after it."""

from dataclasses import replace

import pytest

from analysis.model import Check, Report, Started, Verdict
from canary.api.status import CanaryStatus, Phase, StoreCheck, read_status, write_status
from canary.core.decide import decide
from canary.core.facts import Facts, Revision
from canary.core.needs import Analyse
from canary.core.resumed import MOST_OVER
from canary.core.traffic import Seen
from tests.builders import a_report, a_spec, a_status, at
from tests.core.deciding import asked_for, decided, up

NAME, OTHER = "kayenta", "request-duration"
KEY, NEXT = "0" * 32, "1" * 32
STARTED = Started(key=KEY, since=at(60), handle="01KB")
PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def a_spec_with(namespace: str = "stores", threshold: int = 2, **fields):
    reference = {"name": "scores"} | ({"namespace": namespace} if namespace else {})
    metrics = [
        {"name": NAME, "thresholdRange": {"min": 90}, "templateRef": reference} | fields,
        {"name": OTHER, "thresholdRange": {"max": 500}},
    ]
    return a_spec(
        analysis={
            "metrics": metrics,
            "threshold": threshold,
            "stepWeights": [20, 40, 90],
            "holdTimeout": "30m",
        }
    )


def says(
    started: Started | None, verdict: Verdict = PASS, other: Verdict = PASS, **fields
) -> Report:
    """Report on both metrics: the first is pending where something was started."""
    (check,) = a_report().checks
    pending = started is not None and not fields.get("unanswered")
    mine: Check = replace(
        check, metric=NAME, verdict=OPEN if pending else verdict, pending=pending, **fields
    )
    return Report(
        checks=(mine, replace(check, metric=OTHER, verdict=other)), started={NAME: started}
    )


def facts(**fields) -> Facts:
    return up(routed=Seen(weight=20), **fields)


def need_of(spec, status: CanaryStatus, seconds: int = 60) -> Analyse:
    need = asked_for(spec, status, facts(), at(seconds))
    assert isinstance(need, Analyse)
    return need


def looked(spec, status: CanaryStatus, report: Report, seconds: int = 60) -> CanaryStatus:
    """Analyse once; the status is read as it was written, as after a restart."""
    answered = facts(answers={need_of(spec, status, seconds): report})
    return read_status(write_status(decide(spec, status, answered, at(seconds)).status))


def at_work(spec) -> CanaryStatus:
    """Give the status of a run whose store works on a check."""
    return looked(spec, a_status(Phase.PROGRESSING, weight=20), says(STARTED))


def test_what_was_started_is_in_the_status_and_the_next_analysis_goes_on_with_it():
    spec = a_spec_with()
    first = need_of(spec, a_status(Phase.PROGRESSING, weight=20))

    status = at_work(spec)

    assert first.started == ()
    (check,) = status.store_checks
    assert (check.key, check.handle, check.template) == (KEY, "01KB", "stores/scores")
    assert need_of(spec, status, 120).started == ((NAME, STARTED),)


def test_a_template_of_the_canarys_namespace_is_named_alone():
    assert at_work(a_spec_with(namespace="")).store_checks[0].template == "scores"


def test_meanwhile_the_run_waits_at_its_step_without_a_hold_or_a_warning():
    status = at_work(a_spec_with())

    assert (status.phase, status.canary_weight) == (Phase.PROGRESSING, 20)
    assert status.waiting_for is not None
    assert status.waiting_for.reason == "AnalysisDue"
    assert status.run is not None
    assert not status.run.holds
    assert not [each for each in status.notices if each.reason == "AnalysisInconclusive"]


def test_with_the_answer_the_run_goes_on_and_the_check_is_cancelled_before_it_is_forgotten():
    spec = a_spec_with()

    passed = looked(spec, at_work(spec), says(None), 120)

    assert passed.run is not None
    assert passed.run.step > 1 or passed.canary_weight > 20 or passed.run.next_step is not None
    assert [each.over for each in passed.store_checks] == [True]
    gone = decide(spec, passed, facts(cancelled=frozenset({KEY})), at(121))
    assert gone.status.store_checks == ()


def test_a_failed_answer_counts_as_a_failed_check():
    spec = a_spec_with()
    status = looked(spec, at_work(spec), says(None, FAIL), 120)
    assert (status.failed_checks, status.canary_weight) == (1, 20)


def test_a_store_that_never_answers_holds_the_run_no_longer_than_any_other():
    spec = a_spec_with()
    overdue = looked(spec, at_work(spec), says(None, OPEN, unanswered=True), 660)
    assert overdue.run is not None
    (hold,) = overdue.run.holds
    again = looked(spec, overdue, says(replace(STARTED, key=NEXT)), 720)
    assert again.run is not None
    assert (again.run.holds, again.phase) == ((hold,), Phase.PROGRESSING)

    late = looked(spec, again, says(replace(STARTED, key=NEXT)), 660 + 1800)

    assert (late.phase, late.history[0].reason) == (Phase.FAILED, "AnalysisInconclusive")


def test_a_verdict_of_another_metric_is_not_held_up():
    spec = a_spec_with()
    status = looked(spec, at_work(spec), says(STARTED, other=FAIL), 120)

    assert status.failed_checks == 1
    assert [each.over for each in status.store_checks] == [False]


def test_another_metric_without_a_verdict_holds_the_run_as_ever():
    spec = a_spec_with()
    status = looked(spec, at_work(spec), says(STARTED, other=OPEN), 120)
    assert status.waiting_for is not None
    assert status.waiting_for.reason == "AnalysisInconclusive"


def test_an_outage_of_the_store_leaves_the_check_as_it_is():
    spec = a_spec_with()
    status = looked(spec, at_work(spec), says(STARTED, OPEN, unanswered=True), 120)

    assert need_of(spec, status, 180).started == ((NAME, STARTED),)


def test_a_start_whose_answer_was_lost_keeps_its_key():
    spec, lost = a_spec_with(), replace(STARTED, handle="")
    status = looked(spec, a_status(Phase.PROGRESSING, weight=20), says(lost, OPEN, unanswered=True))

    assert need_of(spec, status, 120).started == ((NAME, lost),)
    found = looked(spec, status, says(STARTED), 120)
    assert [each.handle for each in found.store_checks] == ["01KB"]


def test_a_check_that_never_was_started_is_forgotten_with_nobody_to_tell():
    spec, lost = a_spec_with(), replace(STARTED, handle="")
    status = looked(spec, a_status(Phase.PROGRESSING, weight=20), says(lost, OPEN, unanswered=True))
    assert looked(spec, status, says(None, OPEN, unanswered=True), 120).store_checks == ()


def test_a_check_under_another_key_takes_the_place_of_one_that_is_over():
    spec = a_spec_with()
    status = looked(spec, at_work(spec), says(replace(STARTED, key=NEXT)), 120)

    assert [(each.key, each.over) for each in status.store_checks] == [(KEY, True), (NEXT, False)]
    again = looked(spec, status, says(replace(STARTED, key=NEXT)), 180)
    assert [(each.key, each.over) for each in again.store_checks] == [(KEY, True), (NEXT, False)]


def test_a_check_is_left_alone_by_an_analysis_that_did_not_ask_after_it():
    spec = a_spec_with()
    report = replace(says(STARTED, OPEN, unanswered=True), started={})
    assert looked(spec, at_work(spec), report, 120).store_checks == at_work(spec).store_checks


def test_an_answer_on_its_way_counts_against_no_limit():
    spec = a_spec_with(inconclusiveLimit=0, consecutiveErrors=1)
    status = looked(spec, at_work(spec), says(STARTED), 120)
    assert status.phase is Phase.PROGRESSING
    assert status.metrics[0].counts is not None
    assert status.metrics[0].counts.inconclusive == 0


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        pytest.param({"run": "1-older"}, True, id="one of another run"),
        pytest.param({"step": 7}, True, id="one of another step"),
        pytest.param({}, False, id="one of this step"),
    ],
)
def test_a_check_is_for_its_step_alone(changes, over):
    spec = a_spec_with()
    status = at_work(spec)
    other = status.but(store_checks=(status.store_checks[0].but(**changes),))

    decision = decide(spec, other, facts(), at(61))

    assert [each.over for each in decision.status.store_checks] == [over]


def test_a_run_that_ends_waits_for_no_check():
    spec = a_spec_with(threshold=1)
    status = looked(spec, at_work(spec), says(STARTED, other=FAIL), 120)

    assert status.phase is Phase.FAILED
    assert [each.over for each in status.store_checks] == [True]


def test_a_newer_revision_waits_for_no_check_of_the_older():
    spec = a_spec_with()
    decision = decided(spec, at_work(spec), facts(revision=Revision(id="1-newer")), at(120))
    assert [each.over for each in decision.status.store_checks] == [True]


def test_of_a_store_that_cannot_be_reached_the_oldest_checks_are_forgotten():
    status = at_work(a_spec_with())
    (check,) = status.store_checks
    many = tuple(check.but(key=f"{n:032x}", over=True) for n in range(MOST_OVER + 5))

    after = decide(a_spec_with(), status.but(store_checks=(*many, check)), facts(), at(61)).status

    assert [each.key for each in after.store_checks] == [each.key for each in many[5:]] + [KEY]


@pytest.mark.parametrize(
    "changes",
    [{"key": "../x"}, {"handle": "x" * 257}, {"handle": "a\nb"}, {"step": -1}],
    ids=str,
)
def test_a_check_that_was_edited_into_what_none_can_be_is_dropped(changes):
    document = write_status(at_work(a_spec_with()))
    document["storeChecks"][0] |= changes
    assert read_status(document).store_checks == ()


def test_a_metric_without_a_template_names_none():
    """It asks a store that answers at once, unless a plug-in says otherwise."""
    spec = a_spec(analysis={"metrics": [{"name": OTHER, "thresholdRange": {"max": 500}}]})
    (check,) = a_report().checks
    report = Report(
        checks=(replace(check, metric=OTHER, verdict=OPEN, pending=True),),
        started={OTHER: STARTED},
    )
    status = looked(spec, a_status(Phase.PROGRESSING, weight=20), report)
    assert isinstance(status.store_checks[0], StoreCheck)
    assert status.store_checks[0].template == ""
