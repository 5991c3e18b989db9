"""Every entry of the acceptance list is proven by a test that names it, in both worlds."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance import ACCEPTANCE

TESTS = Path(__file__).parent
STORIES = TESTS / "stories"


def marks(written: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """Give the marks that are written in an expression, with what they are given."""
    for node in ast.walk(written):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr=mark)):
                yield (
                    mark,
                    [str(each.value) for each in node.args if isinstance(each, ast.Constant)],
                )
            case ast.Attribute(value=ast.Attribute(attr="mark"), attr=mark):
                yield mark, []


class Module:
    """The tests of a file: what they claim, and where they run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._body = ast.parse(path.read_text()).body
        self._name = ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)

    def claims(self) -> Iterator[tuple[str, str, bool]]:
        """Give each claim: the id, the test, and whether the embedded world alone holds it."""
        embedded = "embedded" in self._all_marked()
        for node in ast.walk(ast.Module(self._body, [])):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                given = [each for written in node.decorator_list for each in marks(written)]
                alone = embedded or any(mark == "embedded" for mark, _ in given)
                for mark, ids in given:
                    if mark == "acceptance":
                        yield from ((each, f"{self._name}.{node.name}", alone) for each in ids)

    def told_again(self) -> Iterator[str]:
        """Give the tests of other files that this one has on the real control plane."""
        if "control_plane" in self._all_marked():
            for node in self._body:
                if isinstance(node, ast.ImportFrom):
                    yield from (f"{node.module}.{each.name}" for each in node.names)

    def _all_marked(self) -> set[str]:
        return {
            mark
            for node in self._body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
            for mark, _ in marks(node.value)
        }


#: Those that can say something of the list: to parse all of them takes seconds.
MODULES = [
    Module(path)
    for path in TESTS.rglob("test_*.py")
    if any(word in path.read_text() for word in ("mark.acceptance", "pytest.mark.control_plane"))
]


def test_every_entry_is_claimed_and_no_other() -> None:
    claimed = {entry for module in MODULES for entry, *_ in module.claims()}
    assert claimed == ACCEPTANCE.keys()


def test_every_entry_has_a_test_that_runs_in_both_worlds() -> None:
    again = {test for module in MODULES for test in module.told_again()}
    both = {
        entry
        for module in MODULES
        for entry, test, alone in module.claims()
        if test in again or (STORIES in module.path.parents and not alone)
    }
    assert ACCEPTANCE.keys() == both
