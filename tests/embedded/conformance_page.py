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
    for each in module.body:
        if isinstance(each, ast.ClassDef):
            claims = [_claim(test) for test in each.body if isinstance(test, ast.FunctionDef)]
            yield f"**{_words(each.name.removeprefix('Test'))}**\n"
            yield "".join(f"- {claim}\n" for claim in claims if claim)


def _claim(test: ast.FunctionDef) -> str:
    _, found, claim = test.name.partition("test_")
    return claim.replace("_", " ") if found else ""


def _words(name: str) -> str:
    """Spell a class's name: ManagedFields is `Managed fields`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).capitalize()
