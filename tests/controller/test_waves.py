"""A fleet: one hub, three clusters, a coordinator, and what is killed and cut off on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import yaml

from canary.api.hub import FLEET_PLAN
from canary.cluster.cluster import Cluster
from canary.coordinator.coordinator import Coordinator
from canary.demo import manifests
from canary.replicas.leases import LeaseTimes
from tests.cli.running import tidegate
from tests.controller.fleet import NAME, PLACE, PLAN, HubCluster, hub_cluster
from tests.controller.running import CANARY, USER_AGENT, World, until
from tests.testbed.tools import ROOT

COORDINATOR = "tidegate-fleet"
CLUSTERS = ("eu-test", "eu-1", "us-1")
ONE_BOX = {"name": "one-box", "clusters": ["eu-test"]}
FIRST = {"name": "first", "clusters": ["eu-1"], "approval": True}
REST = {"name": "rest", "clusters": ["us-1"]}
CART = f"{manifests.NAMESPACE}/{manifests.APP}"

REFUSED = {
    f"approve {PLAN} next": f"FleetPlan {PLAN} has no wave next: it has one-box, first, rest",
    f"approve {PLAN} rest": f"FleetPlan {PLAN} has no release under way",
    f"approve {PLAN} rest --canary a/b": "has no release of Canary a/b under way",
    "approve releases/none rest": "there is no FleetPlan releases/none on this hub",
}
"""What is not approved, and why."""


class Fleet:
    """Three clusters and their controllers."""

    def __init__(self, hub: HubCluster, worlds: dict[str, World], stack: AsyncExitStack) -> None:
        self.hub = hub
        self.worlds = worlds
        self._members: dict[str, AsyncExitStack] = {}
        self._stack = stack

    async def start(self, cluster: str) -> None:
        member = self._members[cluster] = AsyncExitStack()
        often = {"fleet_renew_period": timedelta(seconds=1)}
        running = self.hub.running_member(self.worlds[cluster], cluster, **often)
        await member.enter_async_context(running)
        self._stack.push_async_callback(member.aclose)

    async def kill(self, cluster: str) -> None:
        await self._members[cluster].aclose()

    async def release(self, tag: str) -> None:
        for world in self.worlds.values():
            await world.release(tag=tag)

    async def until_said(self, words: str) -> None:
        async def said() -> str:
            entry = (await self.hub.status()).find(CART)
            message = entry.message if entry else ""
            return message if words in message else ""

        await until(said, f"the plan says: {words}")

    async def phases(self) -> dict[str, str]:
        return {name: (await each.status())["phase"] for name, each in self.worlds.items()}


@asynccontextmanager
async def a_fleet(world: World, directory: Path) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        worlds = {CLUSTERS[0]: world}
        for name in CLUSTERS[1:]:
            (directory / name).mkdir()
            worlds[name] = await stack.enter_async_context(World(directory / name))
        hub = await stack.enter_async_context(hub_cluster(worlds["eu-test"], *CLUSTERS))
        yield Fleet(hub, worlds, stack)


@asynccontextmanager
async def coordinating(hub: HubCluster) -> AsyncIterator[None]:
    """Run a coordinator, and kill it."""
    async with Cluster.connect(kubeconfig=str(hub.direct), user_agent=COORDINATOR) as cluster:
        coordinator = Coordinator(
            cluster,
            namespace=PLACE,
            identity="test",
            times=LeaseTimes(lease_seconds=2, renew_seconds=1.5, retry_seconds=0.2),
            tick_seconds=0.2,
        )
        task = asyncio.create_task(coordinator.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


async def test_a_release_reaches_three_clusters_in_waves_whatever_is_killed_or_cut_off(
    world: World, tmp_path: Path
):
    async with a_fleet(world, tmp_path) as fleet:
        hub = fleet.hub
        await hub.create_plan(ONE_BOX, FIRST, REST)
        for name, each in fleet.worlds.items():
            await each.create_app()
            await fleet.start(name)
            await each.create_canary(fleet={"plan": PLAN}, analysis={"interval": "1h"})
        async with coordinating(hub):
            await fleet.until_said("is promoted in all clusters")
            await fleet.release("2")
            await fleet.worlds["eu-test"].until_phase("Progressing")
        # The coordinator is dead, and so is the member of the first wave; its cluster goes on.
        await fleet.kill("eu-test")
        for name in ("eu-1", "us-1"):
            await fleet.worlds[name].until_phase("Waiting")
        async with coordinating(hub):
            await fleet.start("eu-test")
            await promote(fleet.worlds["eu-test"])
            await fleet.until_said("wave first waits to be approved")
            command = ("fleet", "approve", PLAN, "first", "--reason", "all well")
            code, output = await tidegate(*command, "--kubeconfig", str(hub.direct))
            assert (code, f"Approved wave first of FleetPlan {PLAN} for {CART}" in output) == (
                0,
                True,
            )
            await fleet.worlds["eu-1"].until_phase("Progressing")
            assert (await fleet.phases())["us-1"] == "Waiting"
            code, output = await tidegate("fleet", "status", "--kubeconfig", str(hub.direct))
            assert (code, "granted: eu-1" in output) == (0, True)
            # Cut off, the clusters neither start anything nor stop what runs.
            hub.proxy.down = True
            hub.proxy.cut()
            await promote(fleet.worlds["eu-1"])
            assert (await fleet.phases())["us-1"] == "Waiting"
            hub.proxy.relent()
            await fleet.worlds["us-1"].until_phase("Progressing")
            # What one cluster rolls back halts the release everywhere.
            await fleet.worlds["us-1"].patch(
                CANARY, manifests.APP, {"metadata": {"annotations": {"tidegate.dev/abort": "now"}}}
            )
            await fleet.until_said("halted: release")
            # Back in Git, all return at once; clusters that have promoted it, too.
            await fleet.release("1")
            await fleet.worlds["eu-test"].until_phase("Progressing")
            await fleet.worlds["eu-1"].until_phase("Progressing")
            for name in ("eu-test", "eu-1"):
                await promote(fleet.worlds[name])
            await fleet.until_said("is promoted in all clusters")
            plan = await hub.api.read(FLEET_PLAN, PLACE, NAME)
            conditions = {each["type"]: each["status"] for each in plan["status"]["conditions"]}
            used = {
                agent: {
                    (each.verb, f"{each.resource}/{each.subresource}".rstrip("/"))
                    for each in hub.server.audit
                    if each.user_agent == agent and "/" not in each.resource
                }
                for agent in (USER_AGENT, COORDINATOR)
            }
            assert used == {
                USER_AGENT: rights("tidegate-fleet-member", "tidegate-fleet-plans"),
                COORDINATOR: rights("tidegate-fleet-coordinator", "tidegate-fleet-lease"),
            }
            assert conditions == {
                "Initialized": "True",
                "Progressing": "False",
                "Halted": "False",
            }
            for words, said in REFUSED.items():
                command = ("fleet", *words.split(), "--kubeconfig", str(hub.direct))
                code, output = await tidegate(*command)
                assert (code, said in output) == (1, True), output
            # The API server takes what no schema can say; the coordinator says what is wrong.
            wrong = {"spec": {"waves": [ONE_BOX | {"maxConcurrent": "0%"}]}}
            await hub.api.merge_patch(FLEET_PLAN, PLACE, NAME, wrong)
            await fleet.until_said("the plan cannot be acted on: spec.waves[0].maxConcurrent")


def rights(*roles: str) -> set[tuple[str, str]]:
    """Give what roles of the hub grant, each as verb and resource."""
    found = yaml.safe_load_all((ROOT / "deploy/hub/rights.yaml").read_text())
    return {
        (verb, resource)
        for role in found
        if role["metadata"]["name"] in roles
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


async def promote(world: World) -> None:
    annotations = {"tidegate.dev/promote": "@alice via cli: all well"}
    await world.patch(CANARY, manifests.APP, {"metadata": {"annotations": annotations}})
    await world.until_phase("Succeeded")
