"""The names of tests, as pages name them that say what holds."""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent


def claimed(test: str) -> bool:
    """Tell whether there is a test: `path::name` below `tests/`, with `Class.` where it is in one."""
    path, name = test.split("::")
    return name in _claims_of(TESTS / path)


@cache
def _claims_of(path: Path) -> frozenset[str]:
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
