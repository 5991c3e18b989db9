"""Figures of a fleet in many namespaces: served by one ClusterRole, and by a Role in each."""

import asyncio
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from tests.bench.figures import Figure
from tests.bench.fleet import Fleet, a_server
from tests.bench.fleets import busiest_second
from tests.bench.places import USER_AGENT
from tests.bench.process import a_controller
from tests.bench.runs import ALONE
from tests.bench.store import a_store
from tests.controller.running import DEMO, World
from tidegate_embedded.apiserver import EmbeddedApiServer

NAMED = 50
"""In how many namespaces a controller is installed that has no ClusterRole."""

BUSIEST = 50
"""Requests of the second that has the most, beside lists, where a ClusterRole allows all."""


@dataclass(frozen=True, kw_only=True)
class Rested:
    """A controller that has nothing to do."""

    ready_seconds: float
    memory_mib: float
    busiest: int
    """Requests of the second that had the most, beside lists and watches."""
    watches: int
    idle: int
    """Requests while there was nothing to do, beside Leases and watches."""


async def measure(world: World, count: int, window_seconds: float) -> list[Figure]:
    """Rest with a Canary in each of many namespaces, and with a watch of each kind in fewer."""
    fleet, names = Fleet(world, ALONE), [f"team-{number:04}" for number in range(count)]
    everywhere = await _rest(world, fleet, names, (), window_seconds)
    named = names[: min(NAMED, count)]
    apart = await _rest(world, fleet, named, ("--namespaces", ",".join(named)), window_seconds)
    return [
        *_figures(f"{count} namespaces, cluster-wide", everywhere, BUSIEST),
        *_figures(f"{len(named)} namespaces, each by name", apart, None),
    ]


async def _rest(
    world: World, fleet: Fleet, names: Sequence[str], options: Sequence[str], seconds: float
) -> Rested:
    async with a_store() as store, a_server(world.directory) as (server, kubeconfig):
        for number, name in enumerate(names):
            _put_namespace(server, name)
            fleet.copy(server, number, namespace=name)
        server.storage.forget_history()
        began = time.monotonic()
        async with a_controller(kubeconfig, store, *options) as process:
            await process.ready()
            ready = time.monotonic() - began
            await process.idle()
            memory, mark = process.memory_mib, len(server.audit)
            await asyncio.sleep(seconds)
        asked = [
            each
            for each in server.audit
            if each.user_agent.startswith(USER_AGENT) and each.resource != "leases"
        ]
        later = {id(each) for each in server.audit[mark:]}
    return Rested(
        ready_seconds=ready,
        memory_mib=memory,
        busiest=busiest_second(server),
        watches=sum(each.verb == "watch" and id(each) not in later for each in asked),
        idle=sum(each.verb != "watch" and id(each) in later for each in asked),
    )


def _put_namespace(server: EmbeddedApiServer, name: str) -> None:
    """Make a namespace like the one that the server has."""
    key = next(key for key in server.registry.stored() if key[1] == "namespaces")
    objects = server.storage.history(key).objects
    before = next(each.object for (_, named), each in objects.items() if named == DEMO)
    made = deepcopy(before)
    made["metadata"] |= {"name": name, "uid": f"namespace-{name}"}
    server.storage.put(key, ("", name), made)


def _figures(what: str, rested: Rested, busiest: int = BUSIEST) -> list[Figure]:
    return [
        Figure(
            name=f"a Canary at rest in each of {what}: memory",
            value=f"{rested.memory_mib:.0f} MiB",
        ),
        Figure(
            name=f"{what}: start, to ready",
            value=f"{rested.ready_seconds:.1f} s",
            target="≤ 30 s",
            reached=rested.ready_seconds <= 30,
        ),
        Figure(
            name=f"{what}: start, requests in a second beside lists",
            value=str(rested.busiest),
            target=f"≤ {busiest}" if busiest else "",
            reached=busiest is None or rested.busiest <= busiest,
        ),
        Figure(name=f"{what}: watches that were opened", value=str(rested.watches)),
        Figure(
            name=f"{what}: API requests at rest",
            value=str(rested.idle),
            target="0",
            reached=not rested.idle,
        ),
    ]
