"""A Canary at a gate that a channel of Slack is told of, its controller, and a dashboard that listens."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from canary.cluster.cluster import Cluster
from canary.controller.controller import Controller
from canary.core.signature import Signature
from canary.dashboard.process import for_many
from canary.dashboard.slack import answering
from canary.dashboard.ways import by_token
from tests.controller.faults import Proxy, proxied
from tests.controller.running import World, until
from tests.slack import ALICE, FakeSlack, a_slack, an_app, given_the_channel, identities

PEOPLE = {ALICE: {"user": "alice@example.com", "groups": ["releasers"]}}
GATE = {"type": "confirm-promotion", "name": "by hand"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chatted:
    """All of them."""

    world: World
    slack: FakeSlack
    address: str
    proxy: Proxy
    """Between the dashboard and the API server."""
    identities: Path
    controller: Controller

    async def message(self) -> Mapping[str, Any]:
        """Wait for a message with buttons."""
        found = await until(self.slack.with_buttons)
        return deepcopy(found[min(found)])

    async def given(self) -> list[Signature]:
        """Read the commands that have left a trace: obeyed, refused, or still there."""
        status = await self.world.status()
        values = [each["value"] for each in status.get("commands", ())]
        return [Signature.read(each) for each in values]


@asynccontextmanager
async def chatted(
    directory: Path,
    *,
    gate: Mapping[str, Any] = GATE,
    provider: Mapping[str, Any] | None = None,
    people: Mapping[str, Mapping[str, Any]] | None = None,
    mails: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    **app: Any,
) -> AsyncIterator[Chatted]:
    """Have a run wait at its gate, which the channel is told of."""
    async with a_slack() as slack, World(directory) as world, proxied(world.server.url) as proxy:
        file = identities(
            directory / "identities.yaml", PEOPLE if people is None else people, mails
        )
        alert = await given_the_channel(world.api, world.namespace, slack, **(provider or {}))
        await world.create_app()
        async with world.running_controller(**(settings or {})) as controller:
            await world.create_canary(
                analysis={"stepWeights": [50], "webhooks": [gate], "alerts": [alert]}
            )
            await world.until_phase("Initialized")
            await world.release()
            await world.until_phase("WaitingPromotion")
            chat = partial(answering, an_app(slack, file, **app))
            own = world.kubeconfig_by(proxy.url)
            async with (
                Cluster.connect(kubeconfig=str(own)) as cluster,
                for_many(cluster, by_token, host="127.0.0.1", port=0, chat=chat) as address,
            ):
                if app.get("app_token") != "":
                    await until(lambda: bool(slack.sockets))
                await until(lambda: proxy.asked("GET .*canaries.*watch"))
                yield Chatted(
                    world=world,
                    slack=slack,
                    address=address,
                    proxy=proxy,
                    identities=file,
                    controller=controller,
                )
