"""What a Canary refers to is told where it is broken, and no run is begun that needs it."""

from typing import Any

import pytest

from canary.api.analysis_spec import VerifyTraffic
from canary.api.canary import CanarySpec
from canary.api.status import MESSAGE_BYTES, CanaryStatus, Condition, Phase, Severity
from canary.core.decide import obstructed
from canary.core.facts import BrokenReference, Command, Facts, Revision
from canary.core.references import LAST_AGAIN
from canary.core.situation import Decision
from canary.core.waits import AUTOSCALER_MISSING, PRIMARY_MISSING, REFERENCE_BROKEN, ROLLOUT_GATE
from canary.errors import Problem
from tests.builders import (
    NEW,
    a_spec,
    a_status,
    a_workload,
    at,
    broken_hook,
    broken_metric,
    broken_receiver,
    some_facts,
)
from tests.core.deciding import decided, reason

METRIC, RECEIVER = broken_metric(), broken_receiver()
UNCOUNTED = BrokenReference(
    referrer=VerifyTraffic(), problem=Problem("spec.analysis.verifyTraffic", "by smi", "remove it")
)
SAID = "spec.analysis.metrics[0].templateRef: 'test/latency': create it"
IDLE = [Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED]


def released(*broken: BrokenReference, **fields: Any) -> Facts:
    return some_facts(revision=Revision(id="1-newer"), references=broken, **fields)


def resolved(status: CanaryStatus) -> Condition | None:
    return status.condition("ReferencesResolved")


def notices(decision: Decision) -> list[str]:
    return [each.reason for each in decision.status.notices]


class TestWhileIdle:
    @pytest.mark.parametrize("broken", [METRIC, RECEIVER, broken_hook()])
    def test_a_broken_reference_is_told_once_an_episode_and_in_a_condition(self, broken):
        first = decided(a_spec(), a_status(), some_facts(references=(broken,)), at(0))
        said = resolved(first.status)
        assert said is not None
        assert (said.status, said.reason) == ("False", REFERENCE_BROKEN)
        assert said.message == str(broken.problem)
        assert [(each.reason, each.severity) for each in first.status.notices] == [
            (REFERENCE_BROKEN, Severity.WARN)
        ]
        assert first.status.waiting_for is None
        ready = first.status.condition("Ready")
        assert ready is not None
        assert ready.status == "True"
        later = decided(a_spec(), first.status, some_facts(references=(broken,)), at(60))
        assert notices(later) == [REFERENCE_BROKEN]

    def test_its_repair_is_told_and_the_next_breakage_is_another_episode(self):
        status = a_status()
        for references in ((METRIC,), (), (METRIC,), (METRIC, RECEIVER)):
            status = decided(a_spec(), status, some_facts(references=references), at(0)).status
        told = [each.reason for each in status.notices]
        assert told == [REFERENCE_BROKEN, "ReferencesResolved", REFERENCE_BROKEN]

    def test_where_all_can_be_used_the_condition_is_true_and_nothing_is_told(self):
        first = decided(a_spec(), a_status(), some_facts(references=()), at(0))
        said = resolved(first.status)
        assert said is not None
        assert (said.status, said.reason) == ("True", "Resolved")
        assert not first.status.notices
        settled = decided(a_spec(), first.status, some_facts(references=()), at(1))
        assert settled.status == first.status
        assert settled.wake_at is None

    def test_what_was_known_stays_while_nobody_can_look(self):
        known = decided(a_spec(), a_status(), some_facts(references=(METRIC,)), at(0)).status
        unknown = decided(a_spec(), known, some_facts(references=None), at(9)).status
        assert resolved(unknown) == resolved(known)
        blind = obstructed(a_spec(), known, "403", generation=1, warnings=(), now=at(9))
        assert resolved(blind.status) == resolved(known)
        assert resolved(decided(a_spec(), a_status(), some_facts(), at(0)).status) is None

    def test_a_broken_one_is_looked_at_again_ever_later_and_at_least_every_minute(self):
        facts = some_facts(references=(RECEIVER,))
        status = decided(a_spec(), a_status(), facts, at(0)).status
        delays = []
        for seconds in (1, 20, 1000):
            again = decided(a_spec(), status, facts, at(seconds))
            assert again.status == status
            assert again.wake_at is not None
            delays.append((again.wake_at - at(seconds)).total_seconds())
        assert delays == [5, 20, LAST_AGAIN.total_seconds()]

    def test_many_with_long_stories_are_told_within_bounds_and_settle(self):
        many = tuple(broken_metric("x" * 5000) for _ in range(50))
        first = decided(a_spec(), a_status(), released(*many), at(0))
        said = resolved(first.status)
        assert said is not None
        assert len(said.message.encode()) <= MESSAGE_BYTES
        assert said.message.count("templateRef") > 2
        facts = released(*many, delivered=frozenset(each.id for each in first.status.notices))
        settled = decided(a_spec(), first.status, facts, at(1)).status
        assert decided(a_spec(), settled, facts, at(2)).status == settled


class TestTheStartOfARun:
    @pytest.mark.parametrize("phase", IDLE)
    @pytest.mark.parametrize("broken", [METRIC, broken_hook(), broken_hook("rollback"), UNCOUNTED])
    def test_is_held_where_it_could_not_be_judged_and_goes_on_by_itself(self, phase, broken):
        held = decided(a_spec(), a_status(phase), released(broken), at(0))
        assert held.status.phase is phase
        assert reason(held) == REFERENCE_BROKEN
        assert str(broken.problem) in held.status.waiting_for.message
        assert held.status.waiting_for.deadline is None
        assert notices(held) == [REFERENCE_BROKEN, "RunHeld"]
        assert held.status.notices[1].alert
        stalled = held.status.condition("Stalled")
        assert stalled is not None
        assert stalled.status == "True"
        later = decided(a_spec(), held.status, released(broken), at(3600))
        assert notices(later) == [REFERENCE_BROKEN, "RunHeld"]
        assert later.status.waiting_for == held.status.waiting_for
        begun = decided(a_spec(), later.status, released(), at(3601))
        assert begun.status.phase is Phase.PROGRESSING
        assert begun.status.last_applied_spec == "1-newer"

    @pytest.mark.parametrize(
        ("spec", "broken"),
        [
            (a_spec(), RECEIVER),
            (a_spec(), broken_hook("event")),
            (a_spec(), broken_hook("post-rollout")),
            (a_spec(), broken_metric(onError="pass")),
            (a_spec(), broken_metric(shadow=True)),
            (a_spec(skipAnalysis=True), METRIC),
            (a_spec(skipAnalysis=True), UNCOUNTED),
        ],
        ids=[
            *("a receiver", "an event hook", "a post-rollout hook", "it may be passed", "a shadow"),
            *("skipped", "no share to verify"),
        ],
    )
    def test_is_not_held_by_what_judges_nothing(self, spec: CanarySpec, broken: BrokenReference):
        begun = decided(spec, a_status(), released(broken), at(0))
        assert begun.status.phase is Phase.PROGRESSING
        assert resolved(begun.status) is not None

    def test_is_not_held_where_nothing_is_known_or_nothing_else_could_serve(self):
        facts = some_facts(revision=Revision(id=NEW), references=None)
        assert decided(a_spec(), a_status(), facts, at(0)).status.phase is Phase.PROGRESSING
        begun = decided(a_spec(), a_status(), released(METRIC, primary=None), at(0))
        assert begun.status.phase is Phase.PROGRESSING

    def test_is_held_with_the_primary_kept_up(self):
        facts = released(METRIC, autoscaler_missing=True, target=a_workload(replicas=0))
        held = decided(a_spec(), a_status(), facts, at(0))
        assert reason(held) == AUTOSCALER_MISSING
        assert held.status.target_parked
        gone = decided(a_spec(), a_status(), some_facts(primary=None, references=(METRIC,)), at(0))
        assert reason(gone) != PRIMARY_MISSING

    def test_is_refused_where_a_person_asks_for_it(self):
        retry = some_facts(
            revision=Revision(id=NEW),
            references=(METRIC,),
            commands=(Command(verb="retry", value="alice"),),
        )
        refused = decided(a_spec(), a_status(Phase.FAILED), retry, at(0)).status
        assert refused.phase is Phase.FAILED
        assert not refused.commands[0].accepted
        assert SAID in refused.commands[0].message


class TestARunAtItsFirstGate:
    def waits(self, status: CanaryStatus, *broken: BrokenReference, **more: Any) -> Decision:
        hooks = [{"name": "by hand", "type": "confirm-rollout", **more}]
        spec = a_spec(analysis={"webhooks": hooks})
        facts = some_facts(revision=Revision(id=NEW), references=broken)
        return decided(spec, status, facts, at(0))

    def test_is_not_let_go_on_by_a_person_before_it_can_be_judged(self):
        gate = self.waits(a_status(), METRIC)
        assert reason(gate) == REFERENCE_BROKEN
        waiting = self.waits(gate.status).status
        assert waiting.waiting_for is not None
        assert waiting.waiting_for.reason == ROLLOUT_GATE
        assert waiting.run is not None
        approved = waiting.but(run=waiting.run.but(approvals=("confirm-rollout",)))
        held = self.waits(approved, METRIC)
        assert (held.status.phase, reason(held)) == (Phase.WAITING, REFERENCE_BROKEN)
        assert "RunHeld" in notices(held)
        assert self.waits(held.status, METRIC).status == held.status
        assert self.waits(held.status).status.phase is Phase.PROGRESSING

    def test_asks_its_gate_again_at_the_next_interval_only(self):
        url = {"url": "http://hooks.example/"}
        held = self.waits(a_status(Phase.WAITING), METRIC, **url)
        assert reason(held) == REFERENCE_BROKEN
        assert held.status.run is not None
        assert held.status.run.next_analysis_at == at(10)
        assert self.waits(held.status, METRIC, **url).status == held.status
        approved = held.status.but(run=held.status.run.but(approvals=("confirm-rollout",)))
        assert self.waits(approved, METRIC, **url).status == approved


def test_a_run_under_way_goes_on_with_a_reference_that_breaks():
    facts = some_facts(
        target=a_workload(), revision=Revision(id=NEW), references=(METRIC,), routed=None
    )
    going = decided(a_spec(), a_status(Phase.PROGRESSING), facts, at(0))
    assert going.status.phase is Phase.PROGRESSING
    assert reason(going) != REFERENCE_BROKEN
    said = resolved(going.status)
    assert said is not None
    assert said.status == "False"
