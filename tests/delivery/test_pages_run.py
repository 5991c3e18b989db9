"""Blocks of the pages that are marked as run: the commands work, and print what the page shows."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from canary.api.kinds import DEPLOYMENT
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from tests.cli.leases import create_lease
from tests.docs.pages import DOCS, ROOT, marked
from tidegate_embedded.apiserver import EmbeddedApiServer

pytestmark = pytest.mark.delivery

#: In a checkout alone; in the demonstration, one page after the other; in a cluster without pods.
CHECKOUT, DEMO, CLUSTER = "", "demo", "cluster"
#: The pages of the demonstration, in the order in which each leaves what the next one needs.
IN_TURN = ("first-gate", "tutorial")
RUN = {
    where: {
        str(each.page.relative_to(DOCS).with_suffix("")) for each in marked() if each.where == where
    }
    for where in (CHECKOUT, DEMO, CLUSTER)
}
#: The Deployment that the pages release.
SHOP = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop", "namespace": "default"},
    "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "app", "image": "registry.example/shop:6.0"}]},
        },
    },
}
#: What a reader has in files and in the environment where a page begins.
SECRETS = ("token", "address", "links.key")
ENVIRONMENT = {"IMAGE": "registry.example/shop:6.1", "TRACEPARENT": f"00-{'1' * 32}-{'2' * 16}-01"}
#: What stands for any text of a line, or for any lines.
ANYTHING = "…"


@dataclass(frozen=True, slots=True)
class Typed:
    """A command of a page, and what the page shows of its output."""

    line: str
    shown: tuple[str, ...]


def typed(page: Path, where: str) -> Iterator[Typed]:
    """Give the commands of a page's blocks that run somewhere, in their order."""
    for block in marked():
        if (block.page, block.where) == (page, where):
            text = block.text.replace("\\\n", " ")
            found = [each.splitlines() for each in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
            # A block that shows the commands alone says nothing of what they print.
            silent = not any(shown for _, *shown in found)
            yield from (
                Typed(line, (ANYTHING,) if silent else tuple(shown)) for line, *shown in found
            )


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


async def follow(page: str, where: str, folder: Path, **environment: str) -> None:
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


@asynccontextmanager
async def quiet_cluster(folder: Path) -> AsyncIterator[str]:
    """Run an API server with tidegate's kinds, a Deployment, and a controller's Lease; give its kubeconfig."""
    async with EmbeddedApiServer() as server:
        kubeconfig = str(server.kubeconfig(folder / "kubeconfig"))
        async with Cluster.connect(kubeconfig=kubeconfig) as cluster:
            for definition in crds().values():
                await cluster.create(definition, CRD)
            for name in ("shop", "tidegate-system"):
                await cluster.create(manifests.namespace(name), NAMESPACE)
            await cluster.create(SHOP, DEPLOYMENT)
            await create_lease(cluster, datetime.now(UTC), seconds=3600)
        yield kubeconfig


def test_every_block_that_is_marked_as_run_is_run_somewhere() -> None:
    places = {each.where for each in marked() if each.where is not None}
    assert places == {CHECKOUT, DEMO, CLUSTER}
    assert RUN[DEMO] == set(IN_TURN)


@pytest.mark.parametrize("page", sorted(RUN[CHECKOUT]))
async def test_what_a_page_does_without_a_cluster_is_done_as_it_says(
    tmp_path: Path, page: str
) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")

    await follow(page, CHECKOUT, tmp_path)


@pytest.mark.parametrize("page", sorted(RUN[CLUSTER]))
async def test_what_a_page_asks_of_a_cluster_is_done_as_it_says(tmp_path: Path, page: str) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for name in SECRETS:
        (tmp_path / name).write_text("https://chat.example.com/hook", encoding="utf-8")

    async with quiet_cluster(tmp_path) as kubeconfig:
        await follow(page, CLUSTER, tmp_path, KUBECONFIG=kubeconfig, **ENVIRONMENT)


async def test_a_gate_is_approved_and_a_slow_release_rolled_back_in_the_demonstration(
    tmp_path: Path,
) -> None:
    async with demonstration() as kubeconfig:
        for page in IN_TURN:
            await follow(page, DEMO, tmp_path, KUBECONFIG=kubeconfig)


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
