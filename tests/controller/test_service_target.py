"""A target of kind Service: it stays as its user writes it, and its sides are services of ours."""

from typing import Any

from canary.api.kinds import SERVICE, Manifest
from canary.demo.manifests import APP
from tests.controller.running import CANARY, DEMO, World, until

REFERENCE = {"apiVersion": "v1", "kind": "Service", "name": APP}
PORTS = [{"name": "http", "port": 80, "targetPort": 9898, "protocol": "TCP"}]


def leading_to(version: str) -> Manifest:
    """Write the user's Service, which leads to the pods of a version."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": APP, "namespace": DEMO},
        "spec": {"selector": {"app": APP, "version": version}, "ports": PORTS},
    }


async def selects(world: World, name: str) -> Any:
    service = await world.read(SERVICE, name)
    return None if service is None else service["spec"]["selector"]["version"]


async def lead(world: World, version: str) -> None:
    """Have the user's Service lead elsewhere."""
    spec = {"selector": {"app": APP, "version": version}}
    await world.patch(SERVICE, APP, {"spec": spec})


async def at_the_gate(world: World) -> bool:
    wait = (await world.status()).get("waitingFor") or {}
    return wait.get("reason") == "PromotionGate"


async def initialised(world: World, **spec: Any) -> Manifest:
    await world.api.create(leading_to("1"), SERVICE)
    await world.create_canary(targetRef=REFERENCE, **spec)
    await world.until_phase("Initialized")
    target = await world.read(SERVICE, APP)
    assert target is not None
    return target


async def test_its_canary_leads_where_it_leads_and_its_primary_where_the_promoted_one_led(
    world: World,
):
    gate = {"webhooks": [{"type": "confirm-promotion", "name": "by-hand"}]}
    async with world.running_controller():
        await initialised(world, analysis=gate)
        assert await selects(world, f"{APP}-primary") == "1"
        assert await selects(world, f"{APP}-canary") == "1"
        await lead(world, "2")
        await until(lambda: at_the_gate(world), "the run waits at its gate")
        assert await selects(world, f"{APP}-canary") == "2"
        assert await selects(world, f"{APP}-primary") == "1"
        assert await world.weight() == 100
        approval = {"metadata": {"annotations": {"tidegate.dev/approve": "tester"}}}
        await world.patch(CANARY, APP, approval)
        status = await world.until_phase("Succeeded")
    assert status["history"][0]["outcome"] == "Promoted"
    assert await selects(world, f"{APP}-primary") == "2"


async def test_one_that_leads_to_the_promoted_version_again_ends_its_run_without_promotion(
    world: World,
):
    gate = {"webhooks": [{"type": "confirm-promotion", "name": "by-hand"}]}
    async with world.running_controller():
        await initialised(world, analysis=gate)
        await lead(world, "2")
        await until(lambda: at_the_gate(world), "the run waits at its gate")
        await lead(world, "1")

        async def back() -> bool:
            phase = (await world.status()).get("phase")
            return phase in {"Initialized", "Succeeded"} and await world.weight() == 0

        await until(back, "the run is over, and the primary serves")
        assert await selects(world, f"{APP}-primary") == "1"


async def test_it_is_never_written_and_is_all_that_stays_when_its_canary_goes(world: World):
    async with world.running_controller():
        before = await initialised(world)
        await lead(world, "2")
        await world.until_phase("Succeeded")
        await world.api.delete(CANARY, DEMO, APP)

        async def gone() -> bool:
            return [each["metadata"]["name"] for each in await world.objects(SERVICE)] == [APP]

        await until(gone, "the sides have gone with their Canary")
    after = await world.read(SERVICE, APP)
    assert after is not None
    assert after["metadata"].get("annotations") == before["metadata"].get("annotations")
    assert after["spec"]["selector"] == {"app": APP, "version": "2"}


async def test_a_change_of_its_primary_is_put_back_and_so_is_one_of_its_canary(world: World):
    async with world.running_controller():
        await initialised(world)
        for side in ("primary", "canary"):
            patch = {"spec": {"selector": {"version": "9"}}}
            await world.patch_as("kubectl-edit", SERVICE, f"{APP}-{side}", patch)

        async def back() -> bool:
            return {await selects(world, f"{APP}-{side}") for side in ("primary", "canary")} == {
                "1"
            }

        await until(back, "both lead where they led")


async def test_its_canary_is_written_when_the_target_changes_and_not_besides(world: World):
    mark = world.mark
    async with world.running_controller():
        await initialised(world, analysis={"stepWeights": [20, 40, 60]})
        await lead(world, "2")
        await world.until_phase("Succeeded")
    # Its creation does not name it.
    writes = [
        each.verb
        for each in world.requests(mark)
        if (each.resource, each.name) == ("services", f"{APP}-canary") and each.verb != "get"
    ]
    assert writes == ["update"]


async def test_it_keeps_its_name(world: World):
    async with world.running_controller():
        await initialised(world)
        renamed = {"spec": {"targetRef": REFERENCE | {"name": "other"}}}
        await world.patch(CANARY, APP, renamed)
        message = await world.until_condition("Invalid", "True")
    assert "spec.targetRef.name" in message
    assert f"set it back to {APP}" in message
