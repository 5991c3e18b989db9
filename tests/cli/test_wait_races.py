"""`kubectl set image && tidegate wait`, 200 times, at whatever moment of the controller it comes.

An API server of our own tells of Canaries that the core decides on. Before each of its answers it
lets the controller do a few things, as drawn by a seed: look at the target, decide on what it saw
last, be paid attention to by pods and the clock. So every order of the two is tried that a race may
have, and the same ones every time; `make check` holds one in five.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from aiohttp import web

from analysis.model import Verdict
from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION
from canary.api.status import CanaryStatus, Outcome, write_status
from canary.core.phases import IDLE
from canary.demo.manifests import deployment
from canary.resources.revision import HASHING
from canary.simulation.cluster import SimulatedCluster, released
from tests.builders import T0, a_spec
from tests.cli.running import tidegate
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.core.deciding import decided
from tests.sampling import cases

RACES, AT_ONCE = 200, 4
NAMESPACE = "web"
SPEC = a_spec()
#: What a controller may do between two answers; it decides more often than it looks.
STEPS = ("look", "decide", "decide", "heal", "pass")
#: So many steps bring any run to its end, with much to spare.
ENOUGH = 2_000
MOST_BEFORE = 60
"""How far the release before may have come: its run takes about as many steps."""


def app(name: str, tag: str) -> Manifest:
    return deployment(tag, name=name, namespace=NAMESPACE)


def revision(name: str, tag: str) -> str:
    return HASHING.revision(app(name, tag)["spec"]["template"], {})


class Race:
    """A Canary whose image is set while its controller is somewhere in the release before."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self._chance = Random(seed)
        self._version = 1
        self._tag = "1"
        self._verdict = Verdict.PASS
        self.status = CanaryStatus()
        self._cluster = SimulatedCluster(now=T0, revision=revision(name, "1"), finalizer=True)
        self._seen = self._cluster.facts({})
        self._go_on(lambda: bool(self.status.last_promoted_spec) and self.status.phase in IDLE)
        self._release("2")
        for _ in range(self._chance.randrange(MOST_BEFORE)):
            self._step()
        self._release(self._chance.choice("1233"))
        self.asked = revision(name, self._tag)

    def _release(self, tag: str) -> None:
        """Set the image, as kubectl does: one that is there already is no change."""
        if tag != self._tag:
            self._tag = tag
            cluster = self._cluster
            cluster.revision = revision(self.name, tag)
            assert cluster.target is not None
            cluster.target = released(cluster.target)
        self._verdict = self._chance.choice((Verdict.PASS, Verdict.FAIL))

    def _step(self) -> None:
        cluster = self._cluster
        match self._chance.choice(STEPS):
            case "look":
                self._seen = cluster.facts({})
            case "decide":
                before = self.status
                decision = decided(SPEC, before, self._seen, cluster.now, self._verdict)
                cluster.apply(decision.actions)
                cluster.delivered = frozenset(each.id for each in decision.status.notices)
                self.status = decision.status
                self._version += self.status != before
            case "heal":
                cluster.heal()
            case _:
                cluster.now += timedelta(seconds=11)

    def _go_on(self, done: Any) -> None:
        for _ in range(ENOUGH):
            if done():
                return
            self._step()
        raise AssertionError(f"{self.name} comes to no end: {self.status}")

    def answer(self) -> None:
        """Let the controller do what it does until an answer."""
        for _ in range(self._chance.randrange(4)):
            self._step()

    def change(self, since: str) -> None:
        """Let the controller go on until the Canary has changed."""
        self._go_on(lambda: str(self._version) != since)

    @property
    def canary(self) -> Manifest:
        """The Canary as it is."""
        return {
            "apiVersion": API_VERSION,
            "kind": "Canary",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "uid": self.name,
                "resourceVersion": str(self._version),
            },
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name}
            },
            "status": write_status(self.status),
        }

    @property
    def target(self) -> Manifest:
        """The target as it is."""
        assert self._cluster.target is not None
        made = app(self.name, self._tag)
        made["metadata"] |= {"uid": "t", "generation": self._cluster.target.generation}
        return made


class RacingServer:
    """The API server of some races."""

    def __init__(self, races: dict[str, Race]) -> None:
        self._races = races

    async def canary(self, request: web.Request) -> web.Response:
        """Answer with a Canary."""
        race = self._races[request.match_info["name"]]
        race.answer()
        return web.json_response(race.canary)

    async def target(self, request: web.Request) -> web.Response:
        """Answer with a target."""
        race = self._races[request.match_info["name"]]
        race.answer()
        return web.json_response(race.target)

    async def watch(self, request: web.Request) -> web.Response:
        """Tell of the next change of a Canary, and end."""
        race = self._races[request.query["fieldSelector"].removeprefix("metadata.name=")]
        race.change(request.query["resourceVersion"])
        event = {"type": "MODIFIED", "object": race.canary}
        return web.Response(body=orjson.dumps(event) + b"\n", content_type="application/json")


@pytest.fixture
async def races(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    first: int = request.param
    races = {f"shop-{seed}": Race(f"shop-{seed}", seed) for seed in range(first, first + AT_ONCE)}
    server, app = RacingServer(races), web.Application()
    canaries = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/canaries"
    app.router.add_get(f"{canaries}/{{name}}", server.canary)
    app.router.add_get(canaries, server.watch)
    app.router.add_get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{{name}}", server.target)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    yield races, write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{port}")
    await runner.cleanup()


@pytest.mark.parametrize("races", cases(range(0, RACES, AT_ONCE)), indirect=True)
async def test_an_image_that_was_set_is_waited_for_and_no_earlier_success_is_an_answer(
    races: tuple[dict[str, Race], Path],
) -> None:
    racing, kubeconfig = races
    code, output = await asyncio.wait_for(
        tidegate(
            "wait", *racing, "-n", NAMESPACE, "--timeout", "0s", "--kubeconfig", str(kubeconfig)
        ),
        180,
    )
    for name, race in racing.items():
        status = race.status
        promoted = f"{name}: promoted" in output or f"{name}: serving" in output
        assert promoted != (f"{name}: RolledBack" in output), (name, output)
        if promoted:
            assert status.last_promoted_spec == status.last_applied_spec == race.asked, name
            assert status.phase in IDLE, name
        else:
            last = status.history[0]
            assert (last.revision, last.outcome) == (race.asked, Outcome.ROLLED_BACK), name
    assert code == (3 if "RolledBack: " in output else 0), output
