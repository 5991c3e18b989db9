"""The page for users of Flagger and what `tidegate migrate` says are the same sentences."""

import pytest

from canary.views.migration import DIFFERENCES, Difference
from tests.docs.pages import DOCS

PAGE = (DOCS / "migration.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: each.flagger[:40])
def test_what_migrate_says_is_a_row_of_the_page(difference: Difference) -> None:
    row = f"| {difference.flagger} | {difference.tidegate} |"
    assert [line for line in PAGE if line.startswith(row)], row


def test_no_row_of_the_page_is_there_twice() -> None:
    said = [line.split(" | ")[0] for line in PAGE if line.startswith("| ") and " | " in line]
    assert sorted({row for row in said if said.count(row) > 1}) == []
