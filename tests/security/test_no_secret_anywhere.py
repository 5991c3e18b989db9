"""S15: what a Secret holds is sent where it may be, and stands nowhere else."""

import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from canary.api.annotations import SEND_TO
from canary.api.kinds import DEPLOYMENT, SECRET, Manifest
from canary.controller.templates import metric_template_kind
from canary.demo import manifests
from tests.cli.running import tidegate
from tests.controller.running import DEMO, World, until
from tests.controller.test_notify import PROVIDER, alert, provider
from tests.marked import leaks, values

MARK = "m4rk3d-value-of"
COMMANDS = {
    "list": (),
    "doctor": (),
    **dict.fromkeys(("status", "explain", "history", "events", "plan", "diff"), ("podinfo",)),
}


class Parrot:
    """A third party that answers with all that it was sent, and with a status that is no success."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.Response:
        sent = f"{request.path_qs} {dict(request.headers)} {await request.text()}"
        self.heard[request.path] = sent
        return web.Response(status=500, text=sent)


@asynccontextmanager
async def a_parrot() -> AsyncIterator[Parrot]:
    parrot = Parrot()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", parrot.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    parrot.url = f"http://{host}:{port}"
    try:
        yield parrot
    finally:
        await runner.cleanup()


def a_secret(name: str, send_to: str, **data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": DEMO, "annotations": {SEND_TO: send_to}},
        "data": {key: b64encode(value.encode()).decode() for key, value in data.items()},
    }


async def given_secrets(world: World, parrot: Parrot) -> None:
    """A Secret of each use: of the app, a hook, a store, and a chat whose address is one itself."""
    for secret in (
        a_secret("app", "", password=f"{MARK}-app"),
        a_secret("hook", parrot.url, token=f"{MARK}-hook"),
        a_secret("store", parrot.url, token=f"{MARK}-store"),
        a_secret("chat", "", address=f"{parrot.url}/chat/{MARK}-path", token=f"{MARK}-chat"),
    ):
        await world.api.create(secret, SECRET)
    template = {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "store", "namespace": DEMO},
        "spec": {
            "provider": {
                "type": "prometheus",
                "address": f"{parrot.url}/store",
                "secretRef": {"name": "store"},
            },
            "query": "up",
        },
    }
    await world.api.create(template, metric_template_kind("tidegate.dev"))
    receiver = provider("chat", "", secretRef={"name": "chat"})
    del receiver["spec"]["address"]
    await world.api.create(receiver, PROVIDER)
    app = manifests.deployment("1", namespace=DEMO)
    (container,) = app["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"secretRef": {"name": "app"}}]
    await world.api.create(app, DEPLOYMENT)


async def said_by_commands(world: World) -> list[str]:
    kubeconfig = ("--kubeconfig", str(world.kubeconfig))
    return [
        (await tidegate(command, *arguments, "-n", DEMO, *kubeconfig))[1]
        for command, arguments in COMMANDS.items()
    ]


def written_to(records: Path) -> list[str]:
    return [each.read_text() for each in records.rglob("*") if each.is_file()]


async def test_what_third_parties_say_of_secrets_is_in_no_object_log_metric_record_or_command(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """The attack: who is sent a secret repeats it in every answer."""
    caplog.set_level(logging.DEBUG, logger="canary")
    caplog.set_level(logging.DEBUG, logger="analysis")
    records = tmp_path / "records"
    async with a_parrot() as parrot:
        await given_secrets(world, parrot)
        hook = {"name": "last", "type": "post-rollout", "url": f"{parrot.url}/hook"}
        reported = {"name": "report", "type": "event", "url": f"{parrot.url}/event"}
        metric = {
            "name": "errors",
            "templateRef": {"name": "store"},
            "thresholdRange": {"max": 1},
            "onError": "fail",
        }
        hooks = [each | {"secretRef": {"name": "hook"}} for each in (hook, reported)]
        async with world.running_controller(records=f"file://{records}") as controller:
            await world.create_canary(
                analysis={
                    "threshold": 2,
                    "webhooks": hooks,
                    "metrics": [metric],
                    "alerts": [alert("chat", "info")],
                }
            )
            await world.until_phase("Initialized")
            patch: dict[str, Any] = {"spec": {"template": {"metadata": {"labels": {"to": "2"}}}}}
            await world.patch(DEPLOYMENT, "podinfo", patch)
            await world.until_phase("Failed")
            await until(
                lambda: len(parrot.heard) == 4, "the hooks, the store and the chat are told"
            )
            page = controller._metrics.page()[0].decode()
        said = await said_by_commands(world)
        written = written_to(records)
    assert all(said)
    assert "".join(written)
    # They were told, and repeated it.
    heard = "".join(parrot.heard.values())
    for each in ("hook", "store", "chat", "path"):
        assert f"{MARK}-{each}" in heard
    assert len({each for each in values(world.server.storage) if MARK in each}) == 5
    assert leaks(world.server.storage, caplog.text, page, *said, *written) == []


async def where_a_secret_leaks(directory: Path) -> None:
    """Live a short story in which an annotation has what a Secret holds, for a moment."""
    async with World(directory) as world:
        await world.api.create(a_secret("app", "", password=f"{MARK}-app"), SECRET)
        await world.create_app()
        for password in (f"it is {MARK}-app", None):
            patch = {"metadata": {"annotations": {"password": password}}}
            await world.patch(DEPLOYMENT, "podinfo", patch)
        encoded = b64encode(f"{MARK}-app".encode()).decode()
        found = leaks(world.server.storage, "nothing", f"in a log: {encoded}")
        assert {"Deployment podinfo", "text 1"} <= {each.partition(" at ")[0] for each in found}
        assert "text 0" not in found


async def test_a_value_that_does_stand_somewhere_is_found_at_the_end_of_a_story(tmp_path: Path):
    with pytest.raises(AssertionError, match=r"stands in .*Deployment podinfo at"):
        await where_a_secret_leaks(tmp_path)
