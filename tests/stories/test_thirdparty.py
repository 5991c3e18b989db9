"""The story of a package beside tidegate that brings a plug-in of each family."""

from pathlib import Path
from typing import Any

import pytest

from canary.api.kinds import SECRET, Kind
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.controller.templates import alert_provider_kind, metric_template_kind
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.conftest import Receiver
from tests.thirdparty.building import PLUGINS, installed_in

pytestmark = [
    pytest.mark.story,
    pytest.mark.embedded,
    pytest.mark.asyncio(loop_scope="session"),
]


ENABLED = ("--plugins", ",".join(PLUGINS))
INGRESS = Kind(group="networking.k8s.io", versions=("v1",), kind="Ingress", plural="ingresses")


async def given_objects(world: World, receiver: Receiver) -> None:
    """A template of their store with its Secret, and a receiver of their kind."""
    for kind, where, name, content in (
        ("Secret", SECRET, "store", {"stringData": {"api-key": "opens", "token": "stays here"}}),
        (
            "MetricTemplate",
            metric_template_kind(GROUP),
            "orders",
            {
                "spec": {
                    "provider": {
                        "type": "numbers",
                        "address": f"{receiver.url}/store",
                        "secretRef": {"name": "store"},
                    },
                    "query": "orders",
                }
            },
        ),
        (
            "AlertProvider",
            alert_provider_kind(GROUP),
            "diary",
            {"spec": {"type": "diary", "address": f"{receiver.url}/diary"}},
        ),
    ):
        manifest = {
            "apiVersion": "v1" if kind == "Secret" else f"{GROUP}/v1beta1",
            "kind": kind,
            "metadata": {"name": name, "namespace": world.namespace},
        }
        await world.create(manifest | content, where)


async def test_a_manifest_uses_the_plugins_of_a_package_that_is_installed_beside_tidegate(
    world: World, receiver: Receiver, tmp_path: Path
) -> None:
    # Given an app whose Canary names their router, provider, notifier and judge
    site = installed_in(tmp_path)
    await given_objects(world, receiver)
    await world.create_app("1.0")
    await world.start_controller(*ENABLED, python_path=site)
    metric = {
        "name": "orders",
        "interval": "2s",
        "thresholdRange": {"min": 1},
        "templateRef": {"name": "orders"},
        "judge": "patient",
    }
    alert = {"name": "diary", "severity": "info", "providerRef": {"name": "diary"}}
    analysis = {"interval": "1s", "stepWeights": [20, 60], "metrics": [metric], "alerts": [alert]}
    await world.create_canary(provider="borrowed", analysis=analysis)
    await world.until_phase("Initialized", seconds=120)
    # When a version is released, and tidegate is killed while their judge is still counting
    await world.release("2.0")
    before: dict[str, Any] = {}

    async def remembered() -> bool:
        nonlocal before
        metrics = (await world.status()).get("metrics", ())
        before = next((each.get("memory") or {} for each in metrics), {})
        return bool(before)

    await world.until(remembered, "the judge keeps something")
    await world.kill_controller()
    await world.start_controller(*ENABLED, python_path=site)
    # Then the judge goes on where it was, the version is promoted, and the diary says so
    status = await world.until_phase("Succeeded", seconds=120)
    after = status["metrics"][0]["memory"]
    assert after["first"] == before["first"]
    assert int(after["seen"]) >= max(3, int(before["seen"]))

    async def told() -> bool:
        return any(each["entry"] == "Promoted" for each in receiver.sent("/diary"))

    await world.until(told, "the diary has an entry")
    # And their store was given the key that their provider names, and no other
    (asked, *_) = [headers for path, _, headers in receiver.calls if path == "/store"]
    assert asked["api-key"] == "opens"
    assert "Authorization" not in asked


async def test_a_router_that_needs_an_object_of_its_user_waits_for_it_and_says_so(
    world: World, tmp_path: Path
) -> None:
    # Given a Canary whose router splits by an Ingress beside the user's, and no such Ingress
    site = installed_in(tmp_path)
    await world.create_app("1.0")
    await world.start_controller(*ENABLED, python_path=site)
    await world.create_canary(provider="ingress")

    async def waits() -> bool:
        wait = (await world.status()).get("waitingFor") or {}
        return f"Ingress {world.namespace}/podinfo does not exist: create it" in str(wait)

    await world.until(waits, "the Canary says what it lacks", seconds=120)
    # When the user creates it
    backend = {"service": {"name": "podinfo", "port": {"number": 80}}}
    users = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "podinfo", "namespace": world.namespace},
        "spec": {"defaultBackend": backend},
    }
    before = await world.create(users, INGRESS)
    # Then the Canary goes on, beside the Ingress that stays as it is
    await world.until_phase("Initialized", seconds=120)
    ours = await world.read(INGRESS, "podinfo-canary")
    assert ours is not None
    assert ours["spec"]["defaultBackend"]["service"]["name"] == "podinfo-canary"
    assert await world.read(INGRESS, "podinfo") == before
    # And it leaves nothing when it goes
    await world.api.delete(canary_kind(GROUP), world.namespace, APP)

    async def gone() -> bool:
        return await world.read(INGRESS, "podinfo-canary") is None

    await world.until(gone, "our Ingress is gone", seconds=120)
    assert await world.read(INGRESS, "podinfo") == before
