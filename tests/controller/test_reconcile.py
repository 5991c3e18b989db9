"""One reconcile after the other: nobody waits for another's third party, and any end is a pause."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from canary.api.annotations import SEND_TO
from canary.api.kinds import DEPLOYMENT, SECRET, SERVICE, Kind
from tests.controller.faults import Proxy, answer, lose_answer, proxied, reset
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until
from tests.controller.test_controller import METRIC, sample
from tests.receiver import Answer, receiving


def hook(type_: str, url: str, **fields: Any) -> dict[str, Any]:
    return {"name": type_, "type": type_, "url": url, "timeout": "1m", **fields}


async def test_a_hook_that_hangs_delays_no_other_canary(world: World):
    names = [f"app-{number}" for number in range(4)]
    async with receiving() as hooks, world.running_controller(workers=1):
        hooks.answers(Answer(hangs=True))
        for name in (*names, "slow"):
            await world.create_app(name)
        for name in names:
            await world.create_canary(name)
        await world.create_canary("slow", analysis={"webhooks": [hook("pre-rollout", hooks.url)]})
        for name in (*names, "slow"):
            await world.until_phase("Initialized", name=name)
        await world.release("slow")
        await hooks.received(1)
        for name in names:
            await world.release(name)
        for name in names:
            await world.until_phase("Succeeded", name=name)
        assert (await world.status("slow"))["phase"] == "Progressing"
        hooks.release()
        hooks.answers(Answer())
        await world.until_phase("Succeeded", name="slow")


async def test_a_deployment_that_cannot_be_followed_is_read_before_anything_is_decided(
    world: World,
):
    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        await world.create_canary()
        await world.until_phase("Initialized")
        proxy.meet(r"GET /apis/apps/v1/deployments\?", answer(500), always=True)
        proxy.cut()
        failed = len(proxy.asked(r"GET /apis/apps/v1/deployments\?"))
        await until(lambda: len(proxy.asked(r"GET /apis/apps/v1/deployments\?")) > failed)
        await world.release()
        looks = 0

        async def succeeded() -> bool:
            nonlocal looks
            looks += 1
            # Who changes something else that matters to the Canary has it looked at.
            annotations = {"metadata": {"annotations": {"somebody": str(looks)}}}
            await world.patch(SERVICE, "podinfo-canary", annotations)
            return (await world.status()).get("phase") == "Succeeded"

        await until(succeeded, "promoted unseen")


@pytest.mark.parametrize("type_", ["pre-rollout", "rollout", "event"])
async def test_a_secret_that_the_server_did_not_give_just_now_is_no_answer_of_a_hook(
    world: World, type_: str
):
    await world.create_app()
    async with (
        receiving() as hooks,
        proxied(world.server.url) as proxy,
        world.running_controller(url=proxy.url),
    ):
        metadata = {"name": "token", "namespace": DEMO, "annotations": {SEND_TO: hooks.url}}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        await world.api.create(secret | {"stringData": {"token": "for-hooks"}}, SECRET)
        proxy.meet("GET .*/secrets/token", answer(500))
        asks = hook(type_, hooks.url, secretRef={"name": "token"})
        await world.create_canary(analysis={"webhooks": [asks]})
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Succeeded", "Failed")
        assert (await world.status())["phase"] == "Succeeded"
        await until(lambda: len(proxy.asked("GET .*/secrets/token")) > 1, "asked again")

        async def all_told() -> bool:
            return not (await world.status()).get("notices")

        await until(all_told)
        headers = [request.headers for request in hooks.requests]
        assert {each["Authorization"] for each in headers} == {"Bearer for-hooks"}
        keys = {each["Idempotency-Key"].split("/")[1] for each in headers}
        events = {each["metadata"]["name"].partition(".")[2] for each in await world.events()}
        assert type_ != "event" or events < keys


async def test_a_question_is_asked_once_while_its_answer_is_awaited(world: World):
    await world.create_app()
    async with receiving() as hooks, world.running_controller():
        hooks.answers(Answer(hangs=True))
        await world.create_canary(analysis={"webhooks": [hook("pre-rollout", hooks.url)]})
        await world.until_phase("Initialized")
        await world.release()
        await hooks.received(1)
        for number in range(5):
            # Each change wakes the Canary, which then has the same question.
            annotations = {"somebody": str(number)}
            await world.patch(
                VIRTUAL_SERVICE, "podinfo", {"metadata": {"annotations": annotations}}
            )
        # The repair of a route shows that it was looked at after all of them.
        mark = world.mark
        await world.patch(VIRTUAL_SERVICE, "podinfo", {"spec": {"hosts": ["elsewhere"]}})
        await until(lambda: [e for e in world.requests(mark) if e.resource == "virtualservices"])
        assert len(hooks.requests) == 1
        hooks.release()


async def test_a_crash_is_seen_while_a_hook_is_awaited(world: World):
    await world.create_app()
    async with receiving() as hooks, world.running_controller():
        hooks.answers(Answer(hangs=True))
        await world.create_canary(analysis={"webhooks": [hook("pre-rollout", hooks.url)]})
        await world.until_phase("Initialized")
        await world.release()
        await hooks.received(1)
        await world.release(tag="crash-loop")
        status = await world.until_phase("Failed")
        assert status["history"][0]["reason"] == "CrashLoopBackOff"
        hooks.release()


async def test_a_repeated_question_after_a_restart_has_the_same_key(world: World):
    await world.create_app()
    async with receiving() as hooks:
        hooks.answers(Answer(hangs=True))
        async with world.running_controller():
            await world.create_canary(analysis={"webhooks": [hook("pre-rollout", hooks.url)]})
            await world.until_phase("Initialized")
            await world.release()
            await hooks.received(1)
        hooks.answers(Answer())
        async with world.running_controller():
            await world.until_phase("Succeeded")
        first, second = (each.headers["Idempotency-Key"] for each in hooks.requests[:2])
        assert first == second


async def test_the_first_gate_is_told_which_revision_asks_to_begin_also_after_a_restart(
    world: World,
):
    await world.create_app()
    async with receiving() as hooks:
        hooks.answers(Answer(hangs=True))
        async with world.running_controller():
            await world.create_canary(analysis={"webhooks": [hook("confirm-rollout", hooks.url)]})
            old = (await world.until_phase("Initialized"))["lastAppliedSpec"]
            await world.release()
            await hooks.received(1)
        hooks.answers(Answer())
        async with world.running_controller():
            status = await world.until_phase("Succeeded")
    first, second = hooks.requests[:2]
    told = first.document
    assert told["revision"] == status["lastPromotedSpec"] != old
    assert told["images"] == "podinfo:1 → podinfo:2"
    assert (second.document, second.headers["Idempotency-Key"]) == (
        told,
        first.headers["Idempotency-Key"],
    )


async def test_a_status_that_was_changed_meanwhile_is_not_overwritten(world: World):
    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        proxy.meet("PATCH .*/status", answer(409, {"message": "changed"}))
        await world.create_canary()
        await world.until_phase("Initialized")


@pytest.mark.parametrize("kind", [VIRTUAL_SERVICE, CANARY], ids=lambda kind: kind.plural)
async def test_a_change_that_no_watch_tells_of_holds_a_run_up_no_longer_than_a_conflict(
    world: World, kind: Kind
):
    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        await world.create_canary()
        await world.until_phase("Initialized")
        proxy.meet(rf"GET .*/{kind.plural}\?", answer(500), always=True)
        proxy.cut()
        await world.patch(kind, "podinfo", {"metadata": {"labels": {"changed": "unseen"}}})
        await world.release()
        await world.until_phase("Succeeded")
        changed = await world.read(kind, "podinfo")
        assert changed is not None
        assert changed["metadata"]["labels"]["changed"] == "unseen"


LOST = {
    "the status": "PATCH .*/canaries/podinfo/status",
    "the primary": r"(POST .*/deployments|PUT .*/deployments/podinfo-primary)\?",
    "the route": r"(POST .*/virtualservices|PUT .*/virtualservices/podinfo)\?",
    "a service": r"(POST .*/services|PUT .*/services/podinfo)\?",
    "the target's replicas": "PATCH .*/deployments/podinfo(\\?|$)",
}


@pytest.mark.parametrize("what", LOST)
async def test_an_answer_that_is_lost_after_a_write_changes_nothing_in_the_end(
    world: World, what: str
):
    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        proxy.meet(LOST[what], lose_answer)
        await world.create_canary()
        await world.until_phase("Initialized")
        proxy.meet(LOST[what], lose_answer)
        await world.release()
        await _promoted(world)


@pytest.mark.story
async def test_an_end_at_any_write_is_resumed(tmp_path: Path):
    """Let no write through from some moment on, as the death of a process does, and start anew."""
    # Each in a cluster of its own. They mostly wait for their intervals, so some run at a time:
    # not all, which would share one process and take longer each than anybody waits.
    some = asyncio.Semaphore(5)

    async def dies_at_write(number: int) -> None:
        directory = tmp_path / str(number)
        directory.mkdir()
        async with some:
            await _dies_at_write(number, directory)

    await asyncio.gather(*map(dies_at_write, range(1, 16)))


async def _dies_at_write(number: int, directory: Path) -> None:
    alone = {"leader_election": False}
    async with World(directory) as world, proxied(world.server.url) as proxy:
        await world.create_app()
        async with world.running_controller(url=proxy.url, **alone):
            await world.create_canary()
            await world.until_phase("Initialized")
            proxy.meet("(PATCH|PUT|POST|DELETE) .*", _die_after(number), always=True)
            await world.release()
            await until(lambda: proxy.down, "the death")
        async with world.running_controller(**alone):
            await _promoted(world)


def _die_after(number: int) -> Any:
    left = number

    async def fault(proxy: Proxy, request: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            proxy.down = True
            proxy.cut()
            return await reset(proxy, request)
        return await proxy.forward(request)

    return fault


async def _promoted(world: World) -> None:
    status = await world.until_phase("Succeeded")
    assert [each["outcome"] for each in status["history"]] == ["Promoted"]
    primary = await world.read(DEPLOYMENT, "podinfo-primary")
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")
    assert await world.weight() == 0

    async def parked() -> bool:
        target = await world.read(DEPLOYMENT, "podinfo")
        return target["spec"]["replicas"] == 0

    await until(parked, "the target is parked")
    assert await world.read(CANARY, "podinfo") is not None
    assert primary["metadata"]["namespace"] == DEMO


async def test_the_log_at_debug_says_what_was_asked_answered_and_decided(
    world: World, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG", "canary.controller")
    await world.create_app()
    async with receiving() as third, world.running_controller(metrics_server=third.url):
        third.answers(sample(0))
        hooks = [hook("pre-rollout", third.url)]
        await world.create_canary(analysis={"metrics": [METRIC], "webhooks": hooks})
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Succeeded")
    said = [each.getMessage() for each in caplog.records if vars(each).get("canary")]
    assert any("asked: HookAnswer(passed=True, hook='pre-rollout'" in each for each in said)
    assert any(each.startswith("judged: ") and METRIC["query"] in each for each in said)
    assert any("decided: weight 50 %" in each and "RouteTraffic" in each for each in said)
