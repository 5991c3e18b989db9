"""The commit of a revision: what the target says of it, where it is the hash of one."""

from datetime import UTC, datetime

import pytest

from canary.api.status import CanaryStatus, Phase, read_status
from canary.core.facts import Revision
from tests.builders import NEW, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, up

SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8"


def test_a_run_records_the_commit_of_its_revision():
    facts = some_facts(target=a_workload(commit=SHA), revision=Revision(id=NEW))
    assert decided(a_spec(), a_status(), facts, at(0)).status.commit == SHA


def test_a_commit_that_is_named_later_is_recorded():
    going = a_status(Phase.PROGRESSING)
    written = decided(a_spec(), going, up(target=a_workload(commit=SHA)), at(60)).status
    assert written.commit == SHA


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-01T01:00:00+01:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("1767225600", None),
        ("", None),
    ],
)
def test_a_run_records_when_its_commit_was_made_where_the_target_says_a_moment(
    written: str, moment: datetime | None
):
    target = a_workload(commit=SHA, committed_at=written)
    facts = some_facts(target=target, revision=Revision(id=NEW))
    assert decided(a_spec(), a_status(), facts, at(0)).status.committed_at == moment
    later = decided(a_spec(), a_status(Phase.PROGRESSING), up(target=target), at(60)).status
    assert later.committed_at == moment


@pytest.mark.parametrize("commit", ["", "main", "9FCEB02", "../../x", SHA + "0" * 64, f"{SHA}\n"])
def test_what_is_no_hash_is_no_commit(commit: str):
    facts = some_facts(target=a_workload(commit=commit), revision=Revision(id=NEW))
    assert decided(a_spec(), a_status(), facts, at(0)).status.commit == ""


def test_a_commit_that_was_written_by_hand_is_forgotten():
    assert read_status({"commit": "../../x", "runs": 3}) == CanaryStatus(runs=3)
