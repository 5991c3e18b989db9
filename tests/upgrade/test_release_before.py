"""The release before, as it left its Canaries in every moment: another one takes them over.

`recorded/` holds what the release wrote that its name says, and what it made of it itself; `record.py`
says how that came about. Nothing here needs that release, or a history of this repository.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.controller.running import World
from tests.receiver import receiving
from tests.upgrade.moments import MOMENTS
from tests.upgrade.snapshots import LEASES
from tests.upgrade.taking_over import kept, take_over

(RECORDED,) = (each for each in (Path(__file__).parent / "recorded").iterdir() if each.is_dir())
"""The release before this one: a folder with its name."""


def comes(snapshots: dict[str, Any]) -> dict[str, Any]:
    """Give what the release that was recorded made of each moment itself."""
    return {each.name: snapshots[each.name]["comes"] for each in MOMENTS}


@pytest.fixture
def left() -> dict[str, Any]:
    """What the release before has left."""
    return {each.stem: json.loads(each.read_text()) for each in RECORDED.glob("*.json")}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        yield world


def test_every_moment_is_recorded(left: dict[str, Any]) -> None:
    assert left.keys() == {each.name for each in MOMENTS} | {LEASES}


def test_that_a_wait_lasts_until_it_is_told_is_no_difference(left: dict[str, Any]) -> None:
    (canary,) = left["not-ready"]["objects"]["tidegate.dev/canaries"]
    before, wait = canary["status"], canary["status"]["waitingFor"]
    assert kept(before) == kept({**before, "waitingFor": {**wait, "told": True}})
    assert kept(before) != kept({**before, "waitingFor": {**wait, "reason": "Suspended"}})


async def test_what_the_release_before_has_left_ends_as_it_would_have_there(
    world: World, left: dict[str, Any]
) -> None:
    """Nothing that it remembered is lost, and phases, weights, pods, calls and events are the same."""
    async with receiving() as receiver:
        lost, found = await take_over(world, left, receiver)
    assert lost == {}
    assert found == comes(left)
