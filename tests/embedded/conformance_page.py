"""The page of what the embedded API server is held to: written from the conformance suite."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.testbed.tools import ROOT

SUITE = ROOT / "tests" / "conformance"
PAGE = ROOT / "embedded" / "CONFORMANCE.md"
#: These check what the server makes of tidegate's own CRDs.
PRODUCT = {"test_canaries.py", "test_refusals.py"}
_INTRODUCTION = """\
# What the API server conforms to

Made from the conformance suite; a test fails when this page is stale.
`make control-plane` runs the same suite against kube-apiserver v1.36 with its controller manager, so each line below holds for both.
A line can stand for several cases.
"""


def page() -> str:
    """Write the page."""
    parts = [_INTRODUCTION]
    for path in sorted(SUITE.glob("test_*.py")):
        if path.name not in PRODUCT:
            parts += _section(path)
    return "\n".join(parts)


def _section(path: Path) -> Iterator[str]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    subject, *_ = (ast.get_docstring(module) or "").splitlines()
    yield f"## {subject.rstrip('.')}\n"
    if claims := _claims(module.body):
        yield claims
    for each in module.body:
        if isinstance(each, ast.ClassDef) and (claims := _claims(each.body)):
            yield f"**{_words(each.name.removeprefix('Test'))}**\n"
            yield claims


def _claims(body: list[ast.stmt]) -> str:
    names = [each.name for each in body if isinstance(each, ast.FunctionDef)]
    tests = [name.removeprefix("test_") for name in names if name.startswith("test_")]
    return "".join(f"- {name.replace('_', ' ')}\n" for name in tests)


def _words(name: str) -> str:
    """Spell a class's name: ManagedFields is `Managed fields`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).capitalize()
