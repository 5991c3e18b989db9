"""Leave: everything that may withhold a step of a run, and what each hook is to one."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest

from analysis.model import Report
from canary.api.canary import CanarySpec
from canary.api.people import WebhookType
from canary.api.status import BudgetRecord, CanaryStatus, Hold, Outcome, Pause, Phase
from canary.core import leave, waits
from canary.core.facts import BindingPolicy, Facts, Revision, Trouble
from canary.core.hooks import RULES as HOOKS
from canary.core.hooks import Role
from canary.core.leave import RULES, Stop
from canary.core.needs import Analyse, AskHooks, HookAnswer, Need
from canary.core.situation import Decision
from tests.builders import (
    NEW,
    a_dependency,
    a_peer,
    a_policy,
    a_progress,
    a_report,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
    broken_metric,
    some_facts,
)
from tests.core.deciding import asked_for, decided, reason, up

CORE = Path(leave.__file__).parent
CRASH = Trouble(reason="CrashLoopBackOff", pod="podinfo-1", container="app", message="exit 1")
PAUSE = Pause(by="alice", since=at(0))
BUDGET = {
    "metric": {"name": "left", "templateRef": {"name": "left"}, "thresholdRange": {"min": 20}}
}
SPENT = BudgetRecord(
    policy="ops/stop", metric="left", verdict="fail", bound="20 ≤ value", at=at(60)
)


def hooked(*types: str, **fields: Any) -> CanarySpec:
    hooks = [{"name": type_, "type": type_, "url": "http://hooks.example/"} for type_ in types]
    return a_spec(analysis={"webhooks": hooks}, **fields)


def in_run(weight: int = 20, **fields: Any) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight, **fields)


def waiting(**fields: Any) -> CanaryStatus:
    return a_status(Phase.WAITING, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A run that would go on, but for one thing."""

    status: CanaryStatus
    spec: CanarySpec = field(default_factory=a_spec)
    facts: Facts = field(default_factory=up)

    def decide(self, **facts: Any) -> Decision:
        shut = {type_: False for type_, rule in HOOKS.items() if rule.role is Role.GATE}
        changed = up(**facts) if facts else self.facts
        return decided(self.spec, self.status, changed, at(60), hooks=shut)


def frozen() -> BindingPolicy:
    day = {"name": "always", "kind": "Deny", "from": "00:00", "to": "00:00"}
    return a_policy(timeZone="UTC", windows=[day])


CASES = {
    waits.SUSPENDED: Case(spec=a_spec(suspend=True), status=in_run()),
    waits.PAUSED: Case(status=in_run(paused=PAUSE)),
    waits.STOPPED: Case(
        status=in_run(), facts=up(policies=(a_policy(stop={"reason": "INC-4711"}),))
    ),
    waits.POLICY_UNREADABLE: Case(
        status=in_run(), facts=up(policies=(a_policy(unreadable="waiting for it"),))
    ),
    waits.FROZEN: Case(status=waiting(), facts=up(policies=(frozen(),))),
    waits.LABEL_MISSING: Case(
        status=waiting(), facts=up(target=a_workload(lacking="tidegate.dev/service: podinfo"))
    ),
    waits.DEPENDENCY: Case(status=waiting(), facts=up(dependencies=(a_dependency(None),))),
    waits.BUDGET_SPENT: Case(
        status=waiting(run=a_run(budgets=(SPENT,))), facts=up(policies=(a_policy(budget=BUDGET),))
    ),
    waits.FLEET_WAVE: Case(spec=a_spec(fleet={"plan": "releases/shop"}), status=waiting()),
    waits.QUEUED: Case(
        status=waiting(), facts=up(policies=(a_policy(name="shop/limit", maxConcurrent=1),))
    ),
    waits.GROUP: Case(
        spec=a_spec(group={"name": "shop"}),
        status=in_run(release="r2"),
        facts=up(
            target=a_workload(release="r2"),
            members=(
                a_peer(progress=a_progress(Phase.PROGRESSING, release="r2", passed_all=False)),
            ),
        ),
    ),
    waits.ROLLOUT_GATE: Case(spec=hooked("confirm-rollout"), status=waiting()),
    waits.TRAFFIC_GATE: Case(spec=hooked("confirm-traffic-increase"), status=in_run()),
    waits.PROMOTION_GATE: Case(spec=hooked("confirm-promotion"), status=in_run(60)),
    waits.REFERENCE_BROKEN: Case(status=waiting(), facts=up(references=(broken_metric(),))),
}


def test_every_reason_to_withhold_leave_has_a_case():
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("why", CASES)
def test_a_run_without_leave_stays_where_it_is_and_says_what_it_waits_for(why):
    case = CASES[why]
    decision = case.decide()
    assert reason(decision) == why
    assert decision.status.canary_weight == case.status.canary_weight
    # What people read is a row of the waits as well.
    assert why in waits.MEANINGS


@pytest.mark.parametrize("why", [each for each, rule in RULES.items() if rule.stops != Stop.ALL])
def test_a_rollback_needs_no_leave(why):
    case = CASES[why]
    run = case.status.but(phase=Phase.PROGRESSING)
    failing = up(target=a_workload(available=1, trouble=CRASH))
    decision = decided(case.spec, run, failing, at(60))
    assert decision.status.phase is Phase.FAILED
    assert decision.status.history[0].outcome == Outcome.ROLLED_BACK


@pytest.mark.parametrize("why", CASES)
def test_a_deletion_needs_no_leave(why):
    assert CASES[why].decide(deleting=True).status.phase is Phase.TERMINATING


@pytest.mark.parametrize("status", [waiting(paused=PAUSE), in_run(paused=PAUSE)])
def test_nobody_is_asked_for_leave_that_is_withheld_already(status):
    asked: list[Need] = []
    spec = hooked("confirm-rollout", "confirm-traffic-increase", "rollback", "rollout")
    assert reason(decided(spec, status, up(), at(60), asked=asked)) == waits.PAUSED
    assert asked == []


def test_a_run_that_waits_starts_without_a_primary_whatever_could_not_be_judged():
    broken = {"references": (broken_metric(),), "revision": Revision(id=NEW)}
    held = decided(a_spec(), waiting(), some_facts(**broken), at(60))
    assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.REFERENCE_BROKEN)
    alone = decided(a_spec(), held.status, some_facts(primary=None, **broken), at(61))
    assert alone.status.phase is Phase.PROGRESSING


def test_a_broken_reference_behind_a_gate_by_webhook_is_looked_at_at_each_interval():
    facts = up(references=(broken_metric(),))
    held = decided(hooked("confirm-rollout"), waiting(), facts, at(60))
    assert held.status.run is not None
    assert (held.status.run.next_analysis_at, held.status.run.looks) == (at(70), 1)
    # An approval is looked at at once, and asks nobody more often.
    approved = held.status.but(run=held.status.run.but(approvals=("confirm-rollout",)))
    again = decided(hooked("confirm-rollout"), approved, facts, at(61))
    assert again.status.run is not None
    assert (again.status.run.next_analysis_at, again.status.run.looks) == (at(70), 1)


def test_no_hook_is_called_for_a_run_that_a_rule_of_the_fleet_keeps_from_starting():
    asked: list[Need] = []
    spec = hooked("confirm-rollout", "pre-rollout", "rollback")
    facts = up(dependencies=(a_dependency(None),))
    begun = decided(spec, a_status(), facts, at(60), asked=asked)
    later = decided(spec, begun.status, facts, at(120), asked=asked)
    assert (later.status.phase, reason(later), asked) == (Phase.WAITING, waits.DEPENDENCY, [])


def test_the_clock_of_a_gate_begins_when_a_rule_of_the_fleet_lets_the_run_come_to_it():
    shut = {"confirm-rollout": False}
    spec, early = hooked("confirm-rollout"), at(60)
    gated = decided(spec, waiting(), up(), early, hooks=shut)
    kept = decided(spec, gated.status, up(dependencies=(a_dependency(None),)), at(100), hooks=shut)
    assert reason(kept) == waits.DEPENDENCY
    late = at(80 * 3600)
    again = decided(spec, kept.status, up(), late, hooks=shut)
    assert (again.status.phase, reason(again)) == (Phase.WAITING, waits.ROLLOUT_GATE)
    assert again.status.run is not None
    assert [hold.since for hold in again.status.run.holds] == [late]


def test_a_newer_revision_asks_the_fleet_again_and_no_gate():
    spec = hooked("confirm-rollout")
    newer = {"revision": Revision(id="1-newer")}
    free = decided(spec, in_run(), up(**newer), at(60), hooks={"confirm-rollout": False})
    assert free.status.phase is Phase.PROGRESSING
    kept = decided(spec, in_run(), up(dependencies=(a_dependency(None),), **newer), at(60))
    assert (kept.status.phase, reason(kept)) == (Phase.WAITING, waits.DEPENDENCY)
    assert (kept.status.canary_weight, kept.status.last_applied_spec) == (0, "1-newer")


def test_only_leave_and_its_gates_ask_whether_a_canary_is_suspended_or_held_at_a_gate():
    gates = "|".join(name for name in vars(waits) if name.endswith("_GATE"))
    telling = {"waits.py", "phases.py", "hooks.py", "gates.py", "leave.py"}
    readers = {
        path.name
        for path in CORE.glob("*.py")
        if re.search(rf"\.suspend\b|hold\(why\.({gates})", path.read_text(encoding="utf-8"))
    }
    assert readers - telling == set()


# --- hooks ---


def test_each_type_of_hook_has_a_role_and_gates_are_those_of_the_api():
    assert set(HOOKS) == set(WebhookType)
    assert {type_ for type_ in WebhookType if type_.is_gate} == {
        type_ for type_, rule in HOOKS.items() if rule.role is Role.GATE
    }


ASKED_IN = {
    WebhookType.CONFIRM_ROLLOUT: waiting(),
    WebhookType.PRE_ROLLOUT: in_run(0),
    WebhookType.CONFIRM_PROMOTION: in_run(60),
}


@pytest.mark.parametrize("type_", WebhookType)
def test_a_hook_that_does_not_pass_does_what_its_role_says(type_):
    asked: list[Need] = []
    status = ASKED_IN.get(type_, in_run())
    decision = decided(hooked(type_), status, up(), at(60), hooks={type_: False}, asked=asked)
    was_asked = any(isinstance(need, AskHooks) for need in asked)
    match HOOKS[type_].role:
        case Role.GATE:
            assert reason(decision) == HOOKS[type_].wait
            assert decision.status.canary_weight == status.canary_weight
        case Role.CHECK:
            assert decision.status.failed_checks == 1
        case Role.SIGNAL:
            assert was_asked
            assert decision.status.canary_weight > status.canary_weight
        case Role.LISTENER:
            assert not was_asked
            assert decision.status.canary_weight > status.canary_weight


# --- needs ---


def test_an_answer_is_found_by_its_need_and_is_of_the_type_that_the_need_names():
    assert get_args(AskHooks.__orig_bases__[0]) == (HookAnswer,)
    assert get_args(Analyse.__orig_bases__[0]) == (Report,)
    need = asked_for(a_spec(), in_run(), up(), at(60))
    report = a_report()
    assert up(answers={need: report}).answer(need) is report
    assert up().answer(need) is None


def test_a_gate_that_is_held_when_its_deadline_ends_rolls_back_without_being_asked():
    asked: list[Need] = []
    run = a_run(holds=(Hold(reason=waits.ROLLOUT_GATE, since=at(0)),))
    spec = hooked("confirm-rollout")
    held = decided(spec, waiting(run=run), up(), at(60), hooks={"confirm-rollout": False})
    late = decided(spec, held.status, up(), at(73 * 3600), asked=asked)
    assert (late.status.history[0].reason, asked) == ("GateDeadlineExceeded", [])
