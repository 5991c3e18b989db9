"""What two releases know of the same status: each can read what the other has written.

A status is read leniently, so a value that is not known is lost with all that stands beside it: a
phase, and a Canary begins anew; a field of the run, and the run does. So a field that both know has one
meaning, and what is new stands beside what is old.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.docs.pages import DOCS
from tests.upgrade.schemas import STATUSES, known
from tests.upgrade.test_release_before import RECORDED

BEFORE: Any = json.loads(RECORDED.with_suffix(".known.json").read_text())
NOW: Any = json.loads(known())
PARTS = [
    (status.__name__, part)
    for status in STATUSES
    for part in ("", *BEFORE["statuses"][status.__name__]["$defs"])
]


def parts(known: Any, status: str, part: str) -> Mapping[str, Any]:
    """Give one object of a status, or the status itself."""
    schema: Mapping[str, Any] = known["statuses"][status]
    return schema["$defs"][part] if part else {**schema, "$defs": None}


@pytest.mark.parametrize(("status", "part"), PARTS, ids=[f"{a}.{b}".rstrip(".") for a, b in PARTS])
def test_a_part_of_a_status_that_both_know_has_the_same_values_in_both(
    status: str, part: str
) -> None:
    before, now = parts(BEFORE, status, part), parts(NOW, status, part)
    fields = before.get("properties", {})
    shared = {name: each for name, each in now.get("properties", {}).items() if name in fields}
    assert {**now, "properties": shared} == {**before, "properties": fields}


@pytest.mark.parametrize(("status", "part"), PARTS, ids=[f"{a}.{b}".rstrip(".") for a, b in PARTS])
def test_a_field_that_is_new_is_passed_over_by_the_release_before(status: str, part: str) -> None:
    assert parts(BEFORE, status, part).get("additionalProperties", True) is not False


def new_fields() -> Iterator[tuple[str, str]]:
    """Name the fields that people can write now and could not before, but for those within one."""
    for kind, before in BEFORE["specs"].items():
        new = set(NOW["specs"][kind]) - set(before)
        yield from ((kind, each) for each in sorted(new) if each.rpartition(".")[0] not in new)


@pytest.mark.parametrize("kind", BEFORE["specs"])
def test_every_field_that_could_be_written_before_can_be_written_now(kind: str) -> None:
    assert set(BEFORE["specs"][kind]) <= set(NOW["specs"][kind])


def test_the_page_names_the_fields_to_take_out_before_one_goes_back() -> None:
    section = (DOCS / "operations.md").read_text().partition("## Upgrade\n")[2]
    said = re.findall(r"`(spec\.[^`]+)` of an? (\w+)", section.partition("\n## ")[0])
    assert sorted((kind, field) for field, kind in said) == sorted(new_fields())
