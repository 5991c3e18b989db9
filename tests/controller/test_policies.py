"""DeliveryPolicies: whom they bind, who is woken by them, and what is done where they can't be read."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, reset_tzpath

import pytest

from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION
from canary.api.schema import crds
from canary.cluster.cache import CacheSet
from canary.controller.granting import Granter
from canary.controller.policies import (
    DELIVERY_POLICY,
    Policies,
    PolicyKey,
    policy_problems,
    policy_record,
)
from canary.controller.reading import CanaryReader
from canary.controller.tracker import Tracker
from canary.controller.writer import Writer
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from canary.resources.revision import HASHING
from canary.settings import Settings
from tests.controller.faults import answer, proxied
from tests.controller.running import CANARY, DEMO, World, until
from tests.controller.test_relations import BY_HAND, approve, created, until_waiting

LABELLED = {"selector": {"matchLabels": {"a": "b"}}}
SUMMER = datetime(2026, 7, 1)  # noqa: DTZ001 - as a clock on the wall shows it
HOME = "default"
"""The controller's own namespace: that of its Lease."""
INCIDENT = {"reason": "INC-4711", "by": "alice"}


def a_policy(namespace: str = HOME, name: str = "stop", **spec: Any) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": "DeliveryPolicy",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    }


async def set_stop(world: World, stop: Any, **place: str) -> None:
    policy = a_policy(**place, stop=stop)
    where = policy["metadata"]["namespace"], policy["metadata"]["name"]
    await world.api.merge_patch(DELIVERY_POLICY, *where, {"spec": {"stop": stop}})


async def until_said(world: World, name: str, **fields: Any) -> Manifest:
    """Wait until the status of a policy says something of whether runs may start; give it."""
    status: Manifest = {}

    async def said() -> bool:
        nonlocal status
        policy = await world.api.read(DELIVERY_POLICY, HOME, name)
        status = policy.get("status") or {}
        return all(status.get(each) == value for each, value in fields.items())

    await until(said, f"{name} says {fields}")
    return status


async def test_one_write_stops_a_run_under_way_keeps_others_from_starting_and_ends_with_another(
    world: World,
):
    async with world.running_controller():
        await created(world, "shop", analysis=BY_HAND)
        await created(world, "cart")
        await world.release("shop")
        await world.until_phase("WaitingPromotion", name="shop")
        await world.api.create(a_policy(stop=INCIDENT), DELIVERY_POLICY)
        said = f"stopped by alice with DeliveryPolicy {HOME}/stop: INC-4711"
        await approve(world, "shop")
        await until_waiting(world, "shop", "Stopped", said=said)
        await world.release("cart")
        await until_waiting(world, "cart", "Stopped", said=said)
        cart = await world.status("cart")
        assert (cart["phase"], cart["canaryWeight"]) == ("Waiting", 0)
        await until(lambda: world.events("Stopped"), "the stop is told")
        await set_stop(world, None)
        await approve(world, "shop")
        await world.until_phase("Succeeded", name="cart")
        await world.until_phase("Succeeded", name="shop")


async def test_a_stop_that_rolls_back_ends_a_run_and_a_new_canary_waits_for_its_initialisation(
    world: World,
):
    async with world.running_controller():
        await created(world, "shop", analysis=BY_HAND)
        await world.release("shop")
        await world.until_phase("WaitingPromotion", name="shop")
        rolls_back = {**INCIDENT, "mode": "RollBack"}
        await world.api.create(a_policy(stop=rolls_back), DELIVERY_POLICY)
        shop = await world.until_phase("Failed", name="shop")
        assert (shop["canaryWeight"], shop["history"][0]["reason"]) == (0, "Stopped")
        await world.create_app("cart")
        await world.create_canary("cart")
        await until_waiting(world, "cart", "Stopped", said="INC-4711")
        assert (await world.status("cart"))["phase"] == "Initializing"
        await world.api.delete(DELIVERY_POLICY, HOME, "stop")
        await world.until_phase("Initialized", name="cart")


async def test_a_canary_at_rest_costs_no_request_while_policies_change(world: World):
    async with world.running_controller():
        await created(world, "shop")
        await created(world, "cart", analysis=BY_HAND)
        await world.release("cart")
        await world.until_phase("WaitingPromotion", name="cart")
        await until(lambda: world.events("Initialized"), "it is told")
        mark = world.mark
        await world.api.create(a_policy(), DELIVERY_POLICY)
        await world.api.create(a_policy(name="quiet", maxConcurrent=9), DELIVERY_POLICY)
        for reason in ("one", "two", "three"):
            await set_stop(world, {"reason": reason})
        # The other one has seen all of it by then.
        await until_waiting(world, "cart", "Stopped", said="three")
        await until_said(world, "stop", open=False, reason="stopped: three")
        assert not [
            each for each in world.requests(mark) if each.name.startswith(("shop", "quiet"))
        ]


async def test_a_policy_of_another_namespace_than_the_controllers_binds_its_own(world: World):
    await world.api.create(manifests.namespace("elsewhere"), NAMESPACE)
    other = a_policy("elsewhere", stop={"reason": "other"})
    await world.api.create(other, DELIVERY_POLICY)
    async with world.running_controller():
        await created(world, "shop", metadata={"labels": {"tier": "one"}})
        labels = {"matchLabels": {"tier": "one"}}
        policy = a_policy(DEMO, stop=INCIDENT, selector=labels)
        await world.api.create(policy, DELIVERY_POLICY)
        await world.release("shop")
        await until_waiting(world, "shop", "Stopped", said=f"with DeliveryPolicy {DEMO}/stop")
        await world.patch(CANARY, "shop", {"metadata": {"labels": {"tier": "two"}}})
        await world.until_phase("Succeeded", name="shop")


@pytest.mark.parametrize(
    ("policy", "binds"),
    [
        (a_policy(stop=INCIDENT), True),
        (a_policy(stop=INCIDENT, namespaces=["de*", "shop"]), True),
        (a_policy(stop=INCIDENT, namespaces=["shop", "dem", "*d"]), False),
        (a_policy(DEMO, stop=INCIDENT, namespaces=["shop"]), True),
        (a_policy("elsewhere", stop=INCIDENT, namespaces=["*"]), False),
    ],
)
def test_a_policy_reaches_the_namespaces_that_it_names_from_the_controllers_own_alone(
    policy, binds
):
    caches = CacheSet.__new__(CacheSet)
    policies = Policies(caches, home=HOME, namespaces=())
    assert policies.reaches(policy_record(policy), DEMO) is binds


@pytest.mark.parametrize(
    ("spec", "reach"),
    [
        ({"stop": {}}, {}),
        ("no object", {}),
        ({"namespaces": ["shop"], "stop": 1}, {"namespaces": ["shop"]}),
        ({"namespaces": ["Shop!"], "selector": {"matchLabels": {"a": "b"}}}, LABELLED),
        ({"namespaces": ["shop"], "selector": 1}, {"namespaces": ["shop"]}),
        ({"namespaces": ["shop"], "later": True}, {"namespaces": ["shop"]}),
    ],
)
def test_a_policy_that_cannot_be_acted_on_binds_whom_it_names_as_far_as_that_can_be_read(
    spec, reach
):
    record = policy_record(a_policy() | {"spec": spec})
    assert record.spec == DeliveryPolicySpec.model_validate(reach)
    binding = record.binding
    assert binding.unreadable.startswith(
        f"waiting for DeliveryPolicy {HOME}/stop to be corrected or deleted"
    )
    assert binding.spec.stop is None


async def test_a_policy_that_cannot_be_acted_on_holds_whom_it_binds_and_no_others(world: World):
    # Its CRD came with a later release, which knows more.
    crd = crds()["DeliveryPolicy"]
    version = crd["spec"]["versions"][0]
    version["schema"] = {
        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    }
    await world.api.merge_patch(CRD, "", crd["metadata"]["name"], {"spec": crd["spec"]})
    async with world.running_controller():
        await created(world, "shop", metadata={"labels": {"a": "b"}})
        await created(world, "cart")
        policy = a_policy(later=True, **LABELLED)
        await world.api.create(policy, DELIVERY_POLICY)
        await world.release("shop")
        await world.release("cart")
        await until_waiting(world, "shop", "PolicyUnreadable", said="spec.later: true: no such")
        await world.until_phase("Succeeded", name="cart")
        await world.api.merge_patch(DELIVERY_POLICY, HOME, "stop", {"spec": {"later": None}})
        await world.until_phase("Succeeded", name="shop")


async def test_policies_that_may_not_be_read_hold_what_begins_and_nothing_else(world: World):
    refused = answer(403, {"message": "deliverypolicies is forbidden"})
    async with proxied(world.server.url) as proxy:
        proxy.meet(r"GET /apis/tidegate\.dev/v1beta1/deliverypolicies", refused, always=True)
        async with world.running_controller(url=proxy.url):
            await world.create_app("shop")
            await world.create_canary("shop")
            said = "waiting for DeliveryPolicies to be readable"
            await until_waiting(world, "shop", "PolicyUnreadable", said=said)
            proxy.relent()
            await world.until_phase("Initialized", name="shop")


async def test_a_cluster_without_the_kind_has_no_policies(world: World):
    await world.api.delete(CRD, "", "deliverypolicies.tidegate.dev")
    async with world.running_controller():
        await created(world, "shop")
        await world.release("shop")
        await world.until_phase("Succeeded", name="shop")


def closed_now() -> dict[str, Any]:
    """Build a window that is closed, and for two days more."""
    until = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT00:00}"
    window = {"name": "freeze", "kind": "Deny", "since": "2026-01-01T00:00", "until": until}
    return {"timeZone": "Pacific/Auckland", "windows": [window]}


async def test_a_window_freezes_what_begins_until_it_is_taken_away(world: World):
    async with world.running_controller():
        await created(world, "shop")
        await world.api.create(a_policy(name="office", **closed_now()), DELIVERY_POLICY)
        await world.release("shop")
        said = f"frozen in window freeze of DeliveryPolicy {HOME}/office"
        await until_waiting(world, "shop", "Frozen", said=said)
        until_then = (await world.status("shop"))["waitingFor"]["until"]
        frozen = {"reason": "frozen in window freeze", "nextChange": until_then}
        await until_said(world, "office", open=False, **frozen)
        change = {"spec": {"windows": None}}
        await world.api.merge_patch(DELIVERY_POLICY, HOME, "office", change)
        await world.until_phase("Succeeded", name="shop")
        await until_said(world, "office", open=True, reason="", nextChange=None)
        written = [each for each in world.requests() if each.resource == "deliverypolicies"]
        assert [each.verb for each in written if each.verb not in {"list", "watch"}] == [
            "patch",
            "patch",
        ]


async def test_a_status_is_written_when_a_window_changes_and_looked_at_then_and_not_before(
    world: World,
):
    now = datetime(2026, 1, 8, 7, tzinfo=UTC)
    office = {"name": "office", "kind": "Allow", "from": "08:00", "to": "16:00"}
    policy = a_policy(name="office", timeZone="Etc/UTC", windows=[office])
    await world.api.create(policy, DELIVERY_POLICY)
    key, settings = PolicyKey(HOME, "office"), Settings()
    tracker = Tracker(
        world.api,
        reader=CanaryReader.under(settings),
        groups=settings.api_groups,
        namespaces=(),
        configs=frozenset(),
        hashing=HASHING,
        selector_labels=settings.selector_labels,
        wake=lambda _: None,
        home=HOME,
    )
    acts, alarms = False, dict[PolicyKey, float | None]()
    granter = Granter(
        tracker=tracker,
        writer=Writer(cluster=world.api, caches=tracker.caches),
        acts=lambda: acts,
        clock=lambda: now,
        wake_in=alarms.__setitem__,
    )

    async def writes() -> int:
        mark = world.mark
        await granter.reconcile(key)
        return sum(each.verb not in {"list", "watch"} for each in world.server.audit[mark:])

    tracker.start()
    try:
        await until(lambda: tracker.policies.telling() == [key] and tracker.knows_canaries())
        assert (await writes(), alarms) == (0, {key: None}), "another replica writes it"
        acts = True
        assert (await writes(), alarms) == (1, {key: 3600.0})
        await until_said(world, "office", open=False, nextChange="2026-01-08T08:00:00.000000Z")
        now += timedelta(minutes=59)
        assert (await writes(), alarms) == (0, {key: 60.0})
        now += timedelta(minutes=1)
        assert (await writes(), alarms) == (1, {key: 8 * 3600.0})
        await until_said(world, "office", open=True, nextChange="2026-01-08T16:00:00.000000Z")
        await world.api.delete(DELIVERY_POLICY, HOME, "office")
        await until(lambda: tracker.policies.find(key) is None, "it is gone")
        assert (await writes(), alarms) == (0, {key: None})
    finally:
        await tracker.caches.close()


def test_a_time_zone_that_is_not_known_is_a_problem_of_the_policy():
    for name in ("Europe/Bonn", "Europe"):
        policy = a_policy(timeZone=name, windows=closed_now()["windows"])
        (problem,) = policy_problems(policy)
        assert (problem.field, problem.value) == ("spec.timeZone", name)
        assert "time zone that exists" in policy_record(policy).binding.unreadable
    good = policy_record(a_policy(**closed_now()))
    assert str(good.binding.zone) == "Pacific/Auckland"


def test_time_zones_are_known_where_the_system_has_none():
    reset_tzpath(to=())
    try:
        assert ZoneInfo.no_cache("Europe/Berlin").utcoffset(SUMMER) == timedelta(hours=2)
    finally:
        reset_tzpath()
