"""The primary's pod template is the analysed one, whoever else writes into it."""

from typing import Any

import orjson

from canary.api.kinds import DEPLOYMENT
from tests.controller.faults import Proxy, proxied
from tests.controller.running import CANARY, World, until

BY_HAND = {"name": "BY_HAND", "value": "1"}


def container(manifest: Any) -> Any:
    return manifest["spec"]["template"]["spec"]["containers"][0]


async def set_env(world: World) -> None:
    """Set a variable as `kubectl set env` does, as another manager."""
    primary = await world.read(DEPLOYMENT, "podinfo-primary")
    containers = [container(primary) | {"env": [*container(primary).get("env", []), BY_HAND]}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await world.patch_as("kubectl-set", DEPLOYMENT, "podinfo-primary", patch)


async def as_promoted(world: World) -> bool:
    primary = await world.read(DEPLOYMENT, "podinfo-primary")
    return BY_HAND not in container(primary).get("env", [])


async def test_a_variable_that_was_set_by_hand_does_not_survive_a_promotion(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(analysis={"interval": "1h"})
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Progressing")
        await set_env(world)
        command = {"metadata": {"annotations": {"tidegate.dev/promote": "tester"}}}
        await world.patch(CANARY, "podinfo", command)
        await world.until_phase("Succeeded")
        assert await as_promoted(world)
        target, primary = [
            await world.read(DEPLOYMENT, name) for name in ("podinfo", "podinfo-primary")
        ]
        assert container(primary) == container(target)


async def test_a_variable_that_is_set_at_rest_is_taken_away_once_and_then_contested(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await until(lambda: recorded(world), "it is recorded what the primary was given")
        await set_env(world)
        await until(lambda: as_promoted(world), "the template is put back")
        (event,) = await until(lambda: world.events("PrimaryChanged"), "it is told")
        assert "kubectl-set changed the pod template of podinfo-primary" in event["message"]
        await world.until_condition("Ready", "True")
        mark = world.mark
        await set_env(world)
        (event,) = await until(lambda: world.events("Contested"), "it is told whose it is")
        assert "kubectl-set" in event["message"]
        assert not [
            each
            for each in world.requests(mark)
            if each.resource == "deployments" and each.verb in {"update", "patch"}
        ]


async def recorded(world: World) -> bool:
    return bool((await world.status()).get("primary"))


async def test_what_admission_adds_to_our_own_write_is_no_change(world: World):
    async def inject(proxy: Proxy, request: Any) -> Any:
        document = orjson.loads(await request.read())
        container(document).setdefault("env", []).append({"name": "INJECTED", "value": "1"})
        return await proxy.forward(request, orjson.dumps(document))

    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        writes = r"(POST .*/deployments|PUT .*/deployments/podinfo-primary)\?"
        proxy.meet(writes, inject, always=True)
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Succeeded")
        await until(lambda: promoted(world), "it is recorded what the primary was given")
        primary = await world.read(DEPLOYMENT, "podinfo-primary")
        assert container(primary)["env"][-1] == {"name": "INJECTED", "value": "1"}
        assert container(primary)["image"].endswith(":2")
        assert len(proxy.asked(writes)) == 2
        assert await world.events("PrimaryChanged") == []
        await world.until_condition("Ready", "True")


async def promoted(world: World) -> bool:
    status = await world.status()
    return bool(status["primary"]["revision"] == status["lastPromotedSpec"])
