"""Blocks of the pages that are marked as run: the commands work, and print what the page shows."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

pytestmark = pytest.mark.delivery

_BLOCK = re.compile(
    r"^<!-- runs(: (?P<where>demo))? -->\n```console\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
#: What stands for any text of a line, or for any lines.
ANYTHING = "…"


@dataclass(frozen=True, slots=True)
class Typed:
    """A command of a page, and what the page shows of its output."""

    line: str
    shown: tuple[str, ...]


def typed(page: Path, where: str | None) -> Iterator[Typed]:
    """Give the commands of a page's blocks that run somewhere, in their order."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["where"] == where:
            for each in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                line, *shown = each.splitlines()
                yield Typed(line, tuple(shown))


def pattern(shown: str) -> re.Pattern[str]:
    """Make of a line of a page what it matches; blanks at the end do not count."""
    parts = (re.escape(part.strip()) for part in shown.split(ANYTHING))
    return re.compile(r"\s*" + ".*".join(parts) + r"\s*$")


def missing(shown: tuple[str, ...], printed: str) -> str:
    """Give the first line that a page shows and the command did not print there."""
    rest = printed.splitlines()
    anywhere = False
    for line in shown:
        if line.strip() == ANYTHING:
            anywhere = True
            continue
        found = (at for at, each in enumerate(rest) if pattern(line).match(each))
        at = next(found, None)
        if at is None or (at and not anywhere):
            return line
        rest, anywhere = rest[at + 1 :], False
    return "" if anywhere or not rest else f"nothing more, but there is: {rest[0]}"


async def run(line: str, *, where: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command as a reader types it; give its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", line),
        cwd=where,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def follow(page: str, where: str | None, folder: Path, **environment: str) -> None:
    """Type the commands of a page one after the other."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    lines = list(typed(DOCS / f"{page}.md", where))
    assert lines
    for each in lines:
        code, printed = await run(
            each.line, where=folder, environment={"PATH": path, "COLUMNS": "200", **environment}
        )
        assert (code, missing(each.shown, printed)) == (0, ""), f"$ {each.line}\n{printed}"


@asynccontextmanager
async def demonstration() -> AsyncIterator[str]:
    """Keep the demonstration running; give its kubeconfig."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "canary", "demo", "--keep", "--metrics", "scrape"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed = ""
    while "Ctrl-C ends everything." not in printed:
        line = await process.stdout.readline()
        assert line, printed
        printed += line.decode()
    (kubeconfig, *_) = re.findall(r"export KUBECONFIG=(\S+)", printed)
    reading = asyncio.create_task(process.stdout.read())
    try:
        yield kubeconfig
    finally:
        process.terminate()
        await reading
        await process.wait()


@pytest.mark.parametrize("page", ["from-flagger", "simulate"])
async def test_what_a_page_does_without_a_cluster_is_done_as_it_says(
    tmp_path: Path, page: str
) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")

    await follow(page, None, tmp_path)


def test_every_block_that_is_marked_is_run() -> None:
    marked = {
        (page.stem, block["where"])
        for page in DOCS.rglob("*.md")
        for block in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    }
    assert marked == {("from-flagger", None), ("simulate", None), ("first-gate", "demo")}


async def test_the_first_gate_holds_and_is_approved_in_the_demonstration(tmp_path: Path) -> None:
    async with demonstration() as kubeconfig:
        await follow("first-gate", "demo", tmp_path, KUBECONFIG=kubeconfig)


@pytest.mark.parametrize(
    ("shown", "printed", "found"),
    [
        (("a … c",), "a b c", ""),
        (("a",), "a\n", ""),
        (("a",), "b", "a"),
        (("b",), "a\nb", "b"),
        (("…", "b"), "a\nb", ""),
        (("a",), "a\nb", "nothing more, but there is: b"),
        (("a", "…"), "a\nb", ""),
        (("a", "b"), "b\na", "a"),
    ],
)
def test_what_a_page_shows_is_found_in_order(
    shown: tuple[str, ...], printed: str, found: str
) -> None:
    assert missing(shown, printed) == found
