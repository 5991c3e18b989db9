"""What a plug-in declares is consulted: no attribute or method of a protocol is there for nothing."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from analysis.judges import Judge
from analysis.providers import Provider
from canary.notifiers import Notifier
from canary.routers import Router
from canary.routers.abilities import Abilities
from canary.scalers import Scaler
from canary.targets import Target

ROOT = Path(__file__).parents[1]
FAMILIES = (Judge, Provider, Notifier, Router, Scaler, Target)
#: Where a plug-in's own modules are; what is beside its table may consult it.
OWN = ("analysis/judges", "analysis/providers", "canary/notifiers", "canary/routers")
OWN = (*OWN, "canary/scalers", "canary/targets")
#: What tests consult: the chart's rights are made from it.
MADE_OF = ("tests/delivery/test_chart_files.py",)


@cache
def consulted() -> frozenset[str]:
    """Name every attribute that is read outside the plug-ins."""
    files = [
        path
        for room in ("analysis", "canary")
        for path in (ROOT / room).rglob("*.py")
        if not (path.parent.relative_to(ROOT).as_posix() in OWN and path.stem != "__init__")
    ]
    files += [ROOT / name for name in MADE_OF]
    return frozenset(name for path in files for name in read(path))


def read(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # getattr(plugin, "name", default)
            yield node.value


def members(protocol: type) -> list[str]:
    declared = {*vars(protocol), *protocol.__annotations__}
    return sorted(name for name in declared if not name.startswith("_"))


@pytest.mark.parametrize("protocol", FAMILIES, ids=lambda protocol: protocol.__name__)
def test_what_a_protocol_declares_is_consulted(protocol: type) -> None:
    assert members(protocol)
    assert [name for name in members(protocol) if name not in consulted()] == []


def test_what_a_router_is_able_to_do_is_consulted_where_its_problems_are_found() -> None:
    asked = set(read(ROOT / "canary/routers/abilities.py")) | consulted()
    assert [name for name in Abilities.__annotations__ if name not in asked] == []
