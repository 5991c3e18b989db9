"""Stories of rules for many Canaries: what keeps a run from starting, and what lets it start."""

import pytest

from canary.api.kinds import DEPLOYMENT
from canary.api.meta import GROUP
from canary.controller.policies import DELIVERY_POLICY
from canary.controller.templates import metric_template_kind
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.conftest import Receiver
from tests.stories.telling import (
    given_a_canary,
    then_at_rest,
    then_nothing_was_lost,
    until_told,
    until_waiting,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]


async def test_a_run_starts_by_itself_when_enough_of_the_error_budget_is_left(
    world: World, receiver: Receiver
) -> None:
    # Given a policy that asks for a fifth of an error budget, of which less is left
    receiver.value = 12.5
    template = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "left", "namespace": world.namespace},
        "spec": {
            "provider": {"type": "prometheus", "address": receiver.url},
            "query": 'left{app="{{ target }}"}',
        },
    }
    metric = {
        "name": "error-budget",
        "templateRef": {"name": "left"},
        "thresholdRange": {"min": 20},
    }
    policy = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": DELIVERY_POLICY.kind,
        "metadata": {"name": "slo", "namespace": world.namespace},
        "spec": {"budget": {"metric": metric}},
    }
    await world.create(template, metric_template_kind(GROUP))
    await world.create(policy, DELIVERY_POLICY)
    await given_a_canary(world)
    async with world.traffic() as load:
        # When a version is released
        await world.release("2.0")
        # Then it waits, says how much is left, and has no pods
        held = await until_waiting(world, "BudgetSpent")
        assert (held["phase"], held["canaryWeight"]) == ("Waiting", 0)
        assert "error budget 12.5 is below 20" in held["waitingFor"]["message"]
        target = await world.read(DEPLOYMENT, APP)
        assert target is not None
        assert target["spec"]["replicas"] == 0
        # When the controller is killed, and the budget has come back
        await world.kill_controller()
        receiver.value = 64.0
        await world.start_controller()
        # Then it starts within a minute, though nothing in the cluster has changed
        status = await world.until_phase("Succeeded", seconds=240)
        assert status["history"][0]["outcome"] == "Promoted"
        await then_at_rest(world, "2.0")
        then_nothing_was_lost(load)
    told = await until_told(world, "BudgetSpent", "Promoted")
    assert told.count("BudgetSpent") == 1
