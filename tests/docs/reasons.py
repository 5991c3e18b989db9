"""Every reason that a Canary can give: in conditions, in events, and for what it waits for.

They are read out of the code, so that a new one can't be forgotten.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from canary.api.status import Outcome
from canary.core.conditions import INVALID
from canary.core.waits import MEANINGS
from tests.docs.pages import ROOT

_CODE = ROOT / "canary"
#: The core has no words of two or more humps but reasons.
_REASON = re.compile(r"([A-Z][a-z]+){2,}")


def reasons() -> dict[str, str]:
    """Give every reason with the place that it was found at."""
    found = {str(outcome): "canary/api/status.py" for outcome in Outcome}
    found[INVALID] = "canary/core/conditions.py"
    for package in ("controller", "resources", "core"):
        for module in sorted((_CODE / package).rglob("*.py")):
            tree = ast.parse(module.read_text(encoding="utf-8"))
            place = str(module.relative_to(ROOT))
            named = _told(tree) if package == "core" else _given(tree)
            found |= dict.fromkeys(named, place)
    return found | dict.fromkeys(MEANINGS, "canary/core/waits.py")


def _told(tree: ast.Module) -> Iterator[str]:
    """Give what the core calls by such a word, and what it tells."""
    yield from _words(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            first = node.args[0] if node.args and node.func.attr == "tell" else None
            if isinstance(first, ast.Constant):
                yield first.value


def _given(tree: ast.Module) -> Iterator[str]:
    """Give what the shell and the renderers give as a reason, by itself or by a constant's name."""
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.keyword) and node.arg == "reason":
            values = [node.value]
        elif isinstance(node, ast.Dict):
            values = [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "reason"
            ]
        for value in values:
            given = constants.get(value.id) if isinstance(value, ast.Name) else value
            if given is not None:
                yield from _words(given)


def _words(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        word = node.value if isinstance(node, ast.Constant) else None
        if isinstance(word, str) and _REASON.fullmatch(word):
            yield word


def rows(page: Path) -> dict[str, str]:
    """Give the rows of a page's tables by the reasons in their first cells."""
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"^\| (`.*)$", text, re.MULTILINE)
    return {
        reason: line for line in lines for reason in re.findall(r"`(\w+)`", line.partition("|")[0])
    }
