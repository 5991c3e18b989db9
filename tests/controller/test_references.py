"""What a Canary refers to is looked at while it is idle: before a release, and not by one."""

from functools import partial
from time import monotonic
from typing import Any

import pytest

from canary.api.kinds import SECRET, Manifest
from canary.api.meta import GROUP
from canary.controller.secrets import KEPT_SECONDS, SEND_TO
from canary.controller.templates import metric_template_kind
from canary.demo.manifests import APP
from tests.controller.faults import answer, proxied
from tests.controller.running import DEMO, VIRTUAL_SERVICE, World, until
from tests.controller.test_notify import PROVIDER, alert, provider
from tests.receiver import Answer, receiving

TEMPLATE = metric_template_kind(GROUP)
RESOLVED = "ReferencesResolved"
LATENCY = {"name": "latency", "thresholdRange": {"max": 500}, "templateRef": {"name": "latency"}}
FIELD = f"spec.analysis.metrics[0].templateRef: '{DEMO}/latency': "


def template(query: str = "vector(1)", **store: Any) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "latency", "namespace": DEMO},
        "spec": {
            "provider": {"type": "prometheus", "address": "http://127.0.0.1:9", **store},
            "query": query,
        },
    }


def secret(name: str, values: dict[str, str], **annotations: str) -> Manifest:
    metadata = {"name": name, "namespace": DEMO, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


async def idle(world: World, **analysis: Any) -> None:
    await world.create_app()
    await world.create_canary(analysis=analysis)
    await world.until_phase("Initialized")


async def told(world: World, reason: str, count: int) -> bool:
    return len(await world.events(reason)) == count


async def waits(world: World) -> str:
    return str(((await world.status()).get("waitingFor") or {}).get("reason", ""))


async def test_a_template_is_told_as_it_breaks_and_a_release_waits_until_it_is_mended(world: World):
    async with world.running_controller():
        await idle(world, metrics=[LATENCY])
        said = await world.until_condition(RESOLVED, "False")
        assert said == (
            f"{FIELD}MetricTemplate {DEMO}/latency does not exist; create it, or name another"
        )
        await until(lambda: told(world, "ReferenceBroken", 1), "it is told while idle")
        await world.release()
        await until(lambda: told(world, "RunHeld", 1), "the release is held")
        assert (await world.status())["phase"] == "Initialized"
        assert await waits(world) == "ReferenceBroken"

        await world.api.create(template(type="promethoos"), TEMPLATE)
        for spec, remedy in (
            (None, "there is no metric provider 'promethoos'; name one of "),
            (template("{{ html name }}")["spec"], "html"),
            (template(secretRef={"name": "store"})["spec"], f"Secret {DEMO}/store does not exist"),
        ):
            if spec is not None:
                await world.patch(TEMPLATE, "latency", {"spec": spec})

            async def says(remedy: str = remedy) -> bool:
                message = await world.until_condition(RESOLVED, "False")
                return message.startswith(FIELD) and remedy in message

            await until(says, remedy)
        assert (await world.status())["phase"] == "Initialized"

        # Nobody tells of a Secret: it is looked for again.
        await world.api.create(secret("store", {"token": "t0ken"}), SECRET)
        await world.until_condition(RESOLVED, "True")
        await world.until_phase("Progressing")
        assert len(await world.events("ReferenceBroken")) == 1
        assert len(await world.events("RunHeld")) == 1


async def test_a_hook_whose_secret_is_missing_holds_the_start_of_a_run(world: World):
    async with receiving() as hooks, world.running_controller():
        hook = {"name": "t", "type": "pre-rollout", "url": hooks.url, "secretRef": {"name": "gone"}}
        await idle(world, webhooks=[hook])
        await world.release()
        await until(lambda: told(world, "RunHeld", 1), "the release is held")
        assert "spec.analysis.webhooks[0].secretRef: 'gone': Secret" in (
            await world.until_condition(RESOLVED, "False")
        )
        named = {SEND_TO: hooks.url}
        await world.api.create(secret("gone", {"token": "for-hooks"}, **named), SECRET)
        await world.until_phase("Succeeded")
        assert hooks.requests[0].headers["Authorization"] == "Bearer for-hooks"


class TestAReceiver:
    @pytest.mark.parametrize(
        ("spec", "remedy"),
        [
            (None, f"AlertProvider {DEMO}/chat does not exist"),
            (
                {"type": "pager"},
                "there is no alert type 'pager'; name one of alertmanager, apprise, cloudevents",
            ),
            ({"secretRef": {"name": "chat"}}, f"Secret {DEMO}/chat does not exist; create it"),
            ({"secretRef": {"name": "empty"}}, "add the key address"),
        ],
        ids=["missing", "unknown", "no secret", "an empty secret"],
    )
    async def test_that_is_broken_is_told_and_holds_no_run(
        self, world: World, spec: dict[str, Any] | None, remedy: str
    ):
        await world.api.create(secret("empty", {"other": "key"}), SECRET)
        if spec is not None:
            manifest = provider("chat", "http://127.0.0.1:9", **spec)
            if "secretRef" in spec:
                del manifest["spec"]["address"]
            await world.api.create(manifest, PROVIDER)
        async with world.running_controller():
            await idle(world, alerts=[alert("chat", "error")])
            said = await world.until_condition(RESOLVED, "False")
            assert said.startswith(f"spec.analysis.alerts[0].providerRef: '{DEMO}/chat': ")
            assert remedy in said
            await until(lambda: told(world, "ReferenceBroken", 1), "it is told")
            await world.release()
            await world.until_phase("Succeeded")

    async def test_that_did_not_take_an_alert_is_told_until_it_takes_one(self, world: World):
        async with receiving() as chat, world.running_controller():
            chat.answers(Answer(status=404))
            await world.api.create(provider("chat", chat.url), PROVIDER)
            await idle(world, alerts=[alert("chat", "info")])
            said = await world.until_condition(RESOLVED, "False")
            assert "the last alert was not delivered: " in said
            assert "404" in said
            chat.answers(Answer())
            await world.release()
            await world.until_phase("Succeeded")
            await world.until_condition(RESOLVED, "True")

    async def test_that_did_not_take_an_alert_is_forgiven_when_it_is_another_one(
        self, world: World
    ):
        async with receiving() as chat, world.running_controller():
            chat.answers(Answer(status=404))
            await world.api.create(provider("chat", chat.url), PROVIDER)
            await idle(world, alerts=[alert("chat", "info")])
            await world.until_condition(RESOLVED, "False")
            await world.patch(PROVIDER, "chat", {"spec": {"address": f"{chat.url}/new"}})
            await world.until_condition(RESOLVED, "True")


async def test_a_secret_of_a_sound_canary_is_read_once_a_minute_at_most(world: World):
    """And only as its Canary is looked at: nothing is asked for the sake of the Secret."""
    async with receiving() as hooks, world.running_controller():
        named = {SEND_TO: hooks.url}
        await world.api.create(secret("token", {"token": "for-hooks"}, **named), SECRET)
        hook = {"name": "t", "type": "rollout", "url": hooks.url, "secretRef": {"name": "token"}}
        began = monotonic()
        await idle(world, webhooks=[hook])
        await world.until_condition(RESOLVED, "True")
        for number in range(5):
            # Who undoes a route has looked at the Canary.
            mark, host = world.mark, {"spec": {"hosts": [f"elsewhere-{number}"]}}
            await world.patch(VIRTUAL_SERVICE, APP, host)
            await until(partial(asked, world, mark, "virtualservices"), "the route is repaired")
        assert len(asked(world, 0, "secrets")) <= 1 + (monotonic() - began) // KEPT_SECONDS


def asked(world: World, mark: int, resource: str) -> list[str]:
    return [each.verb for each in world.requests(mark) if each.resource == resource]


async def test_while_no_secret_can_be_read_nothing_is_said_of_it(world: World):
    async with proxied(world.server.url) as proxy:
        proxy.meet("GET .*/secrets/token", answer(500), answer(500))
        await world.api.create(secret("token", {"token": "t0ken"}), SECRET)
        await world.api.create(template(secretRef={"name": "token"}), TEMPLATE)
        async with world.running_controller(url=proxy.url):
            await idle(world, metrics=[LATENCY])
            await world.until_condition(RESOLVED, "True")
            assert not await world.events("ReferenceBroken")
