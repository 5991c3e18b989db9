"""A controller that is killed after writes of its choosing, and what became of its work.

The proxy before the API server kills: it alone knows that a write has landed, and whether the
controller has been told so.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from aiohttp import web

from canary.api.kinds import DAEMON_SET, DEPLOYMENT, SERVICE, STATEFUL_SET, Kind, Manifest
from canary.demo.manifests import APP
from canary.errors import NotFound
from tests.controller.chat import create_chat, is_edit
from tests.controller.faults import Proxy, reset
from tests.controller.running import CANARY, until
from tests.hard.forked import Forked, command_line
from tests.hard.worlds import HardWorld
from tests.receiver import Answer, Receiver

SECONDS = 1200.0
"""A life that has not come to its end after so long will not."""
KINDS = (CANARY, DEPLOYMENT, DAEMON_SET, STATEFUL_SET, SERVICE)
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_OF_ONE_LIFE = {
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
    "generation",
    "clusterIP",
    "clusterIPs",
}
"""Metadata that differs from one life to the next."""
_HISTORY = ("revision", "outcome", "reason", "message")
_STATUS = ("phase", "canaryWeight", "weights", "failedChecks", "step", "lastAppliedSpec",
           "lastPromotedSpec", "targetParked", "runs", "waitingFor", "run", "notices")  # fmt: skip

COOKIE = "stays"
"""The name of the cookie by which clients stay on the canary."""

Due = Callable[[int], bool]
"""Tells whether the controller is killed after the n-th write."""


class Killer(Proxy):
    """Passes requests on, one write after the other; kills after those that are due."""

    def __init__(self, upstream: str, *, due: Due, seen: bool) -> None:
        super().__init__(upstream)
        self.writes: list[str] = []
        """Each write that has landed, beside Leases."""
        self.due = due
        self.seen = seen
        """Whether the controller is told of a write before it is killed."""
        self.kill: Callable[[], None] = lambda: None
        self.elsewhere: Mapping[str, str] = {}
        """Addresses of further servers, by what the paths begin with that are theirs."""
        self._one_by_one = asyncio.Lock()

    def upstream_of(self, request: web.Request) -> str:
        there = (url for path, url in self.elsewhere.items() if request.path.startswith(path))
        return next(there, self.upstream)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method not in _WRITES or "/leases" in request.path:
            try:
                return await (reset(self, request) if self.down else self.forward(request))
            except ConnectionResetError:
                # Who asked was killed.
                return web.Response()
        async with self._one_by_one:
            if self.down:
                return await reset(self, request)
            async with self.ask(request) as (status, headers, chunks):
                body = b"".join([chunk async for chunk in chunks])
            if status < 300:
                self.writes.append(f"{request.method} {request.path}")
                if self.due(len(self.writes)):
                    # What is asked from now on does not land: exactly so many writes have.
                    self.down = True
                    if not self.seen:
                        self.kill()
                        return await reset(self, request)
            response = web.Response(status=status, headers=headers, body=body)
            if self.down:
                await response.prepare(request)
                await response.write_eof()
                # What has been sent is read in the next moments; what follows from it is refused.
                await asyncio.sleep(0.02)
                self.kill()
            return response


class CrashingController:
    """`tidegate run` behind a killer, started again whenever it was killed."""

    def __init__(self, world: HardWorld, killer: Killer, receiver: Receiver) -> None:
        self._world = world
        self._killer = killer
        self._receiver = receiver
        self._gone = asyncio.Event()
        self._process: Forked | None = None
        self.kills = 0
        self.log = world.directory / "tidegate.log"

    async def __aenter__(self) -> Self:
        self._kubeconfig = self._world.kubeconfig_by(self._killer.url)
        self._killer.kill = self._kill
        self._start()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        await asyncio.wait({self._keeper})
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    def check(self) -> None:
        """Raise where it has ended by itself."""
        if self._keeper.done():
            self._keeper.result()
        assert self._process is not None
        assert self._process.returncode in {None, -9}, self.log.read_text()[-2000:]

    def _kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self.kills += 1
        self._gone.set()

    async def _keep(self) -> None:
        while True:
            await self._gone.wait()
            self._gone.clear()
            assert self._process is not None
            await self._process.wait()
            self._killer.relent()
            self._start()

    def _start(self) -> None:
        self._process = Forked.started(
            command_line,
            *("run", "--kubeconfig", str(self._kubeconfig), "--drain", "0s"),
            *("--listen", "127.0.0.1:0", "--no-leader-election"),
            *("--egress-allow", "127.0.0.0/8"),
            *self._world.flags(self._kubeconfig),
            *("--metrics-server", f"{self._receiver.url}/metrics"),
            *("--event-webhook", f"{self._receiver.url}/event"),
            log=self.log,
            environment={"TIDEGATE_ALERT_WEBHOOK": f"{self._receiver.url}/alert"},
        )


class Life:
    """A world with one app, the controller that is killed in it, and what is left behind."""

    def __init__(
        self, world: HardWorld, controller: CrashingController, killer: Killer, receiver: Receiver
    ) -> None:
        self.world = world
        self.controller = controller
        self.killer = killer
        self._receiver = receiver

    async def create_chat(self) -> None:
        """Create the AlertProvider `chat`: the receiver as a Mattermost, where runs have threads."""
        await create_chat(self.world, self._receiver)

    async def routed(self) -> list[int]:
        """Give the canary's weight in each version that the route has had."""
        return [weight_of(each) for each in await self.world.routes(APP)]

    async def until(self, holds: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Wait until something holds of the Canary's status."""
        status: dict[str, Any] = {}
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    self.controller.check()
                    status = dict(await self.world.status())
                    if holds(status):
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise AssertionError(f"not {what}: {status}; writes {self.killer.writes}") from error

    async def until_phase(self, phase: str) -> None:
        """Wait until the Canary is in a phase, and everything about it is told."""
        await self.until(
            lambda status: status.get("phase") == phase and not status.get("notices"), phase
        )

    async def until_gone(self) -> None:
        """Wait until there is no Canary, and the cluster has collected what it owned."""
        with suppress(NotFound):
            await self.until(lambda _: False, "gone")
        await until(self._is_collected, "what the Canary owned is collected", seconds=SECONDS)

    async def _is_collected(self) -> bool:
        return not any(
            owner["kind"] == CANARY.kind
            for _, manifest in await self._left()
            for owner in manifest["metadata"].get("ownerReferences") or ()
        )

    async def _left(self) -> list[tuple[Kind, Manifest]]:
        kinds = (*KINDS, *self.world.route_kinds, *self.world.scaler_kinds)
        return [(kind, each) for kind in kinds for each in await self.world.objects(kind)]

    async def remains(self) -> dict[str, Any]:
        """Tell what is left, without what differs from one life to the next."""
        return {
            f"{kind.kind}/{manifest['metadata']['name']}": timeless(manifest)
            for kind, manifest in await self._left()
        }

    async def events(self) -> Counter[str]:
        """Count the events by what they say, but for those of time that has passed."""
        return Counter(
            event["reason"]
            for event in await self.world.events()
            if not tells_a_span(event["message"])
        )

    def told(self) -> dict[str, Counter[str]]:
        """Count by path what the receiver was told, each thing once, however often it was told."""
        told: dict[str, dict[str, str]] = {}
        for request in self._receiver.requests:
            headers = {name.lower(): value for name, value in request.headers.items()}
            if request.path.startswith("/metrics"):
                continue
            document = request.document
            if request.path.startswith("/api/v4/posts"):
                if is_edit(request):
                    continue
                about = document["message"]
            else:
                about = document.get("reason") or nameless(document["metadata"]["eventMessage"])
            if tells_a_span(about):
                continue
            # What is said again under a key is the very same.
            said = told.setdefault(request.path, {}).setdefault(headers["idempotency-key"], about)
            assert said == about
        return {path: Counter(said.values()) for path, said in told.items()}


def tells_a_span(message: str) -> bool:
    """Tell whether a message only says how long something takes: each death makes it longer."""
    return message.startswith(("Still waiting", "Still holding", "No longer waiting"))


def weight_of(route: Manifest) -> int:
    """Read the canary's weight in a route, of whatever kind."""
    spec = route["spec"]
    match route["kind"]:
        case "TrafficSplit":
            named = [(each["service"], each["weight"]) for each in spec["backends"]]
        case "HTTPRoute":
            rules = [each for each in spec["rules"] if not keeps_clients(each)]
            backends = [each for rule in rules for each in rule.get("backendRefs") or ()]
            named = [(each["name"], each.get("weight", 1)) for each in backends]
        case "StatefulSet":
            # A partition beyond all ordinals leaves the canary none.
            held = spec["updateStrategy"]["rollingUpdate"]["partition"]
            return 100 * max(spec["replicas"] - held, 0) // int(spec["replicas"])
        case "Service" if "template" in spec:
            shares = [each for each in spec.get("traffic", ()) if each.get("tag") == "canary"]
            return sum(int(each["percent"]) for each in shares)
        case "Service":
            # The target's pods carry its own name, the primary's another one.
            return 100 if spec["selector"] == {"app": route["metadata"]["name"]} else 0
        case _:
            rules = [each for each in spec["http"] if not keeps_clients(each)]
            ways = [each for rule in rules for each in rule.get("route", ())]
            named = [(each["destination"]["host"], each.get("weight", 0)) for each in ways]
    return next((int(weight) for name, weight in named if name.endswith("-canary")), 0)


def keeps_clients(rule: Manifest) -> bool:
    """Tell whether a rule is for clients that stay where they are, by their cookie."""
    return f"{COOKIE}=" in json.dumps(rule.get("match", rule.get("matches")))


def nameless(message: str) -> str:
    """Leave out of a message what the cluster draws for the names of pods."""
    return re.sub(r"(-[a-z0-9]{8,10})-[a-z0-9]{5}\b", r"\1", message)


def timeless(manifest: Manifest) -> dict[str, Any]:
    """Give what is the same in every life."""
    metadata = {
        key: value for key, value in manifest["metadata"].items() if key not in _OF_ONE_LIFE
    }
    metadata["ownerReferences"] = [
        (each["kind"], each["name"]) for each in metadata.get("ownerReferences") or ()
    ]
    spec = {key: value for key, value in manifest["spec"].items() if key not in _OF_ONE_LIFE}
    # The value of a cookie names the uid of its Canary.
    spec = json.loads(re.sub(rf"(?<={COOKIE}=)\d+-[0-9a-f]+", "of-a-run", json.dumps(spec)))
    if manifest["kind"] != "Canary":
        return {"metadata": metadata, "spec": spec}
    status = manifest.get("status") or {}
    history = [
        [nameless(str(run.get(key))) for key in _HISTORY] for run in status.get("history") or ()
    ]
    conditions = {
        each["type"]: (each["status"], each["reason"]) for each in status.get("conditions") or ()
    }
    shown = {key: status.get(key) for key in _STATUS}
    return {
        "metadata": metadata,
        "spec": spec,
        "status": shown | {"history": history, "conditions": conditions},
    }


SAMPLE = Answer(
    body=b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"0"]}]}}',
    headers={"Content-Type": "application/json"},
)


@asynccontextmanager
async def living(
    world: HardWorld, receiver: Receiver, *, due: Due, seen: bool
) -> AsyncIterator[Life]:
    """Run a controller that is killed after the writes that are due."""
    receiver.answers(SAMPLE)
    async with world.behind(Killer(world.url, due=due, seen=seen)) as killer:
        killer.elsewhere = world.elsewhere
        controller = CrashingController(world, killer, receiver)
        life = Life(world, controller, killer, receiver)
        async with controller:
            yield life


def never(_: int) -> bool:
    """Kill nothing."""
    return False


def always(_: int) -> bool:
    """Kill after every write."""
    return True


def only(number: int) -> Due:
    """Kill after one write alone."""
    return lambda written: written == number
