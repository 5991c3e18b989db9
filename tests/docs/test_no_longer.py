"""Each row of what Flagger's users no longer meet names a test that there is."""

import pytest

from tests.docs.claims import claimed
from tests.docs.no_longer import Row, rows


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.met[:50])
def test_a_test_claims_what_holds(row: Row) -> None:
    assert claimed(row.test)


def test_no_defect_is_there_twice() -> None:
    met = [row.met for row in rows()]
    assert len(met) == len(set(met)) > 50
