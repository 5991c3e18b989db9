"""Canaries that come, are released and go, and what is seen of them meanwhile."""

import asyncio
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from canary.api.kinds import DEPLOYMENT
from canary.api.status import Outcome
from canary.cli.following import follow
from canary.demo import manifests
from canary.resources.revision import HASHING
from tests.bench.store import Store
from tests.bench.telling import background
from tests.controller.running import CANARY, AnyWorld

AT_ONCE = 10
"""How many are initialised at once: more would wait for each other."""
STUCK_SECONDS = 300.0
"""A canary that does not do what it should for so long is stuck."""
_ENDED = {"Succeeded", "Failed"}
_TOLD = {Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.PROMOTION_FAILED}
_NEXT = ("good", "good", "bad", "crashing", "changed", "superseded")

Status = Mapping[str, Any]


@dataclass(kw_only=True)
class Churn:
    """What has happened so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many ended runs must be reported, by canary and outcome."""
    lives: int = 0
    stuck: list[str] = field(default_factory=list)

    def lost(self, told: Mapping[tuple[str, str], int]) -> int:
        """Count the ends that were told less often than they happened."""
        return sum(max(count - told.get(each, 0), 0) for each, count in self.ended.items())


class Seen:
    """The newest status of each canary, from one watch of all."""

    def __init__(self) -> None:
        self.statuses: dict[str, Status] = {}
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def follow(self, world: AnyWorld) -> None:
        """Follow the canaries of a world."""
        async for changes in follow(world.api, CANARY, world.namespace):
            for each in changes:
                name = each.manifest["metadata"]["name"]
                if each.deleted:
                    self.statuses.pop(name, None)
                else:
                    self.statuses[name] = each.manifest.get("status") or {}
                self._changed[name].set()

    async def until(self, name: str, holds: Callable[[Status | None], bool]) -> Status | None:
        """Wait until something holds of a status, which is None where there is no canary.

        Raises:
            TimeoutError: it does not come to that.
        """
        async with asyncio.timeout(STUCK_SECONDS):
            while not holds(self.statuses.get(name)):
                self._changed[name].clear()
                await self._changed[name].wait()
        return self.statuses.get(name)

    def forget(self, name: str) -> None:
        """Keep nothing of a canary that will not come again."""
        self._changed.pop(name, None)


@asynccontextmanager
async def seeing(world: AnyWorld) -> AsyncIterator[Seen]:
    """Watch the canaries of a world."""
    seen = Seen()
    async with background(seen.follow(world)):
        yield seen


class Lives:
    """Canaries one after the other, each under a name of its own."""

    def __init__(self, world: AnyWorld, store: Store, seen: Seen, churn: Churn, seed: int) -> None:
        self._world = world
        self._store = store
        self._seen = seen
        self._churn = churn
        self._random = random.Random(seed)
        self._names: Iterator[str] = (f"app-{number:05}" for number in itertools.count())
        self._counted: dict[str, str] = {}
        """When the last run began that was counted, by canary."""
        self._beginning = asyncio.Semaphore(AT_ONCE)
        self.begun = 0

    async def live(self, pause_seconds: float) -> None:
        """Create, release, change and delete canaries without an end."""
        while True:
            name = next(self._names)
            try:
                await self._life(name, pause_seconds)
                self._churn.lives += 1
                self._seen.forget(name)
                self._counted.pop(name, None)
            except TimeoutError:
                self._churn.stuck.append(f"{name}: {dict(self._seen.statuses.get(name) or {})}")

    async def _life(self, name: str, pause_seconds: float) -> None:
        world, draw = self._world, self._random
        async with self._beginning:
            await world.create_app(name)
            await world.create_canary(name, analysis=self._analysis(name))
            await self._seen.until(name, lambda status: _phase(status) == "Initialized")
            self.begun += 1
        for tag in range(2, 2 + draw.randint(2, 5)):
            await asyncio.sleep(draw.uniform(0, 2 * pause_seconds))
            await self._next(name, tag)
            self._store.bad.discard(name)
        # A deletion waits until the target can take its traffic back.
        await self._ended(name, await self._release(name, "last"))
        await world.api.delete(CANARY, world.namespace, name)
        await self._seen.until(name, lambda status: status is None)
        await world.api.delete(DEPLOYMENT, world.namespace, name)

    async def _next(self, name: str, tag: int) -> None:
        """Release something, and wait for the end of its run."""
        draw = self._random
        release = str(tag)
        match draw.choice(_NEXT):
            case "bad":
                self._store.bad.add(name)
            case "crashing":
                release = draw.choice(("crash-loop", "oom", "image-pull"))
            case "changed":
                steps = sorted(draw.sample(range(5, 96), 3))
                changed = {"spec": {"analysis": {"stepWeights": steps}}}
                await self._world.patch(CANARY, name, changed)
            case "superseded":
                await self._release(name, f"{tag}-early")
                await asyncio.sleep(draw.uniform(0, 3))
        await self._ended(name, await self._release(name, release))

    async def _release(self, name: str, tag: str) -> str:
        """Change the app to another version; give the revision that it then has."""
        template = manifests.pod_template(tag, name=name)
        app = await self._world.patch(DEPLOYMENT, name, {"spec": {"template": template}})
        return HASHING.revision(app["spec"]["template"], {})

    async def _ended(self, name: str, revision: str) -> None:
        """Wait until the run of a revision has come to an end, and count it."""

        def over(status: Status | None) -> bool:
            last = _last_run(status)
            return _phase(status) in _ENDED and last.get("revision") == revision

        last = _last_run(await self._seen.until(name, over))
        if self._counted.get(name) == last["startedAt"]:
            # What was released again had failed before, and nothing begins.
            return
        self._counted[name] = last["startedAt"]
        self._churn.outcomes[last["outcome"]] += 1
        if last["outcome"] in _TOLD:
            self._churn.ended[name, last["outcome"]] += 1

    def _analysis(self, name: str) -> Mapping[str, Any]:
        metric = {
            "name": "errors",
            "query": f'errors{{app="{name}"}}',
            "thresholdRange": {"max": 1},
        }
        hooks = [
            {"type": "event", "name": "told", "url": f"{self._store.url}/hook/event"},
            {"type": "rollout", "name": "check", "url": f"{self._store.url}/hook/rollout"},
        ]
        return {
            "stepWeights": [20, 40, 60],
            "interval": "1s",
            "threshold": 1,
            "metrics": [metric],
            "webhooks": hooks,
        }


def _phase(status: Status | None) -> str:
    return str((status or {}).get("phase", ""))


def _last_run(status: Status | None) -> Mapping[str, Any]:
    history = (status or {}).get("history") or ({},)
    last: Mapping[str, Any] = history[0]
    return last
