"""The error budget: a run starts while each policy that asks for one finds enough of it left."""

from datetime import datetime
from typing import Any

import pytest

from analysis.model import Check, Report, Verdict
from canary.api.meta import GROUP
from canary.api.status import CanaryStatus, Outcome, Phase
from canary.core import waits
from canary.core.facts import BindingPolicy, Command, Revision
from canary.core.leave import FLEET, PATIENCE
from canary.core.needs import Analyse, AskHooks, Need
from canary.core.situation import Decision, Question
from tests.builders import NEW, OLD, a_dependency, a_policy, a_run, a_spec, a_status, at
from tests.core.deciding import asked_for, decided, message, reason, up


def asking(name: str = "shop/budget", least: float = 20, **metric: Any) -> BindingPolicy:
    """Build a policy that asks for an error budget."""
    written = {
        "name": "error-budget",
        "templateRef": {"name": "left"},
        "thresholdRange": {"min": least},
    }
    return a_policy(name=name, budget={"metric": written | metric})


def left(
    value: float | None, verdict: Verdict, said: str = "error budget 12.5 is below 20"
) -> Report:
    """Build the answer of a store."""
    check = Check(
        metric="error-budget",
        verdict=verdict,
        value=value,
        bound="20 ≤ value",
        message=said,
        query="",
    )
    return Report(checks=(check,))


SPENT = left(12.5, Verdict.FAIL)
ENOUGH = left(64.0, Verdict.PASS, "error budget 64 is within 20 ≤ value")


def asked(
    status: CanaryStatus,
    *policies: BindingPolicy,
    answer: Report = SPENT,
    now: datetime | None = None,
    needs: list[Need] | None = None,
    **facts: Any,
) -> Decision:
    spec, hooks = facts.pop("spec", a_spec()), facts.pop("hooks", None)
    seen = up(policies=policies or (asking(),), **facts)
    return decided(spec, status, seen, now or at(60), answer, hooks=hooks, asked=needs)


def waiting(**fields: Any) -> CanaryStatus:
    return a_status(Phase.WAITING, runs=1, run=a_run(**fields))


def test_a_run_does_not_start_while_the_budget_is_spent_and_says_how_much_is_left():
    held = asked(a_status())
    assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.BUDGET_SPENT)
    assert message(held) == (
        "waiting for the error budget that DeliveryPolicy shop/budget asks for: error budget 12.5 "
        "is below 20; it is asked again at 00:02:00 UTC"
    )
    assert held.status.waiting_for is not None
    assert held.status.waiting_for.until == at(120)
    assert (held.status.canary_weight, held.wake_at is not None) == (0, True)


def test_what_was_answered_is_in_the_status_of_the_run():
    status = asked(a_status()).status
    assert status.run is not None
    (record,) = status.run.budgets
    assert (
        record.policy,
        record.metric,
        record.verdict,
        record.value,
        record.bound,
        record.at,
    ) == (
        "shop/budget",
        "error-budget",
        "fail",
        12.5,
        "20 ≤ value",
        at(60),
    )


def test_the_template_is_one_of_the_policys_namespace_and_of_its_api_group():
    need = asked_for(a_spec(), a_status(), up(policies=(asking(onNoData="pass"),)), at(60))
    assert isinstance(need, Analyse)
    assert need.templates == GROUP
    (metric,) = need.metrics
    assert metric.template_ref is not None
    assert (metric.template_ref.namespace, metric.template_ref.name) == ("shop", "left")
    assert (metric.on_no_data, metric.on_error) == ("pass", "hold")


def test_a_template_may_be_of_another_namespace():
    policy = asking(templateRef={"name": "left", "namespace": "monitoring"})
    need = asked_for(a_spec(), a_status(), up(policies=(policy,)), at(60))
    assert isinstance(need, Analyse)
    assert need.metrics[0].template_ref is not None
    assert need.metrics[0].template_ref.namespace == "monitoring"


def test_the_budget_is_asked_again_after_a_minute_and_not_before_whatever_happens():
    needs: list[Need] = []
    held = asked(a_status()).status
    again = asked(held, now=at(119), needs=needs)
    assert (reason(again), needs) == (waits.BUDGET_SPENT, [])
    assert (again.status, again.wake_at) == (held, at(120))
    late = asked(again.status, now=at(120), needs=needs)
    assert len(needs) == 1
    assert late.status.waiting_for is not None
    assert (late.status.waiting_for.since, late.status.waiting_for.until) == (at(60), at(180))


def test_each_question_has_a_key_of_its_own():
    first: list[Need] = []
    second: list[Need] = []
    third: list[Need] = []
    held = asked(a_status(), needs=first)
    held = asked(held.status, now=at(120), needs=second)
    asked(held.status, now=at(180), needs=third)
    assert len({each.key for each in (*first, *second, *third)}) == 3


def test_a_run_starts_as_soon_as_enough_of_the_budget_is_left_and_keeps_the_answer():
    held = asked(a_status())
    started = asked(held.status, answer=ENOUGH, now=at(120))
    assert started.status.phase is Phase.PROGRESSING
    assert started.status.run is not None
    assert [each.value for each in started.status.run.budgets] == [64.0]
    assert [each.reason for each in started.status.run.holds] == [waits.CANARY_NOT_READY]


def test_a_budget_that_is_left_keeps_no_run_from_starting_and_is_told_to_nobody():
    started = asked(a_status(), answer=ENOUGH)
    assert [each.reason for each in started.status.notices] == ["RunStarted"]


def test_a_spent_budget_is_told_once_with_an_alert():
    held = asked(a_status())
    (told,) = [each for each in held.status.notices if each.reason == waits.BUDGET_SPENT]
    assert (told.alert, told.severity) == (True, "warn")
    assert "error budget 12.5 is below 20" in told.message
    later = asked(held.status, now=at(120))
    assert [each.reason for each in later.status.notices].count(waits.BUDGET_SPENT) == 1


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE])
def test_in_doubt_a_run_waits(verdict):
    said = "error budget has no data: no series (onNoData: hold)"
    held = asked(a_status(), answer=left(None, verdict, said))
    assert reason(held) == waits.BUDGET_SPENT
    assert said in message(held)


def test_a_value_that_json_has_no_word_for_is_in_the_message_alone():
    held = asked(a_status(), answer=left(float("-inf"), Verdict.FAIL, "error budget -Inf"))
    assert held.status.run is not None
    assert held.status.run.budgets[0].value is None
    assert "error budget -Inf" in message(held)


def test_an_edit_of_the_bounds_asks_at_once():
    held = asked(a_status())
    lowered = asked(held.status, asking(least=10), answer=ENOUGH, now=at(61))
    assert lowered.status.phase is Phase.PROGRESSING


def test_without_the_policy_the_run_starts():
    held = asked(a_status())
    assert asked(held.status, a_policy(), now=at(61)).status.phase is Phase.PROGRESSING


def test_policies_are_asked_in_their_order_up_to_the_first_that_withholds():
    needs: list[Need] = []
    held = asked(a_status(), asking("ops/all"), asking("shop/team"), needs=needs)
    assert ("DeliveryPolicy ops/all" in message(held), len(needs)) == (True, 1)


def test_every_policy_that_asks_for_a_budget_is_asked():
    needs: list[Need] = []
    both = (asking("ops/all"), asking("shop/team"))
    started = asked(a_status(), *both, answer=ENOUGH, needs=needs)
    assert (started.status.phase, len(needs)) == (Phase.PROGRESSING, 2)
    assert started.status.run is not None
    assert [each.policy for each in started.status.run.budgets] == ["ops/all", "shop/team"]


def test_what_a_policy_was_answered_goes_with_the_policy():
    held = asked(a_status(), asking("shop/old"))
    assert held.status.run is not None
    again = asked(held.status, asking("shop/new"), now=at(61))
    assert again.status.run is not None
    assert [each.policy for each in again.status.run.budgets] == ["shop/new"]


def test_at_rest_and_under_way_nothing_is_asked():
    policies = (asking(),)
    needs: list[Need] = []
    decided(
        a_spec(), a_status(), up(policies=policies, revision=Revision(id=OLD)), at(60), asked=needs
    )
    decided(
        a_spec(), a_status(Phase.PROGRESSING, weight=20), up(policies=policies), at(1), asked=needs
    )
    assert [each for each in needs if "budget" in each.key] == []


def test_a_run_that_a_person_expedites_or_promotes_waits_for_the_budget():
    assert reason(asked(waiting(expedited="@alice"))) == waits.BUDGET_SPENT
    promote = (Command(verb="promote", value="@alice"),)
    assert reason(asked(waiting(), commands=promote)) == waits.BUDGET_SPENT


def test_a_way_back_needs_no_budget():
    needs: list[Need] = []
    started = asked(waiting(known_good=True), needs=needs)
    assert (started.status.phase, needs) == (Phase.PROGRESSING, [])


def test_a_newer_revision_gets_no_traffic_while_its_budget_is_asked():
    newer = up(policies=(asking(),), revision=Revision(id="newer"))
    running = a_status(Phase.PROGRESSING, weight=20, runs=1)
    waits_for = decided(a_spec(), running, newer, at(60), asked=(needs := []))
    assert (waits_for.status.phase, waits_for.status.canary_weight) == (Phase.WAITING, 0)
    assert (waits_for.status.last_applied_spec, needs) == ("newer", [])
    assert waits_for.wake_at == at(61)
    started = decided(a_spec(), waits_for.status, newer, at(61), ENOUGH)
    assert started.status.phase is Phase.PROGRESSING


def test_no_hook_is_called_for_a_run_without_a_budget_and_no_gate_has_its_clock():
    needs: list[Need] = []
    hook = {"name": "gate", "type": "confirm-rollout", "url": "http://hooks.example/"}
    spec = a_spec(analysis={"webhooks": [hook]})
    held = asked(waiting(), spec=spec, needs=needs)
    assert [type(each) for each in needs] == [Analyse]
    assert held.status.run is not None
    assert [each.reason for each in held.status.run.holds] == [waits.BUDGET_SPENT]


def test_a_run_at_a_gate_asks_for_its_budget_again_before_the_gate_is_asked():
    hook = {"name": "gate", "type": "confirm-rollout", "url": "http://hooks.example/"}
    shut = {"confirm-rollout": False}
    common = {"spec": a_spec(analysis={"webhooks": [hook]}), "hooks": shut}
    gated = asked(waiting(), answer=ENOUGH, **common)
    assert reason(gated) == waits.ROLLOUT_GATE
    needs: list[Need] = []
    asked(gated.status, answer=ENOUGH, now=at(75), needs=needs, **common)
    assert [type(each) for each in needs] == [AskHooks]
    spent = asked(gated.status, now=at(120), needs=(later := []), **common)
    assert (reason(spent), [type(each) for each in later]) == (waits.BUDGET_SPENT, [Analyse])


def test_a_run_waits_for_what_it_depends_on_before_anything_is_asked():
    needs: list[Need] = []
    held = asked(waiting(), dependencies=(a_dependency(None),), needs=needs)
    assert (reason(held), needs) == (waits.DEPENDENCY, [])


def test_the_budget_is_a_rule_of_the_fleet_before_the_line_so_that_no_place_is_held_for_it():
    assert FLEET.index(waits.BUDGET_SPENT) == FLEET.index(waits.QUEUED) - 1


def test_a_budget_that_does_not_come_back_ends_the_run_after_a_long_time():
    status = asked(waiting()).status
    late = asked(status, now=at(60) + PATIENCE)
    assert late.status.phase is Phase.FAILED
    record = late.status.history[0]
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, waits.BUDGET_SPENT)
    assert record.message.startswith("Timed out waiting for the error budget")


def test_nothing_is_changed_while_the_budget_of_a_new_run_is_asked():
    outcome = asked_for(a_spec(), a_status(), up(policies=(asking(),)), at(60))
    assert isinstance(outcome, Analyse)
    assert NEW in outcome.key
    assert not isinstance(outcome, Question)
