"""Pods after a run: the canary keeps them as long as `scaleDownDelay` says, and no longer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary.api.status import Phase
from canary.core.actions import PauseAutoscaler, ScaleTarget
from canary.core.facts import Revision
from canary.core.traffic import Seen
from tests.builders import NEW, OLD, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided

LATER = {"scaleDownDelay": "15m"}
ENDS = {
    Phase.SUCCEEDED: some_facts(target=a_workload(), revision=Revision(id=OLD), routed=Seen()),
    Phase.FAILED: some_facts(target=a_workload(), revision=Revision(id=NEW), routed=Seen()),
}


def parks(actions: object) -> bool:
    return isinstance(actions, tuple) and ScaleTarget(replicas=0) in actions


@pytest.mark.parametrize("phase", ENDS)
@pytest.mark.parametrize("moved", [None, at(0)])
def test_the_canary_keeps_its_pods_until_the_delay_is_over_and_is_looked_at_then(phase, moved):
    spec, status = a_spec(analysis=LATER), a_status(phase, step_started_at=moved)
    settled = decided(spec, status, ENDS[phase], at(60)).status
    early = decided(spec, settled, ENDS[phase], at(899))
    assert not parks(early.actions)
    assert early.wake_at == at(900)
    assert parks(decided(spec, settled, ENDS[phase], at(900)).actions)


@pytest.mark.parametrize("phase", ENDS)
def test_without_a_delay_it_loses_them_when_requests_in_flight_have_ended(phase):
    status = a_status(phase, step_started_at=at(0))
    assert not parks(decided(a_spec(), status, ENDS[phase], at(9)).actions)
    assert parks(decided(a_spec(), status, ENDS[phase], at(10)).actions)


@pytest.mark.parametrize("phase", ENDS)
def test_proxies_that_follow_late_have_their_time_before_that(phase):
    status = a_status(phase, step_started_at=at(0))
    late = replace(ENDS[phase], settling=timedelta(seconds=15))
    early = decided(a_spec(), status, late, at(24))
    assert not parks(early.actions)
    assert early.wake_at == at(25)
    assert parks(decided(a_spec(), status, late, at(25)).actions)


@pytest.mark.parametrize("phase", ENDS)
def test_a_route_that_could_not_be_written_gives_the_canary_its_time_from_when_it_was(phase):
    status = a_status(phase, step_started_at=at(0))
    reached = replace(ENDS[phase], routed=Seen(weight=50))
    mended = decided(a_spec(), status, reached, at(600))
    assert mended.status.step_started_at == at(600)
    assert not parks(decided(a_spec(), mended.status, ENDS[phase], at(609)).actions)
    assert parks(decided(a_spec(), mended.status, ENDS[phase], at(610)).actions)
    # While it cannot be written, that is noted once a drain.
    refused = decided(a_spec(), mended.status, reached, at(609))
    assert refused.status.step_started_at == at(600)


def test_a_route_that_was_written_late_in_the_delay_gives_the_canary_its_time_as_well():
    spec, status = a_spec(analysis=LATER), a_status(Phase.FAILED, step_started_at=at(0))
    reached = replace(ENDS[Phase.FAILED], routed=Seen(weight=50))
    mended = decided(spec, status, reached, at(895)).status
    assert not parks(decided(spec, mended, ENDS[Phase.FAILED], at(904)).actions)
    assert parks(decided(spec, mended, ENDS[Phase.FAILED], at(905)).actions)


@pytest.mark.parametrize("phase", ENDS)
def test_a_route_that_someone_changes_beside_a_parked_target_is_noted_nowhere(phase):
    facts = replace(ENDS[phase], target=a_workload(replicas=0), routed=Seen(weight=50))
    status = a_status(phase, step_started_at=at(0), target_parked=True)
    assert decided(a_spec(), status, facts, at(600)).status.step_started_at == at(0)


def test_traffic_that_moved_late_in_the_delay_has_its_time_to_end_as_well():
    spec = a_spec(analysis=LATER)
    status = a_status(Phase.FAILED, step_started_at=at(895))
    assert not parks(decided(spec, status, ENDS[Phase.FAILED], at(901)).actions)
    assert parks(decided(spec, status, ENDS[Phase.FAILED], at(905)).actions)


def test_a_new_revision_begins_its_run_within_the_delay():
    facts = replace(ENDS[Phase.FAILED], revision=Revision(id="1-newer"))
    status = a_status(Phase.FAILED, step_started_at=at(0))
    begun = decided(a_spec(analysis=LATER), status, facts, at(60))
    assert begun.status.phase is Phase.PROGRESSING
    assert not parks(begun.actions)


def test_an_autoscaler_is_not_paused_before():
    reference = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "name": "podinfo",
    }
    spec = a_spec(analysis=LATER, autoscalerRef=reference)
    status = a_status(Phase.FAILED, step_started_at=at(0))
    early = decided(spec, status, ENDS[Phase.FAILED], at(60))
    assert PauseAutoscaler(replicas=0) not in early.actions
    late = decided(spec, status, ENDS[Phase.FAILED], at(900))
    assert PauseAutoscaler(replicas=0) in late.actions


def test_a_run_that_is_suspended_is_told_once_and_goes_on_at_the_same_weight():
    run, facts = a_status(Phase.PROGRESSING, weight=40), ENDS[Phase.FAILED]
    facts = replace(facts, routed=Seen(weight=40))
    suspended = decided(a_spec(suspend=True), run, facts, at(60)).status
    later = decided(a_spec(suspend=True), suspended, facts, at(3600)).status
    assert [each.reason for each in later.notices] == ["Suspended"]
    assert later.canary_weight == 40
    resumed = decided(a_spec(), later, facts, at(7200)).status
    assert [each.reason for each in resumed.notices][:2] == ["Suspended", "Resumed"]
    assert resumed.step == 2 or resumed.canary_weight in {40, 60}
