"""What people are told: events, hooks and alerts, each by itself, at least once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from canary.api.kinds import SECRET, Manifest
from canary.api.meta import GROUP
from canary.api.status import CanaryStatus, Notice, Phase
from canary.cluster.cache import CacheSet
from canary.controller.alerts import AlertSender
from canary.controller.calls import Calls
from canary.controller.canaries import CanaryKey
from canary.controller.hearers import Hearers
from canary.controller.notify import FORGET_SECONDS, NoticeDispatcher
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.reading import CanaryReader
from canary.controller.references import References
from canary.controller.secrets import SecretReader
from canary.controller.templates import (
    TemplateReader,
    alert_provider_kind,
    alert_provider_record,
)
from canary.controller.threads import RunThreads
from canary.hooks.caller import HookCaller
from tests.controller.faults import Proxy, answer, hang, proxied
from tests.controller.running import CANARY, DEMO, World, until
from tests.receiver import Answer, Receiver, receiving

PROVIDER = alert_provider_kind(GROUP)


def provider(name: str, address: str, namespace: str = DEMO, **spec: Any) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "webhook", "address": address, **spec},
    }


def alert(name: str, severity: str, namespace: str | None = None) -> dict[str, Any]:
    reference = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"name": name, "severity": severity, "providerRef": reference}


def reasons(receiver: Receiver) -> list[str]:
    return [each.document["reason"] for each in receiver.requests]


async def run(world: World, tag: str = "2", **analysis: Any) -> None:
    await world.create_app()
    await world.create_canary(analysis=analysis)
    await world.until_phase("Initialized")
    await world.release(tag=tag)
    await world.until_phase("Succeeded", "Failed")


@asynccontextmanager
async def following_providers(world: World) -> AsyncIterator[CacheSet]:
    """Follow the AlertProviders of a world, and nothing else."""
    caches = CacheSet(world.api, on_change=lambda *_: None, on_synced=lambda _: None)
    caches.register(PROVIDER, alert_provider_record)
    caches.require(PROVIDER)
    await caches.wait_synced(PROVIDER)
    try:
        yield caches
    finally:
        await caches.close()


def dispatching(
    world: World, caches: CacheSet, woken: list[CanaryKey], **options: Any
) -> tuple[NoticeDispatcher, References]:
    """Make a dispatcher of notices with all that it needs, and tell whom it wakes."""
    secrets, templates = SecretReader(world.api, monotonic), TemplateReader(caches)
    alerts = AlertSender(secrets=secrets, templates=templates, default=None, cluster_name="")
    references = References(
        templates=templates,
        queries=QueryBuilder(
            templates=templates, secrets=secrets, stores=Stores(), default_router="istio"
        ),
        alerts=alerts,
        secrets=secrets,
    )
    notifier = NoticeDispatcher(
        cluster=world.api,
        hearers=Hearers(
            hooks=HookCaller(),
            secrets=secrets,
            calls=Calls(),
            event_webhook=None,
            cluster_name="",
        ),
        alerts=alerts,
        threads=RunThreads(alerts=alerts, acts=lambda: True),
        references=references,
        acts=lambda: True,
        wake=woken.append,
        observed=lambda _outcome, _seconds, _type: None,
        **options,
    )
    return notifier, references


class TestEvents:
    async def test_tell_a_run_with_a_reason_each_and_belong_to_the_canary(self, world: World):
        async with world.running_controller():
            await run(world)

            async def told() -> bool:
                return bool(await world.events("Promoted"))

            await until(told, "the end is told")
            events = await world.events()
            found = [event["reason"] for event in events]
            assert {"Initialized", "RunStarted", "WeightAdvanced", "Promoted"} <= set(found)
            assert len({event["metadata"]["name"] for event in events}) == len(events)
            assert {event["involvedObject"]["name"] for event in events} == {"podinfo"}
            assert {event["involvedObject"]["kind"] for event in events} == {"Canary"}

    async def test_are_recorded_once_where_a_process_ends_before_it_could_forget_them(
        self, world: World
    ):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary()
            await world.until_phase("Initialized")

            async def told() -> bool:
                return bool(await world.events("Initialized"))

            await until(told, "the event is there")
        (event,) = await world.events("Initialized")
        notice = {
            "id": event["metadata"]["name"].removeprefix("podinfo."),
            "reason": "Initialized",
            "message": event["message"],
            "at": event["firstTimestamp"],
        }
        await world.patch(
            CANARY, "podinfo", {"status": {"notices": [notice]}}, subresource="status"
        )
        async with world.running_controller():

            async def forgotten() -> bool:
                return not (await world.status()).get("notices")

            await until(forgotten, "the notice is forgotten")
        assert len(await world.events("Initialized")) == 1

    async def test_have_a_valid_name_for_the_longest_name_of_a_canary(self, world: World):
        name = ".".join(["a" * 60] * 4)[:253]
        async with world.running_controller():
            await world.create_canary(name, provider="sundial", targetRef=_target("podinfo"))

            async def told() -> bool:
                return bool(await world.events("Invalid"))

            await until(told, "the event is there")
            (event,) = await world.events("Invalid")
            assert event["involvedObject"]["name"] == name
            assert len(event["metadata"]["name"]) <= 253

    async def test_that_may_not_be_written_for_a_while_are_written_then(self, world: World):
        async with proxied(world.server.url) as proxy:
            proxy.meet("POST .*/events", Proxy.forward, answer(403))
            async with world.running_controller(url=proxy.url):
                await run(world)

                async def told() -> bool:
                    return not (await world.status()).get("notices")

                await until(told, "the notices are told")
            recorded = [event["reason"] for event in await world.events()]
            assert len(proxy.asked("POST .*/events")) == len(recorded) + 1
            assert "Promoted" in recorded

    async def test_of_a_namespace_that_is_going_hold_nothing_up(self, world: World):
        going = answer(403, {"message": "forbidden: namespace demo is being terminated"})
        async with proxied(world.server.url) as proxy:
            proxy.meet("POST .*/events", Proxy.forward)
            proxy.meet("POST .*/events", going, always=True)
            async with world.running_controller(url=proxy.url):
                await run(world)

                async def forgotten() -> bool:
                    return not (await world.status()).get("notices")

                await until(forgotten, "the notices are given up")
            assert len(await world.events()) == 1

    async def test_that_may_not_be_written_hold_nothing_up(self, world: World):
        async with proxied(world.server.url) as proxy:
            proxy.meet("POST .*/events", answer(403), always=True)
            async with world.running_controller(url=proxy.url):
                await run(world)

                async def forgotten() -> bool:
                    return not (await world.status()).get("notices")

                await until(forgotten, "the notices are given up")


class TestAlerts:
    async def test_go_to_the_receivers_of_their_severity(self, world: World):
        async with receiving() as all_, receiving() as errors, world.running_controller():
            await world.api.create(provider("all", all_.url), PROVIDER)
            whole = provider("errors", errors.url, settings={"version": 2})
            await world.api.create(whole, PROVIDER)
            alerts = [alert("all", "info"), alert("errors", "error")]
            await run(world, tag="crash-loop", alerts=alerts)
            await all_.received(2)
            await errors.received(1)
            assert "Initialized" in reasons(all_)
            assert len(errors.requests) == 1
            told = errors.requests[0].document
            assert told["severity"] == "error"
            assert (told["version"], told["view"]["phase"]) == (2, "Failed")
            assert (told["run"]["number"], told["run"]["outcome"]) == (1, "RolledBack")
            assert told["previous"] is None

    async def test_end_every_run_with_one_and_its_cause(self, world: World):
        async with receiving() as chat, world.running_controller(alert_webhook=chat.url):
            await run(world, tag="crash-loop")
            errors = await until(
                lambda: [each.document for each in chat.requests if _is_error(each)], "the end"
            )
            assert "CrashLoopBackOff" in errors[0]["message"]

            async def forgotten() -> bool:
                return not (await world.status()).get("notices")

            await until(forgotten, "all is told")
            assert sum(_is_error(each) for each in chat.requests) == 1

    async def test_at_a_gate_are_not_sent_again_by_the_controller_that_runs_next(
        self, world: World
    ):
        async def forgotten() -> bool:
            status = await world.status()
            return bool(status.get("waitingFor")) and not status.get("notices")

        gate = {"name": "by-hand", "type": "confirm-rollout"}
        await world.create_app()
        async with receiving() as chat:
            async with world.running_controller(alert_webhook=chat.url):
                await world.create_canary(analysis={"stepWeights": [50], "webhooks": [gate]})
                await world.until_phase("Initialized")
                await world.release()
                await until(lambda: "GateBlocked" in reasons(chat), "the gate is told")
                await until(forgotten, "it is recorded that all is told")
            told = reasons(chat)
            async with world.running_controller(alert_webhook=chat.url):
                answer = {"metadata": {"annotations": {"tidegate.dev/approve": "@test"}}}
                await world.patch(CANARY, "podinfo", answer)
                await world.until_phase("Succeeded")
                await until(lambda: "Promoted" in reasons(chat), "the end is told")
            assert reasons(chat) == [*told, "RunStarted", "Promoted"]

    async def test_go_to_the_default_receiver_only_where_a_canary_names_none(self, world: World):
        async with receiving() as named, receiving() as default:
            async with world.running_controller(alert_webhook=default.url):
                await world.api.create(provider("named", named.url), PROVIDER)
                await run(world, alerts=[alert("named", "info")])
                await named.received(2)
            assert default.requests == []

    async def test_find_providers_and_secrets_in_the_namespace_that_is_named(self, world: World):
        """The Secret is of files that an editor has written, with line breaks at their ends."""
        at = "https://tidegate.test/"
        async with receiving() as chat, world.running_controller(dashboard_url=at):
            await world.api.create(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": "chat", "namespace": "default"},
                    "stringData": {"address": f"{chat.url}/secret\n", "token": "t0ken-of-chat\n"},
                },
                SECRET,
            )
            reference = {"secretRef": {"name": "chat"}}
            manifest = provider("ours", "", namespace="default", **reference)
            del manifest["spec"]["address"]
            await world.api.create(manifest, PROVIDER)
            await run(world, alerts=[alert("ours", "info", "default")])
            await chat.received(2)
            assert {each.path for each in chat.requests} == {"/secret"}
            assert {each.document["dashboard"] for each in chat.requests} == {
                f"https://tidegate.test/c/{DEMO}/podinfo"
            }
            assert chat.requests[0].headers["Authorization"] == "Bearer t0ken-of-chat"

    async def test_are_sent_again_until_taken_and_delay_neither_run_nor_events(
        self, world: World, caplog: pytest.LogCaptureFixture
    ):
        async with (
            receiving() as chat,
            world.running_controller(alert_webhook=f"{chat.url}/s3cret"),
        ):
            chat.answers(Answer(status=503))
            await run(world)

            async def told() -> bool:
                return bool(await world.events("Promoted"))

            await until(told, "events go on while the receiver is down")
            chat.answers(Answer())
            await until(lambda: "Promoted" in reasons(chat), "the alerts are taken in the end")
            taken = reasons(chat)
            assert taken.index("Initialized") < taken.index("Promoted")

            async def forgotten() -> bool:
                return not (await world.status()).get("notices")

            await until(forgotten, "the notices are forgotten")
        assert "503" in caplog.text
        assert "s3cret" not in caplog.text

    async def test_to_a_provider_that_is_missing_are_given_up(self, world: World):
        async with world.running_controller():
            await run(world, alerts=[alert("nobody", "info")])

            async def forgotten() -> bool:
                return not (await world.status()).get("notices")

            await until(forgotten, "the notices are given up")

    async def test_to_a_provider_that_is_not_known_yet_wait_until_it_is(self, world: World):
        """A controller that starts on an invalid Canary has not listed the AlertProviders."""
        async with receiving() as chat, proxied(world.server.url) as proxy:
            await world.api.create(provider("chat", chat.url), PROVIDER)
            await world.create_app()
            match = [{"headers": {"x-canary": {"exact": "yes"}}}]
            await world.create_canary(
                provider="linkerd",
                service={"port": 80, "targetPort": 9898, "match": match},
                analysis={"alerts": [alert("chat", "info")]},
            )
            proxy.meet(r"GET .*/alertproviders", hang, always=True)
            async with world.running_controller(url=proxy.url):
                await until(lambda: world.events("Invalid"), "the Canary is refused")
                proxy.relent()
                proxy.release()
                await chat.received(1)

    async def test_that_no_attempt_can_deliver_are_told_on_the_canary_once_for_each_cause(
        self, world: World
    ):
        async with receiving() as chat, world.running_controller():
            chat.answers(Answer(status=404))
            await world.api.create(provider("gone", chat.url), PROVIDER)
            await run(world, alerts=[alert("gone", "info"), alert("nobody", "info")])

            async def told() -> bool:
                return not (await world.status()).get("notices")

            await until(told, "the notices are given up")
            messages = sorted(each["message"] for each in await world.events("AlertNotDelivered"))
        assert len(chat.requests) > 1
        assert len(messages) == 2
        assert messages[0].startswith("Alert gone was not delivered: ")
        assert "404" in messages[0]
        assert messages[1].startswith("Alert nobody was not delivered: ")

    async def test_that_are_given_up_after_their_time_are_told_on_the_canary_too(
        self, world: World
    ):
        """Here their time is over with the first attempt."""
        async with receiving() as chat, following_providers(world) as caches:
            chat.answers(Answer(status=503))
            await world.api.create(provider("chat", chat.url), PROVIDER)
            created = await world.create_canary(analysis={"alerts": [alert("chat", "info")]})
            record = CanaryReader("istio").read(created)
            await until(lambda: caches.get(PROVIDER, DEMO, "chat"), "the provider is known")
            woken: list[CanaryKey] = []
            notifier, references = dispatching(world, caches, woken, give_up_after=timedelta(0))
            told = Notice(id="1", reason="Promoted", message="m", alert=True, at=datetime.now(UTC))
            notifier.decided(replace(record, status=CanaryStatus(notices=(told,))))
            (event,) = await until(lambda: world.events("AlertNotDelivered"), "it is told")
            assert event["message"].startswith("Alert chat was not delivered: ")
            assert "503" in event["message"]
            assert woken == [record.key]
            (broken,) = await references.broken(record) or ()
            assert "the last alert was not delivered: " in broken.problem.remedy
            await notifier.close(timedelta(0))

    async def test_are_sent_by_who_takes_over(self, world: World):
        async with receiving() as chat:
            chat.answers(Answer(status=503))
            async with world.running_controller(alert_webhook=chat.url):
                await run(world)
            chat.answers(Answer())
            count = len(chat.requests)
            async with world.running_controller(alert_webhook=chat.url):
                await until(lambda: "Promoted" in reasons(chat)[count:], "the end is told")


@pytest.mark.parametrize(
    ("phase", "written_since", "wakes"),
    [
        (Phase.SUCCEEDED, False, True),
        (Phase.SUCCEEDED, True, False),
        (Phase.PROGRESSING, False, False),
    ],
    ids=["at rest", "at rest, and forgotten by another write", "in a run"],
)
async def test_a_canary_is_woken_to_forget_notices_only_where_that_is_worth_a_write(
    world: World, phase: Phase, written_since: bool, wakes: bool
):
    async with following_providers(world) as caches:
        record = CanaryReader("istio").read(await world.create_canary())
        woken: list[CanaryKey] = []
        notifier, _ = dispatching(world, caches, woken)
        notice = Notice(id="1", reason="Told", message="m", at=datetime.now(UTC))
        notifier.decided(replace(record, status=CanaryStatus(phase=phase, notices=(notice,))))
        await until(lambda: notifier.delivered(record.key), "it is told")
        if written_since:
            notifier.decided(replace(record, status=CanaryStatus(phase=phase)))
        # What the dispatcher has planned by now comes before this ends: it was planned first.
        await asyncio.sleep(FORGET_SECONDS)
        assert woken == [record.key] * wakes
        await notifier.close(timedelta(0))


class TestHooks:
    async def test_of_the_type_event_are_called_with_every_event(self, world: World):
        async with receiving() as hooks, world.running_controller():
            hook = {"name": "audit", "type": "event", "url": f"{hooks.url}/"}
            await run(world, webhooks=[hook])
            await until(lambda: "Succeeded" in [_phase(each) for each in hooks.requests], "the end")
            first = hooks.requests[0].document
            assert first["name"] == "podinfo"
            assert first["metadata"]["eventType"] == "Normal"
            messages = [each.document["metadata"]["eventMessage"] for each in hooks.requests]
            assert any(each.startswith("Promoting revision") for each in messages)
            assert not await world.events("PromotionStarted")
            moment = int(first["metadata"]["timestamp"]) / 1000
            assert datetime.now(UTC).timestamp() - moment < timedelta(minutes=5).total_seconds()

    async def test_after_a_run_are_called_once_and_change_nothing(self, world: World):
        async with receiving() as hooks, world.running_controller():
            hooks.answers(Answer(status=500))
            hook = {"name": "after", "type": "post-rollout", "url": hooks.url, "retries": 0}
            await run(world, webhooks=[hook])
            await hooks.received(1)

            async def forgotten() -> bool:
                return not (await world.status()).get("notices")

            await until(forgotten, "the notices are forgotten")
            assert (await world.status())["phase"] == "Succeeded"
            assert len({each.headers["Idempotency-Key"] for each in hooks.requests}) == 1


def _is_error(request: Any) -> bool:
    return bool(request.document["severity"] == "error")


def _phase(request: Any) -> str:
    return str(request.document["phase"])


def _target(name: str) -> dict[str, str]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
