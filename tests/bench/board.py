"""Figures of the dashboard: pages of a large fleet, and how soon an open page shows a change."""

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from canary.api.status import Phase, write_status
from tests.bench.figures import Figure
from tests.bench.fleet import a_server
from tests.bench.process import Process, a_process
from tests.builders import a_status
from tests.controller.running import until
from tests.views.fleet import STATUSES, manifest
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.network import free_port

NAMESPACES = 100
GATED = 40
"""Of so many Canaries one waits at a gate."""
REQUESTS = 20
CHANGES = 20
SERVER_MS, PAGE_MS, CHANGE_MS, MEMORY_MIB = 200.0, 500.0, 1_000.0, 150.0
WATCHED = ("team-000", "shop-00000")


async def measure(directory: Path, count: int) -> list[Figure]:
    """Open the pages of a fleet, and change a Canary while its page is open."""
    async with a_server(directory) as (server, kubeconfig):
        put_fleet(server, count)
        port, log = free_port(), directory / "dashboard.log"
        arguments = ("-m", "canary", "dashboard", "--no-open", "--port", str(port))
        async with a_process(
            Path(sys.executable), *arguments, "--kubeconfig", str(kubeconfig), port=port, log=log
        ) as process:
            invitation = await invited(log)
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(cookie_jar=jar) as browser:
                await (await browser.get(invitation)).read()
                address = f"http://127.0.0.1:{port}"
                namespace, name = WATCHED
                pages = {
                    "the fleet": "/",
                    "the gates": "/gates",
                    "the activity": "/activity",
                    "a Canary": f"/c/{namespace}/{name}",
                }
                figures = [
                    figure
                    for what, path in pages.items()
                    for figure in await page(browser, process, what, f"{address}{path}")
                ]
                live = {"the fleet": "fleet", "a Canary": f"c/{namespace}/{name}"}
                figures += [
                    await change(browser, server, what, f"{address}/live/{path}")
                    for what, path in live.items()
                ]
                memory = process.memory_mib
    return [
        *figures,
        Figure(
            name="memory",
            value=f"{memory:.0f} MiB",
            target=f"≤ {MEMORY_MIB:g} MiB",
            reached=memory <= MEMORY_MIB,
        ),
    ]


def put_fleet(server: EmbeddedApiServer, count: int) -> None:
    """Put Canaries of every kind into a server."""
    names = [name for name in STATUSES if name != "cart"]
    for number in range(count):
        kind = "cart" if number % GATED == 1 else names[number % len(names)]
        _put(server, number, kind)
    server.storage.forget_history()


def _put(server: EmbeddedApiServer, number: int, kind: str, status: object = None) -> None:
    key = next(key for key in server.registry.stored() if key[1] == "canaries")
    namespace, name = f"team-{number % NAMESPACES:03}", f"shop-{number:05}"
    made = manifest(name, STATUSES[kind], provider="istio")
    made["metadata"] |= {"namespace": namespace, "uid": f"00000000-0000-0000-0000-{number:012}"}
    if status is not None:
        made["status"] = status
    server.storage.put(key, (namespace, name), made)


async def invited(log: Path) -> str:
    """Read the address that the dashboard prints when the Canaries are listed."""

    def printed() -> str:
        found = re.search(r"http://\S+", log.read_text(encoding="utf-8"))
        return found[0] if found else ""

    return str(await until(printed, "the address", seconds=120.0))


async def page(
    browser: aiohttp.ClientSession, process: Process, what: str, address: str
) -> list[Figure]:
    """Get a page several times: what it takes of the server's CPU, and of the browser's time."""
    took, cpu = [], process.cpu_seconds
    for _ in range(REQUESTS):
        began = time.monotonic()
        async with browser.get(address) as answer:
            body = await answer.read()
        took.append(1000 * (time.monotonic() - began))
        assert answer.status == 200, body[-500:]
    used = 1000 * (process.cpu_seconds - cpu) / REQUESTS
    first, median = took[0], sorted(took)[REQUESTS // 2]
    return [
        Figure(
            name=f"{what}: CPU of a page",
            value=f"{used:.0f} ms",
            target=f"≤ {SERVER_MS:g} ms",
            reached=used <= SERVER_MS,
        ),
        Figure(
            name=f"{what}: a whole page of {len(body) / 1024:.0f} KiB, the first and the median",
            value=f"{first:.0f} and {median:.0f} ms",
            target=f"≤ {PAGE_MS:g} ms",
            reached=max(first, median) <= PAGE_MS,
        ),
    ]


async def change(
    browser: aiohttp.ClientSession, server: EmbeddedApiServer, what: str, address: str
) -> Figure:
    """Change a Canary again and again, and wait each time until an open page shows it."""
    took = []
    asked: Mapping[str, str] = {"search": WATCHED[1]} if address.endswith("fleet") else {}
    async with browser.get(address, params=asked) as stream:
        await stream.content.readuntil(b"\n\n")
        for number in range(CHANGES):
            weight = 11 + number
            status = a_status(Phase.PROGRESSING, weight=weight, step=1, steps=9)
            _put(server, 0, "shop", write_status(status))
            began = time.monotonic()
            while f"{weight} %".encode() not in await stream.content.readuntil(b"\n\n"):
                pass
            took.append(1000 * (time.monotonic() - began))
    median, longest = sorted(took)[CHANGES // 2], max(took)
    return Figure(
        name=f"{what}: a change until an open page shows it, the median and the longest",
        value=f"{median:.0f} and {longest:.0f} ms",
        target=f"≤ {CHANGE_MS:g} ms",
        reached=longest <= CHANGE_MS,
    )
