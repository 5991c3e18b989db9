"""A spec that becomes invalid during a run, in a cluster: the run ends all the same."""

from typing import Any

from tests.controller.running import CANARY, World, until
from tests.receiver import Answer, receiving


def gate(url: str) -> dict[str, Any]:
    return {"type": "confirm-rollout", "name": "gate", "url": url}


async def invalid(world: World) -> bool:
    conditions = (await world.status()).get("conditions") or ()
    return any(each["type"] == "Invalid" and each["status"] == "True" for each in conditions)


async def test_a_run_goes_on_by_the_last_valid_spec(world: World):
    await world.create_app()
    async with receiving() as hooks, world.running_controller():
        hooks.answers(Answer(status=403))
        await world.create_canary(analysis={"webhooks": [gate(hooks.url)]})
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Waiting")
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "nope"}})
        await until(lambda: invalid(world), "it is told")
        assert (await world.status())["state"] == "Invalid"
        hooks.answers(Answer())
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        assert [each["reason"] for each in await world.events("Invalid")] == ["Invalid"]


async def test_after_a_restart_it_is_rolled_back_at_the_deadline(world: World):
    await world.create_app()
    async with receiving() as hooks:
        hooks.answers(Answer(status=403))
        async with world.running_controller():
            await world.create_canary(
                analysis={"webhooks": [gate(hooks.url)]}, progressDeadlineSeconds=5
            )
            await world.until_phase("Initialized")
            await world.release()
            await world.until_phase("Waiting")
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "nope"}})
        async with world.running_controller():
            await world.until_phase("Failed")
            (ended,) = (await world.status())["history"]
            assert (ended["outcome"], ended["reason"]) == ("RolledBack", "Invalid")


async def test_a_canary_that_was_never_valid_says_so_where_people_look_first(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(provider="nope")
        await until(lambda: invalid(world), "it is told")
        assert (await world.status())["state"] == "Invalid"
