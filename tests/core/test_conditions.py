"""Conditions as the Kubernetes tools read them, and what is said of a spec that can't be acted on.

The generic rules of kstatus (sigs.k8s.io/cli-utils/pkg/kstatus), as they are published: an object
that is being deleted is Terminating; one whose generation is not observed is InProgress; then the
conditions decide, Reconciling before Stalled as they come, and Ready last.
"""

from typing import Any

import pytest

from canary.api.status import CanaryStatus, Outcome, Phase, RunRecord, Wait, write_status
from canary.core import waits
from canary.core.actions import HoldFinalizer
from canary.core.decide import obstructed, refuse
from canary.core.facts import Revision
from canary.errors import Problem
from tests.builders import NEW, a_primary, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided

PROBLEM = Problem("spec.analysis.threshold", -1, "write 0 or more")


def kstatus(obj: dict[str, Any]) -> str:
    """Judge an object by the generic rules."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    observed = status.get("observedGeneration")
    if observed is not None and observed != metadata["generation"]:
        return "InProgress"
    found = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
    for type_, verdict in (("Reconciling", "InProgress"), ("Stalled", "Failed")):
        if found.get(type_) == "True":
            return verdict
    if "Ready" in found:
        return "Current" if found["Ready"] == "True" else "InProgress"
    return "Current"


def seen(status: CanaryStatus, generation: int = 1, **metadata: Any) -> str:
    return kstatus(
        {"metadata": {"generation": generation, **metadata}, "status": write_status(status)}
    )


def waiting(reason: str) -> Wait:
    return Wait(reason=reason, since=at(0))


NEWER = {"target": a_workload(generation=2, observed_generation=2), "revision": Revision(id=NEW)}


#: A status, what is observed, and what kstatus makes of it: `tests/proofs` asks its own code.
SEEN = {
    "initialising": (CanaryStatus(), {"primary": None, "target": a_workload()}, "InProgress"),
    "at rest": (a_status(), {}, "Current"),
    "at rest, never run": (a_status(Phase.INITIALIZED), {}, "Current"),
    "at its beginning": (a_status(), NEWER, "InProgress"),
    "in a run": (a_status(Phase.PROGRESSING, weight=20), NEWER, "InProgress"),
    "promoting": (a_status(Phase.PROMOTING, weight=60), NEWER, "InProgress"),
    "rolled back": (a_status(Phase.FAILED), NEWER, "Failed"),
    "without a target": (a_status(), {"target": None, "revision": None}, "Failed"),
    "that can't be written": (a_status(), {"obstacle": "forbidden"}, "Failed"),
    "in a run without a target": (a_status(Phase.PROGRESSING), NEWER | {"target": None}, "Failed"),
}


@pytest.mark.parametrize(("status", "facts", "judged"), SEEN.values(), ids=SEEN)
def test_tools_see_a_canary(status, facts, judged):
    decision = decided(a_spec(), status, some_facts(**facts), at(60))
    assert seen(decision.status) == judged


def test_tools_see_a_spec_that_was_not_looked_at_yet():
    status = decided(a_spec(), a_status(), some_facts(), at(60)).status
    assert seen(status, generation=2) == "InProgress"
    looked = decided(a_spec(), status, some_facts(generation=2), at(61)).status
    assert seen(looked, generation=2) == "Current"
    assert {condition.observed_generation for condition in looked.conditions} == {2}


def test_tools_see_a_deletion():
    status = decided(a_spec(), a_status(), some_facts(deleting=True), at(60)).status
    assert seen(status, deletionTimestamp="2026-01-01T00:01:00Z") == "Terminating"


def test_a_canary_that_goes_says_so_and_not_that_it_begins():
    status = decided(a_spec(), a_status(), some_facts(deleting=True), at(60)).status
    promoted = status.condition("Promoted")
    assert (promoted.status, promoted.reason) == ("Unknown", "Terminating")
    says = "The Canary is being deleted; the target gets its traffic back. "
    assert promoted.message.startswith(says)


def test_a_condition_keeps_its_time_while_it_holds():
    first = decided(a_spec(), a_status(), some_facts(), at(60)).status
    run = decided(a_spec(), first, some_facts(**NEWER), at(70)).status
    step = decided(a_spec(), run, some_facts(**NEWER), at(80)).status
    ready = [each.condition("Ready") for each in (first, run, step)]
    assert [each.last_transition_time for each in ready] == [at(60), at(70), at(70)]
    assert [each.last_update_time for each in ready] == [at(60), at(70), at(80)]
    assert [each.reason for each in ready] == ["Succeeded", "CanaryNotReady", "AnalysisDue"]


def test_a_failure_is_said_with_its_cause():
    record = RunRecord(
        revision=NEW, outcome=Outcome.ROLLED_BACK, reason="ChecksFailed", message="2 of 2"
    )
    status = a_status(Phase.FAILED, history=(record,))
    stalled = decided(a_spec(), status, some_facts(**NEWER), at(60)).status.condition("Stalled")
    assert (stalled.reason, stalled.message) == ("ChecksFailed", "2 of 2")
    without = decided(a_spec(), a_status(Phase.FAILED), some_facts(**NEWER), at(60)).status
    assert without.condition("Stalled").reason == "Failed"


def test_a_phase_has_one_word_for_promoted():
    held = {
        phase: decided(a_spec(), status, some_facts(**facts), at(60)).status.condition("Promoted")
        for phase, status, facts in (
            ("Succeeded", a_status(), {}),
            ("Failed", a_status(Phase.FAILED), NEWER),
            ("Progressing", a_status(), NEWER),
        )
    }
    assert {phase: (each.status, each.reason) for phase, each in held.items()} == {
        "Succeeded": ("True", "Succeeded"),
        "Failed": ("False", "Failed"),
        "Progressing": ("Unknown", "Progressing"),
    }


class TestInvalid:
    def said(self, status: CanaryStatus, *problems: Problem, **fields: Any) -> Any:
        rest = {"generation": 2, "deleting": False, "delivered": frozenset(), "now": at(60)}
        return refuse(status, problems or (PROBLEM,), **(rest | fields))

    def test_every_problem_is_said_and_everything_stays_as_it_is(self):
        status = a_status(Phase.PROGRESSING, weight=20)
        decision = self.said(status, PROBLEM, Problem("spec.x", "y", "remove it"))
        assert decision.actions == ()
        assert decision.status.canary_weight == 20
        condition = decision.status.condition("Invalid")
        assert condition.message == (
            "spec.analysis.threshold: -1: write 0 or more; spec.x: 'y': remove it"
        )
        assert seen(decision.status, generation=2) == "Failed"

    def test_it_is_told_once_for_each_set_of_problems(self):
        first = self.said(a_status())
        assert [(n.reason, n.alert) for n in first.status.notices] == [("Invalid", True)]
        again = self.said(first.status, now=at(61))
        assert again.status == first.status
        other = self.said(first.status, Problem("spec.x", "y", "remove it"), now=at(62))
        assert len(other.status.notices) == 2

    def test_what_was_delivered_is_forgotten(self):
        first = self.said(a_status())
        delivered = frozenset(notice.id for notice in first.status.notices)
        assert self.said(first.status, delivered=delivered).status.notices == ()

    def test_other_conditions_stay_and_it_is_gone_with_the_problems(self):
        status = decided(a_spec(), a_status(), some_facts(), at(0)).status
        refused = self.said(status).status
        assert refused.condition("Promoted") == status.condition("Promoted")
        mended = decided(a_spec(), refused, some_facts(generation=2), at(70)).status
        assert mended.condition("Invalid") is None
        assert seen(mended, generation=2) == "Current"

    def test_what_can_not_be_read_does_not_hold_up_its_deletion(self):
        assert self.said(a_status(), deleting=True).actions == (HoldFinalizer(present=False),)


def test_a_wait_that_is_wrong_stalls_and_one_that_takes_its_time_does_not():
    blocked = a_status(
        Phase.FINALISING, last_promoted_spec=NEW, waiting_for=waiting(waits.ROUTING_BLOCKED)
    )
    facts = some_facts(**NEWER, primary=a_primary(NEW), routed=None)
    assert seen(decided(a_spec(), blocked, facts, at(60)).status) == "InProgress"


def test_what_cannot_be_known_is_said_in_the_conditions_and_changes_nothing_else():
    before = a_status(Phase.PROGRESSING, canary_weight=20)
    decision = obstructed(
        a_spec(), before, "deployments: 403", generation=3, warnings=(), now=at(60)
    )
    stalled, ready = (decision.status.condition(each) for each in ("Stalled", "Ready"))
    assert stalled is not None
    assert ready is not None
    assert (stalled.status, stalled.reason) == ("True", waits.OBSTACLE)
    assert "deployments: 403" in stalled.message
    assert ready.status == "False"
    same = {"conditions": before.conditions, "observed_generation": before.observed_generation}
    assert decision.status.but(**same) == before
    assert (decision.actions, decision.wake_at) == ((), None)


@pytest.mark.parametrize("phase", [Phase.INITIALIZED, Phase.SUCCEEDED])
@pytest.mark.parametrize(
    ("primary", "ready"),
    [
        (a_primary(), True),
        (a_primary(replicas=3, available=1), True),
        (a_primary(available=0), False),
        (a_primary(replicas=0, available=0), False),
        (a_primary(NEW), False),
        (None, False),
    ],
    ids=["serves", "scales up", "has no ready pod", "has no pod", "another revision", "is gone"],
)
def test_ready_says_whether_the_primary_serves_what_was_promoted(phase, primary, ready):
    decision = decided(a_spec(), a_status(phase), some_facts(primary=primary), at(60))
    condition = decision.status.condition("Ready")
    assert condition is not None
    assert (condition.status == "True") is ready
    assert ("serves all traffic" in condition.message) is ready
