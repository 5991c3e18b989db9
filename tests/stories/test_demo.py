"""`tidegate demo`, as a new user runs it, without a terminal."""

import asyncio
import sys

import pytest

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


async def test_an_unknown_router_is_refused_with_the_known_ones() -> None:
    code, output = await run_demo("--router", "nginx")

    assert code == 2
    assert "istio" in output
    assert "gatewayapi" in output
