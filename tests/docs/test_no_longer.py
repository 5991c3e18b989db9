"""Each row of what Flagger's users no longer meet names a test that there is."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.docs.no_longer import Row, rows

TESTS = Path(__file__).parent.parent


@cache
def claims_of(path: Path) -> frozenset[str]:
    """Name the tests of a module as rows do: without `test_`, after their class."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        within = node.body if isinstance(node, ast.ClassDef) else [node]
        before = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found |= {
            f"{before}{each.name.removeprefix('test_')}"
            for each in within
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and each.name.startswith("test_")
        }
    return frozenset(found)


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.met[:50])
def test_a_test_claims_what_holds(row: Row) -> None:
    path, name = row.test.split("::")
    assert name in claims_of(TESTS / path)


def test_no_defect_is_there_twice() -> None:
    met = [row.met for row in rows()]
    assert len(met) == len(set(met)) > 50
