"""A controller takes over what another release has left: what it keeps, and what comes of it."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from canary.core.waits import LASTING
from canary.demo.manifests import APP
from tests.controller.running import CANARY, World, until
from tests.receiver import Receiver
from tests.upgrade.moments import MOMENTS, Moment, Place
from tests.upgrade.snapshots import Snapshot, put
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event

CANARIES, PODS, POLICIES = (
    ("tidegate.dev", "canaries"),
    ("", "pods"),
    ("tidegate.dev", "deliverypolicies"),
)
_OF_A_LOOK = (
    *("observedGeneration", "conditions", "preflight", "targetVersion", "outagesUntil", "notices"),
)
_OF_A_RUN = ("looks", "nextAnalysisAt", "passes")
_OF_A_METRIC = ("name", "verdict", "counts")
"""What every look writes anew."""
_PASSING = {"since", "until", "deadline", "message"}
"""What is later by as long as no controller ran, as nobody's time runs out meanwhile; and words."""
_OF_THE_PACE = LASTING | {"WaitEnded"}
"""The events of waits that are told only where they last: on a machine that is slow they do."""


async def take_over(
    world: World, snapshots: dict[str, Snapshot], receiver: Receiver
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Have a controller take all moments over; give what it has not kept, and what came of each.

    The first is empty where it has kept all that was remembered.
    """
    moments = [each for each in MOMENTS if each.name in snapshots]
    places = {each.name: Place(world, receiver, each.name) for each in moments}
    for moment in moments:
        for what, answer in moment.answers.items():
            places[moment.name].answer(what, answer)
    await put(world, snapshots, receiver.url)
    left = {
        (each.name, app): await places[each.name].status(app)
        for each in moments
        for app in each.apps
    }
    policies = stored(world, POLICIES)
    told = {each.name: {
        notice["id"] for app in each.apps for notice in left[each.name, app].get("notices") or ()
    } for each in moments}  # fmt: skip
    seen = Seen(left)
    world.server.storage.subscribe(seen)
    lost: dict[str, Any] = {}
    async with world.running_controller(verified_commands=True):
        await asyncio.gather(*(_looked(places[each.name], each) for each in moments if each.stays))
        for moment in moments:
            for app in moment.apps if moment.stays else ():
                before, after = left[moment.name, app], await places[moment.name].status(app)
                if changes := _differences(kept(before), kept(after)):
                    lost[f"{moment.name}/{app}"] = changes
        lost |= _differences(policies, stored(world, POLICIES))
        await asyncio.gather(*(_ended(places[each.name], each) for each in moments))
        found = {
            each.name: await _aftermath(places[each.name], each, seen, told[each.name])
            for each in moments
        }
    return lost, found


class Seen:
    """What has become of pods and Canaries since the take-over."""

    def __init__(self, left: Mapping[tuple[str, str], Any]) -> None:
        self.pods: Counter[tuple[str, str]] = Counter()
        self.statuses = {key: [status] for key, status in left.items()}

    def __call__(self, key: StorageKey, event: Event) -> None:
        item = event.stored.object
        namespace, name = item["metadata"].get("namespace", ""), item["metadata"]["name"]
        if key == PODS and event.change == "ADDED":
            # Without the hash of its template, and without its own.
            self.pods[namespace, name.rsplit("-", 2)[0]] += 1
        if key == CANARIES:
            self.statuses[namespace, name].append(item.get("status") or {})

    def way(self, place: Place, app: str, field: str, otherwise: Any) -> list[Any]:
        """Give what a field of a status has been, one after the other."""
        statuses = self.statuses[place.namespace, app]
        return [each for each, _ in groupby(status.get(field, otherwise) for status in statuses)]


def stored(world: World, key: StorageKey) -> dict[str, Any]:
    """Give the statuses of all objects of a kind."""
    found = world.server.storage.history(key).objects
    return {"/".join(name): each.object.get("status") for name, each in sorted(found.items())}


def kept(status: Any) -> Any:
    """Give what of a status must outlast an upgrade; what one of two releases does not know is empty."""
    rest = {key: each for key, each in status.items() if key not in _OF_A_LOOK}
    rest["metrics"] = [
        {key: each[key] for key in _OF_A_METRIC if key in each}
        for each in status.get("metrics") or ()
    ]
    if status.get("run"):
        rest["run"] = {key: each for key, each in status["run"].items() if key not in _OF_A_RUN}
    wait = status.get("waitingFor") or {}
    if wait.get("reason") in LASTING:
        rest["waitingFor"] = {key: each for key, each in wait.items() if key != "told"}
    return _lasting(rest)


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        parts = ((key, _lasting(each)) for key, each in value.items() if key not in _PASSING)
        return {key: each for key, each in parts if each}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


async def _looked(place: Place, moment: Moment) -> None:
    """Wait until the controller has looked at a Canary: at a change that means nothing."""
    for app in moment.apps:
        change = {"spec": {"progressDeadlineSeconds": 601}}
        canary = await place.patch(CANARY, app, change)
        generation = canary["metadata"]["generation"]
        await place.until_said(
            lambda status, least=generation: status["observedGeneration"] >= least, app
        )


async def _ended(place: Place, moment: Moment) -> None:
    for step in moment.then:
        await step(place)
    for app in moment.apps:
        if moment.end:
            await place.until_said(_over(moment.end), app)
            continue

        async def gone(name: str = app) -> bool:
            return await place.read(CANARY, name) is None

        await until(gone, f"{place.namespace}/{app} is gone")


def _over(end: str) -> Any:
    def over(status: Any) -> bool:
        commands = status.get("commands") or ()
        told = not status.get("notices") and all(each.get("cleared") for each in commands)
        return status.get("phase") == end and told

    return over


async def _aftermath(place: Place, moment: Moment, seen: Seen, told: set[str]) -> dict[str, Any]:
    """Give what came of a moment, as far as two controllers do not differ in it by their pace."""
    events = [
        f"{each['involvedObject']['name']}: {each['reason']}"
        for each in await place.events()
        if each["reason"] not in _OF_THE_PACE
    ]
    made = sorted(seen.pods.items())
    found: dict[str, Any] = {
        "apps": {app: _of_app(place, app, seen) for app in moment.apps},
        "pods": {name: n for (namespace, name), n in made if namespace == place.namespace},
    }
    if moment.end:
        # Nobody waits for what is told of a Canary that goes.
        found |= {"calls": sorted(_calls(place, told)), "events": sorted(events)}
    return found


def _of_app(place: Place, app: str, seen: Seen) -> dict[str, Any]:
    last = seen.statuses[place.namespace, app][-1]
    return {
        "phases": seen.way(place, app, "phase", ""),
        "weights": seen.way(place, app, "canaryWeight", 0),
        "failedChecks": seen.way(place, app, "failedChecks", 0),
        "runs": last.get("runs", 0),
        "history": [
            {key: each[key] for key in ("revision", "outcome", "reason", "commands") if key in each}
            for each in last.get("history") or ()
        ],
        "commands": [
            f"{each['verb']} by {each.get('user')}: {each['accepted']}" for each in last.get("commands") or ()
        ],
    }  # fmt: skip


def _calls(place: Place, told: set[str]) -> Iterator[str]:
    """Name what was called: hooks by type, alerts by their reason; a metric is asked at any pace.

    An alert that the status still held is sent under the id that it had: a receiver knows it again.
    """
    for each in place.receiver.requests:
        namespace, _, what = each.path.strip("/").partition("/")
        if namespace == place.namespace and not what.startswith("scores"):
            document = each.document or {}
            said = f"{what}: {document.get('name', APP)} {document.get('reason', '')}".strip()
            known = document.get("id", "").rpartition("/")[2] in told
            yield f"{said}, with the id that it had" if known else said


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {"before": before.get(key), "after": after.get(key)}
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    }
