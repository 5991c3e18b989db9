"""Every entry of the acceptance list is proven by a test that names it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance import ACCEPTANCE

TESTS = Path(__file__).parent


def claims(path: Path) -> Iterator[str]:
    """Give the ids that the tests of a file claim."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(attr="acceptance"), args=arguments):
                for each in arguments:
                    assert isinstance(each, ast.Constant)
                    yield str(each.value)


def test_every_entry_is_claimed_and_no_other() -> None:
    files = [path for path in TESTS.rglob("test_*.py") if "acceptance" in path.read_text()]
    claimed = {each for path in files for each in claims(path)}
    assert claimed == ACCEPTANCE.keys()
