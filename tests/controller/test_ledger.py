"""The records of one kind: what events and answers tell, in whatever order they come."""

from typing import Any

from canary.api.kinds import CONFIG_MAP, Kind
from canary.cluster.ledger import Ledger

PLACE = ("default", "a")


def an_object(version: int, value: str) -> dict[str, Any]:
    metadata = {"namespace": PLACE[0], "name": PLACE[1], "resourceVersion": str(version)}
    return {"metadata": metadata, "value": value}


class Told:
    """A ledger, and what it has told."""

    def __init__(self) -> None:
        self.changes: list[tuple[object, object]] = []
        self.ledger = Ledger(
            CONFIG_MAP, trim=lambda each: each["value"], owners=None, on_change=self._on_change
        )
        self.ledger.take_event("ADDED", an_object(1, "old"))
        self.changes.clear()

    def _on_change(self, _: Kind, _place: str, _name: str, before: object, after: object) -> None:
        self.changes.append((before, after))


def test_the_event_of_a_write_that_comes_before_its_answer_tells_nobody():
    told = Told()
    with told.ledger.writing(PLACE):
        told.ledger.take_event("MODIFIED", an_object(2, "ours"))
        assert told.ledger.records[PLACE] == "ours"
        told.ledger.put(an_object(2, "ours"))
    assert told.changes == []


def test_what_others_write_meanwhile_is_told_when_the_answer_is_there():
    told = Told()
    with told.ledger.writing(PLACE):
        told.ledger.take_event("MODIFIED", an_object(2, "theirs"))
        told.ledger.take_event("MODIFIED", an_object(3, "ours"))
        told.ledger.take_event("MODIFIED", an_object(4, "theirs again"))
        told.ledger.put(an_object(3, "ours"))
        assert told.changes == []
    assert told.changes == [("old", "theirs"), ("ours", "theirs again")]
    assert told.ledger.records[PLACE] == "theirs again"


def test_all_is_told_where_a_write_fails():
    told = Told()
    try:
        with told.ledger.writing(PLACE):
            told.ledger.take_event("MODIFIED", an_object(2, "theirs"))
            raise TimeoutError
    except TimeoutError:
        pass
    assert told.changes == [("old", "theirs")]
    told.ledger.take_event("MODIFIED", an_object(3, "later"))
    assert told.changes[1:] == [("theirs", "later")]


def test_versions_that_are_no_numbers_tell_nothing_of_whose_they_are():
    told = Told()
    with told.ledger.writing(PLACE):
        unnumbered = an_object(0, "theirs")
        unnumbered["metadata"]["resourceVersion"] = "x"
        told.ledger.take_event("MODIFIED", unnumbered)
        told.ledger.put(unnumbered)
    assert told.changes == [("old", "theirs")]


def test_of_two_writes_at_once_neither_is_told():
    told = Told()
    with told.ledger.writing(PLACE):
        with told.ledger.writing(PLACE):
            told.ledger.take_event("MODIFIED", an_object(2, "one"))
            told.ledger.put(an_object(2, "one"))
        told.ledger.take_event("MODIFIED", an_object(3, "other"))
        told.ledger.put(an_object(3, "other"))
    assert told.changes == []
