"""Stories of rules for many Canaries: what keeps a run from starting, and what lets it start."""

from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, Manifest
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.controller.policies import DELIVERY_POLICY
from canary.controller.templates import metric_template_kind
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.conftest import Receiver
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    given_a_canary,
    then_at_rest,
    then_nothing_was_lost,
    until_told,
    until_waiting,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

CANARY = canary_kind(GROUP)


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


async def test_runs_wait_in_line_for_the_one_that_is_under_way_and_begin_by_priority(
    world: World,
) -> None:
    # Given a namespace in which one run may be under way at a time, and three apps
    policy = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": DELIVERY_POLICY.kind,
        "metadata": {"name": "one", "namespace": world.namespace},
        "spec": {"maxConcurrent": 1},
    }
    await world.create(policy, DELIVERY_POLICY)
    await given_a_canary(world, webhooks=[BY_HAND], metrics=[])
    for name, priority in (("cart", 0), ("pay", 5)):
        await given_another(world, name, priority=priority)
    # When the first has its run, and the others are released as well, the urgent one last
    await world.release("2.0")
    await until_other(world, APP, waits_for="TrafficGate")
    await when_another_is_released(world, "cart")
    held = await until_other(world, "cart", waits_for="Queued", says="next in line")
    assert (held["phase"], held["canaryWeight"]) == ("Waiting", 0)
    assert f"under way: {world.namespace}/{APP}" in held["waitingFor"]["message"]
    await when_another_is_released(world, "pay")
    # Then the urgent one is next, and neither has pods
    await until_other(world, "pay", waits_for="Queued", says="next in line")
    await until_other(world, "cart", waits_for="Queued", says=f"after {world.namespace}/pay")
    for name in ("cart", "pay"):
        target = await world.read(DEPLOYMENT, name)
        assert target is not None
        assert target["spec"]["replicas"] == 0
    # When the first ends, then the urgent one begins, and the other waits for that
    await when_promoted(world, APP)
    await until_other(world, "pay", waits_for="TrafficGate")
    held = await until_other(world, "cart", waits_for="Queued", says="next in line")
    assert f"under way: {world.namespace}/pay" in held["waitingFor"]["message"]
    # When that one is rolled back, then the last begins
    await command(world, "pay", "abort")
    await until_other(world, "pay", phase="Failed")
    await until_other(world, "cart", waits_for="TrafficGate")
    await when_promoted(world, "cart")


async def given_another(world: World, name: str, **spec: Any) -> None:
    """Another app with a Canary of its own, whose every step is approved by hand, is initialised."""
    app = manifests.deployment("1.0", name=name, namespace=world.namespace, replicas=1)
    await world.create(app, DEPLOYMENT)
    canary = manifests.canary(
        world.router,
        name=name,
        namespace=world.namespace,
        analysis=QUICK | {"webhooks": [BY_HAND], "metrics": []},
        **spec,
    )
    await world.create(canary, CANARY)
    await until_other(world, name, phase="Initialized")


async def when_another_is_released(world: World, name: str) -> None:
    """Change another app to its second version."""
    template = manifests.pod_template("2.0", name=name)
    await world.patch(DEPLOYMENT, name, {"spec": {"template": template}})


async def when_promoted(world: World, name: str) -> None:
    """Have a person promote a run, and wait for its end."""
    await command(world, name, "promote")
    await until_other(world, name, phase="Succeeded")


async def command(world: World, name: str, verb: str) -> None:
    """Give a command to a Canary."""
    annotations = {f"{GROUP}/{verb}": "story"}
    await world.patch(CANARY, name, {"metadata": {"annotations": annotations}})


async def until_other(
    world: World, name: str, *, phase: str = "", waits_for: str = "", says: str = ""
) -> Manifest:
    """Wait until a Canary of any name is in a phase, or waits for something; give its status."""
    found: Manifest = {}

    async def there() -> bool:
        nonlocal found
        found = ((await world.read(CANARY, name)) or {}).get("status") or {}
        wait = found.get("waitingFor") or {}
        right = phase in {"", found.get("phase")} and waits_for in {"", wait.get("reason")}
        return right and says in wait.get("message", "")

    await world.until(there, f"{name}: {phase or waits_for} {says}", seconds=120)
    return found
