"""What tidegate says of every bad object, and that both columns of the table can be acted on."""

import re

import pytest

from tests.api.examples import BAD
from tests.api.refusals import (
    ADMITTED,
    API_SERVER,
    OBJECTS,
    OF_ANY_KIND,
    TIDEGATE,
    said_by_tidegate,
    table,
    write,
)

#: Who wrote the object is told of a regular expression by nobody.
EXPRESSION = re.compile(r"should match|\[a-z|\(\?")


@pytest.mark.parametrize("name", OBJECTS)
def test_tidegate_says_what_the_table_says(name, update_golden):
    said = said_by_tidegate(OBJECTS[name])
    if update_golden:
        write(name, TIDEGATE, said)
    assert said == table()[name][TIDEGATE]


def test_the_table_has_a_row_for_every_bad_object_and_no_other():
    assert list(table()) == list(OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_somebody_refuses_it(name):
    row = table()[name]
    assert all(row.values())
    assert set(row.values()) != {ADMITTED}


@pytest.mark.parametrize("name", [each for each in OBJECTS if each not in OF_ANY_KIND])
def test_nobody_is_shown_a_regular_expression(name):
    assert not [words for words in table()[name].values() if EXPRESSION.search(words)]


#: A rule about several fields names the object that has them.
OF_SEVERAL_FIELDS = {
    "delegation with hosts": "spec.service",
    "delegation with gateways": "spec.service",
    "steps beside a match for the whole run": "spec.analysis.steps",
    "a step's metric with the name of one of the run": "spec.analysis.steps",
    # An entry is named by its key.
    "a label's value that is none": "spec.selector.matchLabels[tier]",
}


@pytest.mark.parametrize("name", [each for each in OBJECTS if each in BAD])
def test_the_api_server_names_the_field_that_tidegate_names(name):
    said = table()[name][API_SERVER]
    field = OF_SEVERAL_FIELDS.get(name, BAD[name].field)
    # Of items that are at odds with each other it names the list; the name of a map's entry it
    # writes in brackets; and no name does it cut.
    named = {
        field,
        re.sub(r"\[\d+\](\.name)?$", "", field),
        re.sub(r"\.(x-[\w-]+)", r"[\1]", field, flags=re.IGNORECASE),
        re.sub(r"(?<=\.matchLabels)\.(.+)$", r"[\1]", field),
        re.sub(r"\['(w)+…'\]", r".\1×", field),
    }
    assert said == ADMITTED or any(each in said for each in named), (field, said)
