"""Kinds of workload are known to their targets alone."""

from pathlib import Path

import pytest

from canary.targets import TARGETS, target_for

ROOT = Path(__file__).parents[2] / "canary"


@pytest.mark.parametrize("room", ["core", "controller"])
@pytest.mark.parametrize("kind", [each for each in TARGETS.names() if not target_for(each).serves])
def test_no_kind_of_workload_is_named_where_canaries_are_decided_or_worked_on(room: str, kind: str):
    words = {kind, target_for(kind).kind.plural, kind.upper()}
    found = [
        f"{file.name}: {word}"
        for file in (ROOT / room).rglob("*.py")
        for word in words
        if word in file.read_text()
    ]
    assert not found
