"""Each row of what tidegate does beside other systems names a test that there is."""

import pytest

from tests.docs.claims import claimed
from tests.docs.platform import ROWS, Row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what[:50])
def test_a_test_claims_what_tidegate_does(row: Row) -> None:
    assert claimed(row.test)
