"""Names that somebody else has, and references that name nothing: said once, and waited for."""

from canary.api.status import Phase, Severity
from canary.core.actions import (
    EnsureAutoscaler,
    EnsurePrimary,
    EnsureServices,
    HoldFinalizer,
    PauseAutoscaler,
    RemoveAutoscaler,
    RouteTraffic,
    ScaleTarget,
)
from canary.core.facts import Revision
from canary.core.waits import AUTOSCALER_MISSING, NAME_TAKEN, RIVAL_LEAVING
from tests.builders import NEW, a_peer, a_spec, a_status, at, some_facts
from tests.core.deciding import decided

TAKEN = "Deployment test/podinfo-primary exists already and belongs to App.shop/v1 app: rename it"
REFERENCE = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "scaler"}


def test_an_initialisation_is_held_while_a_name_is_taken_and_says_so_once() -> None:
    facts = some_facts(taken=TAKEN, primary=None)
    first = decided(a_spec(), a_status(Phase.NEW, last_promoted_spec=""), facts, at(0))
    assert first.actions == (HoldFinalizer(present=True),)
    wait = first.status.waiting_for
    assert wait is not None
    assert (wait.reason, wait.message, wait.deadline) == (NAME_TAKEN, TAKEN, None)
    assert [each.reason for each in first.status.notices] == [NAME_TAKEN]
    assert first.status.notices[0].severity is Severity.ERROR
    stalled = first.status.condition("Stalled")
    assert stalled is not None
    assert (stalled.status, stalled.reason) == ("True", NAME_TAKEN)
    later = decided(a_spec(), first.status, facts, at(100_000))
    assert [each.reason for each in later.status.notices] == [NAME_TAKEN]
    assert later.status.phase is Phase.INITIALIZING
    free = decided(a_spec(), later.status, some_facts(primary=None), at(100_001))
    assert any(isinstance(each, EnsurePrimary) for each in free.actions)


def test_an_initialisation_waits_for_a_canary_of_the_same_target_that_is_being_deleted() -> None:
    facts = some_facts(others=(a_peer("former", deleting=True),), taken=TAKEN, primary=None)
    first = decided(a_spec(), a_status(Phase.NEW, last_promoted_spec=""), facts, at(0))
    assert first.actions == (HoldFinalizer(present=True),)
    wait = first.status.waiting_for
    assert wait is not None
    assert (wait.reason, wait.deadline) == (RIVAL_LEAVING, None)
    assert "test/former" in wait.message
    assert not first.status.notices
    gone = decided(a_spec(), first.status, some_facts(primary=None), at(30))
    assert any(isinstance(each, EnsurePrimary) for each in gone.actions)


def test_a_canary_that_serves_is_not_held_by_another_that_is_being_deleted() -> None:
    decision = decided(
        a_spec(), a_status(), some_facts(others=(a_peer("younger", deleting=True),)), at(0)
    )
    assert decision.status.waiting_for is None
    assert {EnsureServices, RouteTraffic} <= {type(each) for each in decision.actions}


def test_a_name_that_is_taken_at_rest_is_said_and_what_is_ours_is_kept() -> None:
    decision = decided(a_spec(), a_status(), some_facts(taken=TAKEN), at(0))
    assert decision.status.phase is Phase.SUCCEEDED
    ready = decision.status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", NAME_TAKEN)
    kinds = {type(each) for each in decision.actions}
    assert {EnsureServices, RouteTraffic} <= kinds


def test_an_autoscaler_that_does_not_exist_is_said_once() -> None:
    spec, facts = a_spec(autoscalerRef=REFERENCE), some_facts(autoscaler_missing=True)
    first = decided(spec, a_status(), facts, at(0))
    ready = first.status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", AUTOSCALER_MISSING)
    assert "HorizontalPodAutoscaler scaler does not exist" in ready.message
    again = decided(spec, first.status, facts, at(60))
    assert [each.reason for each in again.status.notices] == [AUTOSCALER_MISSING]
    created = decided(spec, again.status, some_facts(), at(120))
    ready = created.status.condition("Ready")
    assert ready is not None
    assert ready.status == "True"


def test_a_kind_of_autoscaler_that_is_not_installed_is_named() -> None:
    facts = some_facts(autoscaler_missing=True, autoscaler_absent=True)
    wait = decided(a_spec(autoscalerRef=KEDA), a_status(), facts, at(0)).status.waiting_for
    assert wait is not None
    assert wait.reason == AUTOSCALER_MISSING
    assert "ScaledObject is not installed in the cluster" in wait.message
    assert "install its CRD" in wait.message


KEDA = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "scaler"}


def test_an_autoscaler_of_another_kind_and_the_same_name_is_another_one() -> None:
    named = decided(a_spec(autoscalerRef=REFERENCE), a_status(), some_facts(), at(0))
    facts = some_facts(autoscaler_left=True)
    changed = decided(a_spec(autoscalerRef=KEDA), named.status, facts, at(1))
    assert RemoveAutoscaler(name="scaler") in changed.actions
    after = decided(a_spec(autoscalerRef=KEDA), changed.status, some_facts(), at(2))
    assert after.status.autoscaler == "ScaledObject/scaler"


def test_the_targets_autoscaler_is_paused_before_the_target_is_parked() -> None:
    actions = decided(a_spec(autoscalerRef=KEDA), a_status(), some_facts(), at(0)).actions
    assert actions[-2:] == (PauseAutoscaler(replicas=0), ScaleTarget(replicas=0))


def test_the_targets_autoscaler_scales_again_before_the_target_gets_pods() -> None:
    facts = some_facts(revision=Revision(id=NEW))
    begun = decided(a_spec(autoscalerRef=KEDA), a_status(), facts, at(0))
    actions = [*begun.actions]
    assert actions.index(PauseAutoscaler(replicas=None)) < actions.index(ScaleTarget(replicas=2))
    leaving = some_facts(deleting=True)
    ended = [*decided(a_spec(autoscalerRef=KEDA), a_status(), leaving, at(0)).actions]
    assert ended.index(PauseAutoscaler(replicas=None)) < ended.index(ScaleTarget(replicas=2))


def test_the_copy_of_an_autoscaler_that_the_canary_names_no_longer_goes() -> None:
    named = decided(a_spec(autoscalerRef=REFERENCE), a_status(), some_facts(), at(0))
    assert named.status.autoscaler == "scaler"
    assert not any(isinstance(each, RemoveAutoscaler) for each in named.actions)
    left = decided(a_spec(), named.status, some_facts(autoscaler_left=True), at(1))
    assert RemoveAutoscaler(name="scaler") in left.actions
    assert left.status.autoscaler == "scaler"
    gone = decided(a_spec(), left.status, some_facts(), at(2))
    assert gone.status.autoscaler == ""
    assert not any(isinstance(each, RemoveAutoscaler) for each in gone.actions)
    other = REFERENCE | {"name": "other"}
    facts = some_facts(autoscaler_left=True)
    renamed = decided(a_spec(autoscalerRef=other), named.status, facts, at(3))
    assert RemoveAutoscaler(name="scaler") in renamed.actions
    assert any(isinstance(each, EnsureAutoscaler) for each in renamed.actions)
