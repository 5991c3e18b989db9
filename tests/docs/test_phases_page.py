"""The picture of the phases has all that the table of changes says."""

from xml.etree import ElementTree as ET

from canary.api.status import Phase
from canary.core.phases import TRANSITIONS
from tests.docs.phases_page import ROWS, changes, picture


def test_the_picture_has_every_phase_and_an_arrow_for_every_change_but_a_deletion() -> None:
    drawing = ET.fromstring(picture())
    space = {"svg": "http://www.w3.org/2000/svg"}
    table = {
        (before, after)
        for before, followers in TRANSITIONS.items()
        for after in followers
        if before is not Phase.NEW and after is not Phase.TERMINATING
    }

    assert set(changes()) == table
    assert [each.text for each in drawing.iterfind("svg:text", space)] == [*ROWS]
    assert len(drawing.findall("svg:path", space)) == len(table)


def test_what_is_not_drawn_of_a_deletion_holds_for_every_phase() -> None:
    assert all(Phase.TERMINATING in TRANSITIONS[phase] for phase in ROWS)
