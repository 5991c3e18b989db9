"""A primary that somebody changes by hand at rest: put back once, told once, and never a storm."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.status import CanaryStatus, Phase, PrimaryRecord
from canary.core.actions import EnsurePrimary
from canary.core.facts import Revision, Workload
from canary.core.situation import Decision
from canary.core.waits import CONTESTED, PRIMARY_CHANGED
from tests.builders import NEW, OLD, a_primary, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided

RECORD = PrimaryRecord(uid="p", revision=OLD, template="1-aa", generation=3)


def a_template(template: str = "1-aa", generation: int = 3, **fields: Any) -> Workload:
    return a_primary(
        **({"uid": "p", "changed_by": "kubectl-set"} | fields),
        template=template,
        generation=generation,
        observed_generation=generation,
    )


def decide_at(seconds: float, status: CanaryStatus, primary: Workload) -> Decision:
    return decided(a_spec(), status, some_facts(primary=primary), at(seconds))


def decide_promoting(seconds: float, status: CanaryStatus, primary: Workload) -> Decision:
    facts = some_facts(primary=primary, target=a_workload(), revision=Revision(id=NEW))
    return decided(a_spec(), status, facts, at(seconds))


def restored(decision: Decision) -> str:
    (action,) = [each for each in decision.actions if isinstance(each, EnsurePrimary)]
    return action.template


def told(decision: Decision) -> list[str]:
    return [each.reason for each in decision.status.notices]


def test_what_is_found_or_was_written_is_recorded_and_repairs_nothing() -> None:
    found = decide_at(0, a_status(), a_template())
    assert found.status.primary == RECORD
    assert restored(found) == ""
    assert told(found) == []
    again = decide_at(1, found.status, a_template())
    assert again.status.primary == RECORD


def test_what_admission_makes_of_our_own_write_is_no_change() -> None:
    injected = a_template("1-bb", 4, written="1-bb")
    decision = decide_at(0, a_status(primary=RECORD), injected)
    assert decision.status.primary == RECORD.but(template="1-bb", generation=4)
    assert told(decision) == []


def test_what_a_promotion_has_written_is_recorded_with_the_return_of_traffic() -> None:
    status = a_status(Phase.PROMOTING, weight=60, primary=RECORD)
    begun = decide_promoting(0, status, a_template(available=1)).status
    new = {"revision": NEW, "written": "1-bb"}
    updating = decide_promoting(1, begun, a_template("1-bb", 4, available=1, **new))
    assert updating.status == begun
    returned = decide_promoting(60, updating.status, a_template("1-bb", 4, **new))
    recorded = RECORD.but(template="1-bb", generation=4, revision=NEW)
    assert (returned.status.phase, returned.status.primary) == (Phase.FINALISING, recorded)


def test_what_a_promotion_has_written_is_recorded_at_once_where_someone_changes_it() -> None:
    status = a_status(Phase.PROMOTING, weight=60, primary=RECORD)
    begun = decide_promoting(0, status, a_template(available=1)).status
    changed = a_template("1-cc", 5, available=1, revision=NEW, written="1-bb")
    decision = decide_promoting(1, begun, changed)
    assert decision.status.primary == RECORD.but(template="1-bb", generation=0, revision=NEW)


def test_a_change_that_came_between_the_write_and_its_record_is_one() -> None:
    changed = a_template("1-bb", 4, written="1-aa")
    first = decide_at(0, a_status(), changed)
    assert restored(first) == "1-aa"
    assert told(first) == [PRIMARY_CHANGED]


@pytest.mark.parametrize(
    "primary",
    [
        a_template(generation=9),
        a_template("1-bb"),
        a_template("2-cc", 4),
        a_template("1-aa 2-cc", 4),
        a_template("", 4),
    ],
    ids=["scaled", "read in another way", "hashed anew", "hashed both ways", "unknown"],
)
def test_is_no_change(primary: Workload) -> None:
    decision = decide_at(0, a_status(primary=RECORD), primary)
    assert restored(decision) == ""
    assert told(decision) == []


def test_a_change_is_put_back_and_told_once_with_who_made_it() -> None:
    changed = a_template("1-bb", 4)
    first = decide_at(0, a_status(primary=RECORD), changed)
    assert restored(first) == "1-aa"
    assert told(first) == [PRIMARY_CHANGED]
    assert "kubectl-set changed the pod template" in first.status.notices[0].message
    ready = first.status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", PRIMARY_CHANGED)
    # The write has not come through yet.
    again = decide_at(1, first.status, changed)
    assert restored(again) == "1-aa"
    assert told(again) == [PRIMARY_CHANGED]
    back = decide_at(2, again.status, a_template(generation=5, written="1-aa"))
    assert restored(back) == ""
    ready = back.status.condition("Ready")
    assert ready is not None
    assert ready.status == "True"
    over = decide_at(700, back.status, a_template(generation=5))
    assert over.status.primary is not None
    assert over.status.primary.undone_at is None


def test_who_changes_it_again_soon_contests_it_and_is_told_of_once() -> None:
    first = decide_at(0, a_status(primary=RECORD), a_template("1-bb", 4))
    second = decide_at(5, first.status, a_template("1-bb", 6, changed_by=""))
    assert restored(second) == ""
    assert told(second) == [PRIMARY_CHANGED, CONTESTED]
    assert "someone keeps changing the pod template" in second.status.notices[1].message
    ready = second.status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", CONTESTED)
    third = decide_at(6, second.status, a_template("1-dd", 7))
    assert restored(third) == ""
    rested = decide_at(7, third.status, a_template("1-dd", 7))
    assert rested.wake_at == at(600)
    # Ten minutes later it is put back again, without another word.
    later = decide_at(601, rested.status, a_template("1-dd", 7))
    assert restored(later) == "1-aa"
    assert told(later) == [PRIMARY_CHANGED, CONTESTED]


def test_during_a_run_the_promotion_puts_everything_right() -> None:
    status = a_status(Phase.PROGRESSING, primary=RECORD, weight=20)
    decision = decided(a_spec(), status, some_facts(primary=a_template("1-bb", 4)), at(0))
    assert restored(decision) == ""
    assert PRIMARY_CHANGED not in told(decision)


def test_another_revision_or_another_primary_is_recorded_anew() -> None:
    contested = RECORD.but(undone_at=at(0), contested=True)
    for primary in (a_template("1-bb", 4, revision=NEW), a_template("1-bb", 1, uid="other")):
        decision = decide_at(1, a_status(primary=contested), replace(primary))
        assert decision.status.primary is not None
        assert decision.status.primary.template == "1-bb"
        assert not decision.status.primary.contested
