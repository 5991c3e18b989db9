"""PodDisruptionBudgets: the primary has what the target has, and nobody else's is touched."""

from typing import Any

from canary.api.kinds import BUDGET, Manifest
from canary.demo.manifests import APP
from tests.controller.faults import answer, proxied
from tests.controller.running import CANARY, DEMO, World, until

TWIN = f"{APP}-primary"


def a_budget(name: str = APP, app: str = APP, **spec: Any) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": DEMO},
        "spec": {"selector": {"matchLabels": {"app": app}}, **(spec or {"minAvailable": 1})},
    }


async def until_twin(world: World, **amount: Any) -> None:
    """Wait until the primary's budget has an amount, or is not there."""

    async def there() -> bool:
        twin = await world.read(BUDGET, TWIN)
        if twin is None:
            return not amount
        selector = {"matchLabels": {"app": f"{APP}-primary"}}
        return bool(twin["spec"] == {"selector": selector, **amount})

    await until(there, f"the primary's budget is {amount}")


async def test_the_primarys_follows_the_targets_and_goes_with_it(world: World):
    await world.create_app()
    await world.api.create(a_budget(maxUnavailable="25%"), BUDGET)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await until_twin(world, maxUnavailable="25%")
        await world.patch(BUDGET, APP, {"spec": {"maxUnavailable": 1}})
        await until_twin(world, maxUnavailable=1)
        await world.api.delete(BUDGET, DEMO, APP)
        await until_twin(world)
        await world.api.create(a_budget(minAvailable=2), BUDGET)
        await until_twin(world, minAvailable=2)
        patch = {"spec": {"minAvailable": 0}}
        await world.patch_as("kubectl-edit", BUDGET, TWIN, patch)
        await until(lambda: world.events("BudgetChanged"), "the change is told")
        await until_twin(world, minAvailable=2)
        await world.api.delete(CANARY, DEMO, APP)
        await until_twin(world)
        assert await world.read(BUDGET, APP) is not None


async def test_one_of_another_team_with_its_name_is_reported_and_never_touched(world: World):
    await world.create_app()
    await world.api.create(a_budget(), BUDGET)
    theirs = await world.api.create(a_budget(TWIN, app="other"), BUDGET)
    async with world.running_controller():
        await world.create_canary()
        message = await world.until_condition("Stalled", "True")
        assert f"PodDisruptionBudget {DEMO}/{TWIN} exists already" in message
        found = await world.read(BUDGET, TWIN)
        assert found is not None
        assert found["spec"] == theirs["spec"]
        await world.api.delete(BUDGET, DEMO, TWIN)
        await world.until_phase("Initialized")
        await until_twin(world, minAvailable=1)


async def test_one_of_another_team_that_covers_the_primary_is_enough(world: World):
    await world.create_app()
    await world.api.create(a_budget(), BUDGET)
    await world.api.create(a_budget("theirs", app=f"{APP}-primary"), BUDGET)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        assert await world.read(BUDGET, TWIN) is None
        await world.api.delete(BUDGET, DEMO, "theirs")
        await until_twin(world, minAvailable=1)


async def test_a_controller_that_may_not_read_any_works_without(world: World):
    await world.create_app()
    await world.api.create(a_budget(), BUDGET)
    async with proxied(world.server.url) as proxy:
        forbidden = answer(403, {"message": "poddisruptionbudgets is forbidden"})
        proxy.meet("GET .*/poddisruptionbudgets", forbidden, always=True)
        async with world.running_controller(url=proxy.url):
            await world.create_canary()
            await world.until_phase("Initialized")
            await world.release()
            await world.until_phase("Succeeded")
    assert await world.read(BUDGET, TWIN) is None
