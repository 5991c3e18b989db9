"""Stories of what belongs to an app beside its pods: configs, an autoscaler, people, its route."""

from typing import Any

import pytest

from canary.api.kinds import AUTOSCALER, BUDGET, CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE, Kind
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP, ROUTERS
from canary.demo.world import World
from tests.stories.conftest import Receiver
from tests.stories.telling import (
    QUICK,
    given_a_canary,
    then_at_rest,
    then_nothing_was_lost,
    until_waiting,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

ALERT_PROVIDER = Kind(
    group=GROUP, versions=("v1beta1",), kind="AlertProvider", plural="alertproviders"
)
CONFIGS = (("ConfigMap", CONFIG_MAP, "settings"), ("Secret", SECRET, "access"))


async def given_configs(world: World, content: str) -> None:
    """An immutable ConfigMap and an immutable Secret with a content."""
    for kind, where, name in CONFIGS:
        await world.create(
            {
                "apiVersion": "v1",
                "kind": kind,
                "metadata": {"name": name, "namespace": world.namespace},
                ("data" if kind == "ConfigMap" else "stringData"): {"mode": content},
                "immutable": True,
            },
            where,
        )


@pytest.mark.acceptance("A15")
async def test_changed_configs_are_released_like_a_new_image(world: World) -> None:
    # Given an app with a ConfigMap and a Secret that cannot be changed, only made anew
    await given_configs(world, "old")
    await world.create_app("1.0")
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "access", "secret": {"secretName": "access"}},
    ]
    await world.patch(DEPLOYMENT, APP, {"spec": {"template": {"spec": {"volumes": volumes}}}})
    await world.start_controller()
    await world.create_canary(analysis=QUICK)
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic():
        # When both are made anew with another content
        for _, where, name in CONFIGS:
            await world.api.delete(where, world.namespace, name)
        await given_configs(world, "new")
        # Then that is a revision of its own, and is promoted with copies for the primary
        status = await world.until_phase("Succeeded", seconds=120)
        assert status["history"][0]["outcome"] == "Promoted"
    primary = await world.read(DEPLOYMENT, f"{APP}-primary") or {}
    mounted = {each["name"]: each for each in primary["spec"]["template"]["spec"]["volumes"]}
    names = {
        "settings": mounted["settings"]["configMap"]["name"],
        "access": mounted["access"]["secret"]["secretName"],
    }
    copies = [await world.read(where, names[name]) for _, where, name in CONFIGS]
    originals = [await world.read(where, name) for _, where, name in CONFIGS]
    assert [(copy or {}).get("data") for copy in copies] == [
        (original or {})["data"] for original in originals
    ]


@pytest.mark.acceptance("G01", "G02")
async def test_the_primary_of_an_app_that_scales_itself_does_so_too_and_no_run_makes_it_small(
    world: World,
) -> None:
    # Given an app with an autoscaler
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP}
    metric = {"type": "Utilization", "averageUtilization": 80}
    await world.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": APP, "namespace": world.namespace},
            "spec": {
                "scaleTargetRef": reference,
                "minReplicas": 2,
                "maxReplicas": 4,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": metric}}],
            },
        },
        AUTOSCALER,
    )
    # And a budget of disruptions
    selector = {"matchLabels": {"app": APP}}
    await world.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": APP, "namespace": world.namespace},
            "spec": {"selector": selector, "minAvailable": 1},
        },
        BUDGET,
    )
    await world.create_app("1.0")
    await world.start_controller()
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "name": APP,
    }
    # When a Canary names it
    gate = {"type": "confirm-promotion", "name": "by-hand"}
    analysis = QUICK | {"webhooks": [gate]}
    await world.create_canary(analysis=analysis, autoscalerRef=autoscaler)
    await world.until_phase("Initialized", seconds=120)
    # Then the primary has one of its own
    copy: dict[str, Any] = await world.read(AUTOSCALER, f"{APP}-primary") or {}
    assert copy["spec"]["scaleTargetRef"]["name"] == f"{APP}-primary"
    assert copy["spec"]["maxReplicas"] == 4
    async with world.traffic():
        # When it has grown with its load, and a version is released
        await world.patch(DEPLOYMENT, f"{APP}-primary", {"spec": {"replicas": 3}})
        await world.release("2.0")
        await until_waiting(world, "PromotionGate")
        # Then it may not shrink before it has the traffic again, and is promoted with as many pods
        await world.until(lambda: scales_from(world, 3), "it scales from 3 in the run")
        await world.annotate("approve")
        await world.until_phase("Succeeded", seconds=120)
        await world.until(lambda: scales_from(world, 2), "it scales from 2 as the app does")
    await then_at_rest(world, "2.0")
    primary = await world.read(DEPLOYMENT, f"{APP}-primary") or {}
    assert primary["spec"]["replicas"] == 3
    # And its budget follows that of the app
    for amount in ("50%", "40%"):
        await world.patch(BUDGET, APP, {"spec": {"minAvailable": amount}})
        await world.until(lambda amount=amount: budget_is(world, amount), f"it has {amount}")
    await world.api.delete(BUDGET, world.namespace, APP)
    await world.until(lambda: budget_is(world, None), "it goes with that of the app")


async def scales_from(world: World, fewest: int) -> bool:
    """Tell whether so many pods are the fewest that the primary's autoscaler leaves it."""
    copy = await world.read(AUTOSCALER, f"{APP}-primary")
    return copy is not None and copy["spec"]["minReplicas"] == fewest


async def budget_is(world: World, amount: str | None) -> bool:
    """Tell whether the primary's budget has an amount, or is not there."""
    budget = await world.read(BUDGET, f"{APP}-primary")
    found = budget["spec"]["minAvailable"] if budget else None
    return bool(found == amount)


@pytest.mark.acceptance("A03")
async def test_the_end_of_a_run_is_told_to_whom_an_alert_provider_names(
    world: World, receiver: Receiver
) -> None:
    # Given people who are told at an address that a Secret holds
    meta = {"namespace": world.namespace}
    await world.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "on-call", **meta},
            "stringData": {"address": f"{receiver.url}/alerts"},
        },
        SECRET,
    )
    await world.create(
        {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": "AlertProvider",
            "metadata": {"name": "on-call", **meta},
            "spec": {"type": "webhook", "secretRef": {"name": "on-call"}},
        },
        ALERT_PROVIDER,
    )
    alert = {"name": "on-call", "severity": "warn", "providerRef": {"name": "on-call"}}
    await given_a_canary(world, alerts=[alert])
    # When a release ends badly
    await world.release("2.0", READY_AFTER="never", CRASH="after:0.1s")
    await world.until_phase("Failed", seconds=120)

    # Then they are told so
    async def told() -> bool:
        return bool(receiver.sent("/alerts"))

    await world.until(told, "the alert arrives")
    assert APP in str(receiver.sent("/alerts")[-1])


async def test_a_service_gets_another_name_and_nobody_who_calls_the_former_one_is_lost(
    world: World,
) -> None:
    await given_a_canary(world)
    former = await world.routes()
    async with world.traffic() as load:
        await load.reaches(50)
        # When the Canary names its service otherwise
        renamed = {"spec": {"service": {"name": "shop"}}}
        await world.api.merge_patch(canary_kind(GROUP), world.namespace, APP, renamed)

        # Then there is a route of the new name, and what made up the former one goes
        async def moved() -> bool:
            left = [await world.read(each.kind, each.name) for each in former]
            left += [await world.read(SERVICE, f"{APP}-{side}") for side in ("primary", "canary")]
            return not any(left)

        await world.until(moved, "the former route and its services are gone", seconds=120)
        assert all([await world.read(each.kind, each.name) for each in await world.routes()])
        # And those who call the former name are answered as before
        await load.reaches(100)
        then_nothing_was_lost(load)


@pytest.mark.parametrize("world", ROUTERS, indirect=True)
async def test_a_deleted_canary_takes_with_it_the_routes_that_it_made(world: World) -> None:
    await given_a_canary(world)
    routes = await world.routes()
    # When the Canary is deleted
    await world.api.delete(canary_kind(GROUP), world.namespace, APP)

    # Then nothing splits the traffic any longer, and the app runs as before
    async def gone() -> bool:
        return not any([await world.read(each.kind, each.name) for each in routes])

    await world.until(gone, "the routes are gone", seconds=120)
    target = await world.read(DEPLOYMENT, APP)
    assert target is not None
    assert target["spec"]["replicas"] == 2
