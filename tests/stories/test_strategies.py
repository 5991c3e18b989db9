"""Stories of A/B testing, blue/green and mirroring: who is answered by which version, and when."""

import pytest

from canary.api.kinds import DEPLOYMENT, SERVICE, Kind
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP
from canary.demo.world import World
from canary.errors import NotFound
from tests.browser import VERSION, Browser
from tests.stories.conftest import Receiver
from tests.stories.telling import (
    BY_HAND,
    SUCCESS_RATE,
    then_at_rest,
    until_told,
    until_waiting,
    when_the_canary_is_deleted,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

ENDPOINT_SLICE = Kind(
    group="discovery.k8s.io", versions=("v1",), kind="EndpointSlice", plural="endpointslices"
)
INSIDER = {"x-insider": "yes"}
ATTRIBUTES = "Domain=cluster.local; Path=/; HttpOnly"
"""What a cookie is given and taken with, or browsers keep it."""
APPROVAL = {"type": "confirm-promotion", "name": "by-hand"}
AB_TESTING = {
    "interval": "1s",
    "iterations": 2,
    "match": [
        {"headers": {"x-insider": {"exact": "yes"}}},
        {"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}},
    ],
    "metrics": [SUCCESS_RATE],
    "webhooks": [APPROVAL],
}


@pytest.mark.acceptance("B01")
@pytest.mark.parametrize("world", ["istio", "gatewayapi", "contour"], indirect=True)
async def test_ab_testing_gives_the_canary_the_requests_that_match_and_no_others(
    world: World,
) -> None:
    # Given a canary for insiders, known by a header or by a cookie
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(analysis=AB_TESTING)
    await world.until_phase("Initialized", seconds=120)
    async with (
        world.traffic() as everybody,
        world.traffic(**INSIDER) as insiders,
        world.traffic(cookie="canary=always; a=b") as holders,
    ):
        # When a version is released
        await world.release("2.0")
        await world.until_routed(100)
        loads = (everybody, insiders, holders)
        for load in loads:
            load.restart()
        # Then insiders are answered by it, and everybody else by the version before
        seen = [set((await load.reaches(60)).by_version) for load in loads]
        assert seen == [{"1.0"}, {"2.0"}, {"2.0"}]
        # And after as many passes as iterations it waits for a person, who promotes it
        status = await until_waiting(world, "PromotionGate")
        assert (status["iterations"], status["weights"]["matched"]) == (2, True)
        await world.annotate("approve")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        for load in loads:
            load.restart()
            assert set((await load.reaches(30)).by_version) == {"2.0"}
            assert load.stats().failed == 0, load.stats().failures
    await until_told(world, "IterationPassed", "Promoted")


@pytest.mark.parametrize("world", ["istio", "gatewayapi", "contour"], indirect=True)
async def test_a_bad_release_under_ab_testing_leaves_the_insiders_again(world: World) -> None:
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(analysis=AB_TESTING | {"iterations": 100})
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as everybody, world.traffic(**INSIDER) as insiders:
        # When a version is released that fails every request
        await world.release("2.0", ERROR_RATE="1")
        # Then it is rolled back, insiders are back at the old one, and nobody else has seen it
        await world.until_phase("Failed", seconds=120)
        await then_at_rest(world, "1.0")
        insiders.restart()
        assert set((await insiders.reaches(30)).by_version) == {"1.0"}
        assert everybody.stats().failed == 0, everybody.stats().failures


@pytest.mark.acceptance("B04")
@pytest.mark.parametrize("world", ["istio", "gatewayapi"], indirect=True)
async def test_b04_a_client_stays_on_its_version_while_weights_rise_until_the_run_ends(
    world: World,
) -> None:
    # Given a canary with session affinity, whose every step is approved by hand
    affinity = {"cookieName": "release", "domain": "cluster.local", "path": "/", "maxAge": 3600}
    affinity |= {"httpOnly": True, "primaryCookieName": "stay"}
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(
        analysis={
            "interval": "1s",
            "stepWeights": [50, 80],
            "sessionAffinity": affinity,
            "metrics": [SUCCESS_RATE],
            "webhooks": [BY_HAND],
        }
    )
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as load:
        # When a version has half of the traffic
        await step_to(world, "2.0", 50)
        clients = await clients_of(world, "1.0", "2.0")
        (told,) = clients["2.0"].told
        assert told.endswith(f"; Max-Age=3600; {ATTRIBUTES}")
        # Then who has met a version stays with it, also as the newer one gets more
        for version in ("1.0", "2.0"):
            assert await clients[version].stays(VERSION) == {version}
        await world.annotate("approve", "more")
        await world.until_routed(80)
        await until_waiting(world, "TrafficGate")
        for version in ("1.0", "2.0"):
            assert await clients[version].stays(VERSION) == {version}
        # And once it is promoted the primary answers everyone, and takes the cookie back
        first = clients["2.0"].cookies["release"]
        await world.annotate("approve", "promote it")
        await world.until_phase("Succeeded", seconds=120)
        await then_the_cookie_is_taken(world, clients["2.0"], "2.0")
        # When the next version is aborted
        await step_to(world, "3.0", 50)
        clients = await clients_of(world, "2.0", "3.0")
        assert clients["3.0"].cookies["release"] != first
        await world.annotate("abort")
        await world.until_phase("Failed", seconds=120)
        # Then who has met it is back on the primary, without a cookie
        await then_the_cookie_is_taken(world, clients["3.0"], "2.0")
        assert load.stats().failed == 0, load.stats().failures


async def step_to(world: World, tag: str, weight: int) -> None:
    """Release a version, and approve its first step."""
    await world.release(tag)
    await until_waiting(world, "TrafficGate")
    await world.annotate("approve", f"start {tag}")
    await world.until_routed(weight)
    await until_waiting(world, "TrafficGate")


async def clients_of(world: World, *versions: str) -> dict[str | None, Browser]:
    """Have clients come until each version has answered one of them."""
    host = f"{APP}.{world.namespace}.svc.cluster.local"
    found: dict[str | None, Browser] = {}

    async def each_has_one() -> bool:
        client = Browser(world.mesh.url, host=host)
        found.setdefault(await client.ask(VERSION), client)
        return set(versions) <= found.keys()

    await world.until(each_has_one, f"clients of {' and '.join(versions)}")
    return found


async def then_the_cookie_is_taken(world: World, client: Browser, tag: str) -> None:
    """A client is answered by a version, and has no cookie any longer."""
    await world.until_routed(0)
    assert await client.ask(VERSION) == tag
    assert client.told == [f"release=; Max-Age=0; {ATTRIBUTES}"]
    assert await client.stays(VERSION) == {tag}
    assert client.told == []


@pytest.mark.embedded
@pytest.mark.parametrize("world", ["istio", "gatewayapi"], indirect=True)
async def test_a_step_counts_only_once_the_canary_has_had_its_share_of_the_requests(
    world: World,
) -> None:
    # Given a canary whose traffic is verified, and no client
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(
        analysis={
            "interval": "1s",
            "stepWeights": [50],
            "verifyTraffic": {"tolerance": 40, "minRequests": 40, "interval": "3s"},
            "metrics": [],
        }
    )
    await world.until_phase("Initialized", seconds=120)
    # When a version is released
    await world.release("2.0")
    # Then its weight is held, whatever the metrics say
    status = await until_waiting(world, "TrafficUnverified")
    assert (status["canaryWeight"], status["metrics"][0]["name"]) == (50, "request-share")
    await world.until(lambda: tells_the_share_asked_for(world), "the requests are counted")
    # And once clients come, of whom half meet it, it is promoted
    async with world.traffic() as load:
        await world.until_phase("Succeeded", seconds=120)
        assert load.stats().failed == 0, load.stats().failures
    status = dict(await world.status())
    (share,) = status["metrics"]
    assert (share["verdict"], 10 <= share["value"] <= 90) == ("pass", True)
    await until_told(world, "TrafficUnverified", "Promoted")


@pytest.mark.parametrize("world", ["gatewayapi"], indirect=True)
async def test_steps_give_a_version_to_insiders_until_a_person_approves_and_then_to_everyone(
    world: World,
) -> None:
    # Given a canary whose first step is for insiders and ends with an approval
    insiders_first = {
        "name": "insiders",
        "weight": 100,
        "match": [{"headers": {"x-insider": {"exact": "yes"}}}],
        "approval": True,
    }
    everyone = {"name": "everyone", "weight": 50, "approval": True}
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(
        analysis={
            "interval": "1s",
            "steps": [insiders_first, everyone],
            "metrics": [SUCCESS_RATE],
        }
    )
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as everybody, world.traffic(**INSIDER) as insiders:
        # When a version is released
        await world.release("2.0")
        await world.until_routed(100)
        await until_waiting(world, "TrafficGate")
        # Then insiders are answered by it, and nobody else
        for load in (everybody, insiders):
            load.restart()
        seen = [set((await load.reaches(60)).by_version) for load in (everybody, insiders)]
        assert seen == [{"1.0"}, {"2.0"}]
        # And when a person approves, half of everyone's requests are
        await world.annotate("approve")
        await world.until_routed(50)
        await until_waiting(world, "TrafficGate")
        for load in (everybody, insiders):
            load.restart()
            assert set((await load.reaches(60)).by_version) == {"1.0", "2.0"}
        # And when a person approves again, it is promoted
        await world.annotate("approve", "once more")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        assert [load.stats().failed for load in (everybody, insiders)] == [0, 0]
    await until_told(world, "GateBlocked", "WeightAdvanced", "Promoted")


@pytest.mark.acceptance("B02", "B03")
@pytest.mark.parametrize(
    "world", ["istio", "gatewayapi", "contour", "smi", "kubernetes"], indirect=True
)
async def test_blue_green_answers_with_a_version_only_after_it_has_passed_and_is_approved(
    world: World, receiver: Receiver
) -> None:
    # Given a canary that is tested without traffic, with copies of requests where there are any
    mirrors = world.router in {"istio", "gatewayapi", "contour"}
    load_test = {"type": "rollout", "name": "load-test", "url": f"{receiver.url}/load"}
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(
        analysis={
            "interval": "1s",
            "iterations": 2,
            "mirror": mirrors,
            "metrics": [],
            "webhooks": [load_test, APPROVAL],
        }
    )
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as load:
        # When a version is released
        await world.release("2.0")
        status = await until_waiting(world, "PromotionGate")
        # Then its tests have run, and nobody was answered by it
        assert (status["canaryWeight"], status["iterations"]) == (0, 2)
        assert len(receiver.sent("/load")) >= 2
        assert set(load.stats().by_version) == {"1.0"}
        if mirrors:
            assert status["weights"]["mirror"] == 100
            await world.until(lambda: copied(world), "requests are mirrored")
        # And when a person approves it, all traffic goes to it
        await world.annotate("approve")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        load.restart()
        assert set((await load.reaches(30)).by_version) == {"2.0"}
        assert load.stats().failed == 0, load.stats().failures
    await until_told(world, "IterationPassed", "WeightAdvanced", "Promoted")


@pytest.mark.parametrize("world", ["kubernetes:replicas"], indirect=True)
async def test_without_a_router_pods_of_both_sides_share_the_clients_by_their_number(
    world: World,
) -> None:
    # Given three pods that carry the label of their Service
    await world.create_app("1.0")
    labels = {"tidegate.dev/service": APP}
    template = {"metadata": {"labels": labels}}
    await world.patch(DEPLOYMENT, APP, {"spec": {"replicas": 3, "template": template}})
    await world.start_controller()
    await world.create_canary(
        analysis={"interval": "1s", "stepWeights": [5], "metrics": [], "webhooks": [APPROVAL]}
    )
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as load:
        # When a version is released whose step asks for less than one pod of all
        await world.release("2.0")
        status = await until_waiting(world, "PromotionGate")
        # Then the status is honest about it, and one of four pods is the canary's
        assert status["shares"] == {"asked": 5, "possible": 25, "seen": 25}
        await world.until(lambda: serves(world, 4), "four pods serve")
        load.restart()
        answered = (await load.reaches(200)).by_version
        assert 0 < answered["2.0"] < answered["1.0"]
        # And when a person approves it, all are answered by it, and no request has failed
        await world.annotate("approve")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        await world.until(lambda: serves(world, 3), "three pods serve")
        load.restart()
        assert set((await load.reaches(30)).by_version) == {"2.0"}
        assert load.stats().failed == 0, load.stats().failures
    await until_told(world, "SpecWarnings", "WeightAdvanced", "Promoted")


@pytest.mark.parametrize("world", ["istio:subsets"], indirect=True)
async def test_over_subsets_of_its_one_service_an_app_is_released_and_no_request_is_lost(
    world: World,
) -> None:
    # Given an app whose clients call it before it is under a Canary, and whose pods have the label
    await world.create_app("1.0")
    template = {"metadata": {"labels": {"tidegate.dev/service": APP}}}
    await world.patch(DEPLOYMENT, APP, {"spec": {"template": template}})
    await world.expose_app()
    await world.until(world.answers, "the app answers")
    async with world.traffic() as load:
        await load.reaches(20)
        await world.start_controller()
        await world.create_canary(
            analysis={
                "interval": "1s",
                "stepWeights": [20],
                "metrics": [SUCCESS_RATE],
                "webhooks": [APPROVAL],
            }
        )
        await world.until_phase("Initialized", seconds=120)
        # When a version is released
        await world.release("2.0")
        await until_waiting(world, "PromotionGate")
        # Then it has its share, judged by metrics of its own, and no side has a Service
        load.restart()
        answered = (await load.reaches(200)).by_version
        assert 0 < answered["2.0"] < answered["1.0"]
        sides = (f"{APP}-primary", f"{APP}-canary")
        assert [await world.read(SERVICE, each) for each in sides] == [None, None]
        # And when a person approves it, all are answered by it
        await world.annotate("approve")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        load.restart()
        assert set((await load.reaches(30)).by_version) == {"2.0"}
        await until_told(world, "WeightAdvanced", "Promoted")
        # And when the Canary is deleted, the app is answered by its own pods, and was all the time
        await when_the_canary_is_deleted(world)
        await load.reaches(60)
        assert load.stats().failed == 0, load.stats().failures


@pytest.mark.parametrize("world", ["kubernetes"], indirect=True)
async def test_without_a_router_a_bad_release_meets_no_client_and_the_selector_is_given_back(
    world: World,
) -> None:
    # Given an app with a Service of its own, which clients call all the while
    await world.create_app("1.0")
    await world.expose_app()
    before = await world.read(SERVICE, APP)
    assert before is not None
    await world.until(world.answers, "the app answers")
    async with world.traffic() as load:
        await load.reaches(20)
        await world.start_controller()
        await world.create_canary(
            analysis={"interval": "1s", "iterations": 2, "metrics": [], "webhooks": [APPROVAL]}
        )
        await world.until_phase("Initialized", seconds=120)
        # When a version is released that crashes
        await world.release("2.0", READY_AFTER="never", CRASH="after:0.1s")
        # Then it is rolled back, and no client has met it
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["reason"] == "CrashLoopBackOff"
        await then_at_rest(world, "1.0")
        # When a good one is promoted, and the Canary is deleted
        await world.release("3.0")
        await until_waiting(world, "PromotionGate")
        assert set(load.stats().by_version) == {"1.0"}
        await world.annotate("approve")
        await world.until_phase("Succeeded", seconds=120)
        await world.api.delete(canary_kind(GROUP), world.namespace, APP)
        await world.until(lambda: gone(world), "the Canary and its primary are gone", seconds=120)
        # Then the Service is as it was found, and no request has failed
        after = await world.read(SERVICE, APP)
        assert after is not None
        assert after["spec"] == before["spec"]
        assert load.stats().failed == 0, load.stats().failures
        load.restart()
        assert set((await load.reaches(30)).by_version) == {"3.0"}
        assert load.stats().failed == 0, load.stats().failures


async def tells_the_share_asked_for(world: World) -> bool:
    """Whether the wait says which share is asked for: not before two counts have been read."""
    wait = (await world.status()).get("waitingFor") or {}
    return "50 % of the requests asked" in wait.get("message", "")


async def serves(world: World, number: int) -> bool:
    """Whether the apex Service leads to so many ready pods."""
    slices = [
        each
        async for page, _ in world.api.pages(ENDPOINT_SLICE, world.namespace)
        for each in page
        if each["metadata"]["labels"]["kubernetes.io/service-name"] == APP
    ]
    found = [endpoint for each in slices for endpoint in each["endpoints"] or ()]
    return sum(endpoint["conditions"]["ready"] for endpoint in found) == number


async def gone(world: World) -> bool:
    """Whether neither the Canary nor its primary is there."""
    try:
        await world.canary()
    except NotFound:
        return await world.read(DEPLOYMENT, f"{APP}-primary") is None
    return False


async def copied(world: World) -> bool:
    """Whether Envoy has sent requests to the canary."""
    counters = await world.mesh.counters()
    mine = f".{world.namespace}."
    return any(
        each.total for name, each in counters.items() if f"|{APP}-canary." in name and mine in name
    )
