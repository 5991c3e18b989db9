"""The page of security promises nothing without a test, and every promise has a module of tests."""

import re

import pytest

from tests.docs.claims import TESTS, claimed
from tests.docs.pages import DOCS
from tests.docs.promises import PROMISES

PAGE = DOCS / "security.md"
#: What a module of `tests/security/` begins with where it is of one of the promises.
NUMBERED = re.compile(r'^"""(S\d+)\b')


def test_the_page_promises_what_has_tests_and_nothing_else() -> None:
    (held,) = re.findall(
        r"^## What holds\n(.*?)^## ", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )

    assert [each.rstrip(".") for each in re.findall(r"^- \*\*(.+?)\*\*", held, re.MULTILINE)] == [
        *PROMISES
    ]


@pytest.mark.parametrize("promise", PROMISES)
def test_tests_claim_what_is_promised_and_some_of_them_are_those_of_security(promise: str) -> None:
    tests = PROMISES[promise]
    missing = [
        f"{module}::{name}"
        for module, names in tests.items()
        for name in names
        if not claimed(f"{module}::{name}")
    ]

    assert missing == []
    assert any(each.startswith("security/") for each in tests)


def test_each_number_of_a_promise_has_a_module_that_a_promise_names() -> None:
    numbers = {
        found[1]
        for tests in PROMISES.values()
        for path in tests
        if (found := NUMBERED.match((TESTS / path).read_text(encoding="utf-8")))
    }

    assert numbers == {f"S{number}" for number in range(1, 17)}
