"""Running a command in a thread of the test, which costs less than a process."""

import asyncio

from click.testing import CliRunner

from canary.cli import main


async def tidegate(*arguments: str) -> tuple[int, str]:
    """Run a command; give its exit code and what it printed."""
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    return result.exit_code, result.output
