"""A member of a fleet: it starts with the plan's grant and says how far it has come, and no more."""

from collections.abc import AsyncIterator

import pytest

from canary.api.fleet_status import FleetCanary, FleetGrant, FleetPlanStatus
from canary.api.fleetreport import FleetState, ReportedCanary
from canary.api.hub import FLEET_PLAN, FLEET_REPORT, MEMBER_LEASE
from canary.demo import manifests
from canary.errors import NotFound
from canary.replicas.leases import LEASE
from tests.controller.fleet import PLACE, PLAN, REPORT, HubCluster, hub_cluster
from tests.controller.running import CANARY, USER_AGENT, World, until

APP = manifests.APP
FLEET = {"plan": PLAN}
WAVE = {"name": "all", "clusters": ["eu-1"]}


@pytest.fixture
async def hub(world: World) -> AsyncIterator[HubCluster]:
    async with hub_cluster(world, "eu-1") as hub:
        yield hub


async def until_state(hub: HubCluster, state: FleetState, *, run: int | None = None) -> FleetCanary:
    """Wait until the cluster reports a state; give what a plan says that has seen it."""

    async def there() -> FleetCanary | None:
        told = await hub.told()
        if told is None or told.state is not state or run not in {None, told.run}:
            return None
        return FleetCanary(canary=told.canary, release=told.release, message="wave all waits")

    return await until(there, f"{state} is reported")  # type: ignore[no-any-return]


async def granted(hub: HubCluster, entry: FleetCanary) -> FleetPlanStatus:
    """Give the plan's status with a grant of what the cluster reports."""
    told = await hub.told()
    assert told is not None
    assert told.since is not None
    grant = FleetGrant(
        cluster="eu-1",
        uid=told.uid,
        run=told.run,
        release=told.release,
        wave="all",
        at=told.since,
    )
    return FleetPlanStatus(canaries=(entry.but(grants=(grant,)),))


async def until_waiting(world: World, said: str) -> None:
    async def there() -> bool:
        wait = (await world.status()).get("waitingFor") or {}
        return wait.get("reason") == "FleetWave" and said in wait.get("message", "")

    await until(there, f"waiting for FleetWave: {said}")


async def test_a_run_waits_for_its_wave_starts_with_its_grant_and_each_state_is_reported(
    world: World, hub: HubCluster
):
    await world.create_app()
    for name in ("left", "left.over", "odd"):
        # What an earlier controller has left of a plan is emptied; what is none is left alone.
        metadata = {"name": name, "namespace": "eu-1"}
        left = {"apiVersion": "tidegate.dev/v1beta1", "kind": "FleetReport", "metadata": metadata}
        await hub.api.create(left | {"spec": {"plan": "left/over"}}, FLEET_REPORT)
        canary = {"canary": "a/b", "uid": "u", "release": "r1", "state": "Promoted"}
        status = {"status": {"canaries": [canary]}}
        await hub.api.merge_patch(FLEET_REPORT, "eu-1", name, status, subresource="status")
    async with hub.running_member(world) as controller:
        await world.create_canary(fleet=FLEET)
        before = await until_state(hub, FleetState.PROMOTED)
        await world.release()
        # No coordinator is needed for it to be safe: without a plan nothing starts.
        await until_waiting(world, "there is none of that name on the hub")
        entry = await until_state(hub, FleetState.WAITING)
        assert entry.release != before.release
        await hub.create_plan(WAVE)
        await until_waiting(world, "the coordinator has not seen this Canary yet")
        await hub.decide(FleetPlanStatus(canaries=(entry,)))
        await until_waiting(world, "wave all waits")
        await hub.decide(await granted(hub, entry))
        status = await world.until_phase("Succeeded")
        assert status["lastAppliedSpec"] == status["lastPromotedSpec"]
        after = await until_state(hub, FleetState.PROMOTED, run=1)
        assert after.release == entry.release
        left = await hub.api.read(FLEET_REPORT, "eu-1", "left.over")
        assert left["status"]["canaries"] == []
        odd = await hub.api.read(FLEET_REPORT, "eu-1", "odd")
        assert len(odd["status"]["canaries"]) == 1
        report = await hub.api.read(FLEET_REPORT, "eu-1", REPORT)
        assert report["spec"] == {"plan": PLAN}
        lease = await hub.api.read(LEASE, "eu-1", MEMBER_LEASE)
        assert lease["spec"]["holderIdentity"]
        await world.api.delete(CANARY, world.namespace, APP)

        async def gone() -> bool:
            return (await hub.told()) is None

        await until(gone, "no Canary is reported any more")
        namespace = PLAN.partition("/")[0]
        assert controller._plans is not None
        assert not controller._plans._caches.sources(FLEET_PLAN, namespace)
    written = {
        (each.resource, each.subresource, each.namespace)
        for each in hub.server.audit
        if each.user_agent == USER_AGENT and each.verb in {"create", "update", "patch", "delete"}
    }
    assert written == {
        ("fleetreports", "", "eu-1"),
        ("fleetreports", "status", "eu-1"),
        ("leases", "", "eu-1"),
    }
    read = {
        (each.resource, each.namespace)
        for each in hub.server.audit
        if each.user_agent == USER_AGENT and each.verb in {"get", "list", "watch"}
    }
    resources = {each for each in read if each[0] in {"fleetplans", "fleetreports", "leases"}}
    assert resources == {("fleetplans", PLACE), ("fleetreports", "eu-1"), ("leases", "eu-1")}


async def command(world: World, verb: str) -> None:
    annotations = {f"tidegate.dev/{verb}": "@alice via cli: the fix"}
    await world.patch(CANARY, APP, {"metadata": {"annotations": annotations}})


def cut_off(hub: HubCluster) -> None:
    hub.proxy.down = True
    hub.proxy.cut()


async def test_while_the_hub_is_away_nothing_starts_and_what_runs_goes_on(
    world: World, hub: HubCluster
):
    await hub.create_plan(WAVE)
    await world.create_app()
    async with hub.running_member(world):
        await world.create_canary(fleet=FLEET, analysis={"interval": "1h"})
        await until_state(hub, FleetState.PROMOTED)
        await world.release()
        entry = await until_state(hub, FleetState.WAITING)
        status = await granted(hub, entry)
        cut_off(hub)
        await until_waiting(world, "the hub cannot be asked")
        # The grant is given while nobody here can see it.
        await hub.decide(status)
        hub.proxy.relent()
        assert (await world.until_phase("Progressing"))["run"]["wave"] == "all"
        cut_off(hub)
        await command(world, "promote")
        await world.until_phase("Succeeded")
        await world.release(tag="3")
        await until_waiting(world, "the hub cannot be asked")
        # A person may start it all the same; it is reported when the hub is there again.
        await command(world, "expedite")
        await world.until_phase("Progressing")
        hub.proxy.relent()
        told = await hub_told(hub, FleetState.RUNNING, run=2)
        assert (told.release != entry.release, "alice" in told.expedited) == (True, True)


async def hub_told(hub: HubCluster, state: FleetState, *, run: int) -> ReportedCanary:
    await until_state(hub, state, run=run)
    told = await hub.told()
    assert told is not None
    return told


async def test_without_a_hub_a_canary_that_names_a_plan_is_initialised_and_starts_no_run(
    world: World,
):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(fleet=FLEET)
        await world.until_phase("Initialized")
        await world.release()
        await until_waiting(world, "this controller has no hub: give it --fleet-kubeconfig")
        with pytest.raises(NotFound):
            await world.api.read(FLEET_PLAN, PLACE, "shop")
