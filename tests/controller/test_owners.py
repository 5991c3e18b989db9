"""Canaries that follow each other on one target: none relies on what goes with another."""

from canary.api.kinds import DEPLOYMENT, SERVICE, Manifest
from canary.api.meta import PEER_GROUP
from canary.api.schema import crds
from canary.api.validation import parse_canary
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.demo.embedded import CRD
from canary.objects.ownership import owner_reference
from tests.controller.running import CANARY, DEMO, World, until


async def owner(world: World) -> str:
    """Tell the uid of the Canary that owns the primary; empty while there is none."""
    primary = await world.read(DEPLOYMENT, "podinfo-primary")
    references = (primary or {"metadata": {}})["metadata"].get("ownerReferences") or [{}]
    return str(references[0].get("uid", ""))


async def selects(world: World) -> dict[str, str]:
    service = await world.read(SERVICE, "podinfo")
    assert service is not None
    selector: dict[str, str] = service["spec"]["selector"]
    return selector


async def test_one_that_has_another_name_begins_when_the_former_has_given_the_target_back(
    world: World,
):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        renamed = manifests.canary("istio", name="renamed", namespace=DEMO)
        renamed["spec"] |= {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}
        }
        renamed["spec"]["service"]["name"] = "podinfo"
        await world.api.create(renamed, CANARY)
        await world.until_condition("Invalid", "True", "renamed")
        # The former one is held by a finalizer of somebody else after it has given all back.
        finalizers = (await world.api.read(CANARY, DEMO, "podinfo"))["metadata"]["finalizers"]
        held = {"metadata": {"finalizers": [*finalizers, "example.com/hold"]}}
        await world.patch(CANARY, "podinfo", held)
        await world.api.delete(CANARY, DEMO, "podinfo")
        status = await until(lambda: waits(world, "renamed", "RivalLeaving"), "it waits")
        assert "demo/podinfo" in status["waitingFor"]["message"]

        async def given_back() -> bool:
            former = await world.api.read(CANARY, DEMO, "podinfo")
            return former["metadata"]["finalizers"] == ["example.com/hold"]

        await until(given_back, "the former has given back what it had")
        assert await selects(world) == {"app": "podinfo"}
        await world.patch(CANARY, "podinfo", {"metadata": {"finalizers": None}})
        await world.until_phase("Initialized", name="renamed")
        uid = (await world.api.read(CANARY, DEMO, "renamed"))["metadata"]["uid"]
        assert await owner(world) == uid
        assert await selects(world) == {"app": "podinfo-primary"}
        assert not await world.events("NameTaken")


async def waits(world: World, name: str, reason: str) -> Manifest | None:
    status = dict(await world.status(name))
    return status if (status.get("waitingFor") or {}).get("reason") == reason else None


async def test_one_made_again_under_its_name_owns_the_primary_before_it_relies_on_it(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
    # While no controller runs, the Canary is made again, and its primary is left to another one of
    # its name: nothing collects it now, and that other Canary takes it along when it goes.
    peer = canary_kind(PEER_GROUP)
    crd = crds()["Canary"]
    crd["spec"]["group"], crd["metadata"]["name"] = PEER_GROUP, f"canaries.{PEER_GROUP}"
    await world.api.create(crd, CRD)
    former = await world.create_canary(kind=peer)
    left = {"metadata": {"ownerReferences": [owner_reference(parse_canary(former))]}}
    await world.patch(DEPLOYMENT, "podinfo-primary", left)
    await world.patch(CANARY, "podinfo", {"metadata": {"finalizers": None}})
    await world.api.delete(CANARY, DEMO, "podinfo")
    await world.patch(DEPLOYMENT, "podinfo", {"spec": {"replicas": 2}})
    again = await world.create_canary()
    mark = world.mark
    async with world.running_controller():
        await world.until_phase("Initialized")
        assert await owner(world) == again["metadata"]["uid"]
        await until(lambda: parked(world), "the target is parked")
    changes = [each for each in world.requests(mark) if each.verb in {"patch", "update"}]
    written = [each.name for each in changes if each.resource == "deployments"]
    assert written.index("podinfo-primary") < written.index("podinfo")
    await world.api.delete(peer, DEMO, "podinfo")

    async def gone() -> bool:
        return await world.read(peer, "podinfo") is None

    await until(gone, "the other Canary is gone")
    assert await owner(world) == again["metadata"]["uid"]


async def test_a_primary_that_is_being_deleted_is_not_relied_on(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await until(lambda: parked(world), "the target is parked")
        hold = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.patch(DEPLOYMENT, "podinfo-primary", hold)
        former = await world.read(DEPLOYMENT, "podinfo-primary")
        assert former is not None
        await world.api.delete(DEPLOYMENT, DEMO, "podinfo-primary")
        await world.until_condition("Ready", "False")
        await world.patch(DEPLOYMENT, "podinfo-primary", {"metadata": {"finalizers": None}})

        async def made_again() -> bool:
            primary = await world.read(DEPLOYMENT, "podinfo-primary")
            return primary is not None and primary["metadata"]["uid"] != former["metadata"]["uid"]

        await until(made_again, "the primary is made again")
        await world.until_condition("Ready", "True")


async def parked(world: World) -> bool:
    target = await world.read(DEPLOYMENT, "podinfo")
    return target is not None and target["spec"]["replicas"] == 0
