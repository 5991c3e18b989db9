"""Modules have one subject: one that is long says in its docstring why it is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("analysis", "canary", "embedded/src/tidegate_embedded")
LONGEST = 300
"""Lines of a module that needs no reason."""
MODULES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def reason(path: Path) -> str:
    """Give the reason for a module's length: the sentence that begins with "Long because"."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    found = re.search(r"\bLong because (.+?)(?:\.\s|\.$|\Z)", text, re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def test_a_long_module_says_why_it_is_long() -> None:
    long = {str(path.relative_to(ROOT)): path for path in MODULES if len(lines(path)) > LONGEST}

    assert [name for name, path in long.items() if len(reason(path)) < 20] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_read(room: str) -> None:
    assert len([path for path in MODULES if path.is_relative_to(ROOT / room)]) > 10
