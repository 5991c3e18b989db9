"""What is followed for Canaries: nothing of it stays when they have gone."""

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT
from canary.controller.controller import Controller
from canary.demo.embedded import NAMESPACE
from canary.demo.manifests import APP, canary, deployment
from canary.errors import NotFound
from tests.controller.running import CANARY, World, until

COUNTED = {
    'objects{kind="configmaps",owner="canary"}': 3,
    'objects{kind="deployments.apps",owner="canary"}': 3,
    'objects{kind="deployments.apps",owner="other"}': 3,
    'objects{kind="services",owner="canary"}': 9,
    'objects{kind="virtualservices.networking.istio.io",owner="canary"}': 3,
}
FULLEST = {"services": 3, "deployments.apps": 2}
NAMESPACES = ("first", "second", "third")
CONFIG = {"configMapRef": {"name": "config"}}


def counted(controller: Controller) -> dict[str, float]:
    """Read what the page of metrics says of the numbers of objects."""
    lines = controller._metrics.page()[0].decode().splitlines()
    pairs = (each.rpartition(" ") for each in lines if each.startswith("tidegate_objects"))
    return {series.removeprefix("tidegate_"): float(value) for series, _, value in pairs}


async def test_canaries_that_come_and_go_in_ever_new_namespaces_leave_nothing_behind(world: World):
    async with world.running_controller() as controller:
        tracker = controller._tracker
        for namespace in NAMESPACES:
            metadata = {"name": namespace}
            await world.api.create(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, NAMESPACE
            )
            metadata = {"name": "config", "namespace": namespace}
            await world.api.create(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}, CONFIG_MAP
            )
            app = deployment("1", namespace=namespace)
            app["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [CONFIG]
            await world.api.create(app, DEPLOYMENT)
            await world.api.create(canary("istio", namespace=namespace), CANARY)
        for namespace in NAMESPACES:

            async def initialized(namespace: str = namespace) -> bool:
                manifest = await world.api.read(CANARY, namespace, APP)
                return (manifest.get("status") or {}).get("phase") == "Initialized"

            await until(initialized, f"initialised in {namespace}")
        assert len(tracker.following._sets) >= len(NAMESPACES)
        shown = counted(controller)
        assert COUNTED.items() <= shown.items()
        for kind, most in FULLEST.items():
            start = f'objects_fullest_namespace{{kind="{kind}",'
            (count,) = (each for series, each in shown.items() if series.startswith(start))
            assert count == most
        assert len(tracker.configs._checksums) == len(NAMESPACES)
        for namespace in NAMESPACES:
            await world.api.delete(CANARY, namespace, APP)
        for namespace in NAMESPACES:

            async def gone(namespace: str = namespace) -> bool:
                try:
                    await world.api.read(CANARY, namespace, APP)
                except NotFound:
                    return True
                return False

            await until(gone, f"gone from {namespace}")
        await until(lambda: not tracker.canaries(), "seen to be gone")
        assert not tracker.following._sets
        assert not tracker.following._needs
        assert not tracker.following._users
        assert not tracker.configs._checksums
        assert not tracker._dependents._canaries
        assert not counted(controller)


async def test_the_kinds_of_a_router_are_listed_and_watched_once_a_canary_names_it_and_not_before(
    world: World,
):
    """All of them are served: that a controller knows of a router is no reason to follow its kinds."""
    followed = {"list", "watch"}

    def asked() -> set[str]:
        return {each.resource for each in world.requests() if each.verb in followed}

    await world.create_app()
    await world.create_app("other")
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Succeeded")
        assert {"virtualservices", "destinationrules"} <= asked()
        assert {"trafficsplits", "httproutes"}.isdisjoint(asked())
        await world.create_canary("other", provider="smi")
        await world.until_phase("Initialized", name="other")
        assert "trafficsplits" in asked()
        assert "httproutes" not in {each.resource for each in world.requests()}
