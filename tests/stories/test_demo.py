"""`tidegate demo`, as a new user runs it, without a terminal."""

import asyncio
import sys

import aiohttp
import pytest

from tests.controller.running import until

pytestmark = pytest.mark.story


async def run_demo(*flags: str) -> tuple[int | None, str]:
    """Run the demonstration; give its exit code and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "canary",
        "demo",
        *flags,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize("router", ["istio", "smi", "gatewayapi"])
async def test_it_promotes_the_good_release_and_rolls_the_bad_one_back(router: str) -> None:
    code, output = await run_demo("--router", router, "--metrics", "scrape")

    assert code == 0, output
    assert "a good release (6.1.0): Promoted" in output
    assert "a bad release (6.2.0): RolledBack" in output
    assert "success rate" in output
    assert ", 0 lost" in output
    shown = output.partition("what happened")[0].splitlines()
    assert any("event RolledBack: " in line for line in shown), "the last that is seen"


async def test_in_several_clusters_a_good_release_reaches_all_and_a_bad_one_only_the_first() -> (
    None
):
    code, output = await run_demo("--clusters", "2", "--metrics", "scrape")

    assert code == 0, output
    assert "a good release (6.1.0): Promoted in 2 clusters" in output
    assert "a bad release (6.2.0): RolledBack in cluster-1, waiting in 1" in output
    assert ", 0 lost" in output
    assert "plan: release 6.1.0 is promoted in all clusters" in output
    assert "plan: halted: release 6.2.0 was rolled back in cluster-1" in output


@pytest.mark.parametrize("flag", ["--keep", "--dashboard"])
async def test_what_is_about_one_cluster_is_refused_with_several(flag: str) -> None:
    code, output = await run_demo("--clusters", "2", flag)

    assert code == 2
    assert f"{flag}: it is about one cluster: leave --clusters out" in output


async def test_an_unknown_router_is_refused_with_the_known_ones() -> None:
    code, output = await run_demo("--router", "nginx")

    assert code == 2
    assert "istio" in output
    assert "gatewayapi" in output


async def test_it_can_be_watched_in_the_dashboard_to_the_end_of_a_run() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "canary", "demo", "--metrics", "scrape", "--dashboard"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed: list[str] = []
    while not (printed and printed[-1].startswith("dashboard ")):
        line = await process.stdout.readline()
        assert line, printed
        printed.append(line.decode())
    address = printed[-1].removeprefix("dashboard ").strip()
    output = asyncio.create_task(process.stdout.read())
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        await watched(browser, address)
    await process.wait()
    assert process.returncode == 0, (await output).decode()


async def watched(browser: aiohttp.ClientSession, address: str) -> None:
    """Open the page of the demonstration's Canary, and watch it until a run has been promoted."""
    assert (await browser.get(address)).status == 200
    page = address.partition("/?")[0]

    async def there() -> bool:
        async with browser.get(f"{page}/c/demo/podinfo") as answer:
            return answer.status == 200

    await until(there)
    drawn = {"step-now", "line line-1"}
    seen: set[str] = set()
    limit = aiohttp.ClientTimeout(total=None)
    async with browser.get(f"{page}/live/c/demo/podinfo", timeout=limit) as live:
        async for line in live.content:
            seen |= {each for each in drawn if each in line.decode()}
            if b">Promoted<" in line:
                break
    assert seen == drawn
