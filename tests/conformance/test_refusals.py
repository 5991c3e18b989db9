"""What an API server with tidegate's CRDs says of every bad object: the table of refusals."""

import pytest

from canary.api.schema import crds
from tests.api.examples import GOOD, JsonObject
from tests.api.refusals import API_SERVER, OBJECTS, said_by_api_server, table, write

PLURALS = {kind: crd["spec"]["names"]["plural"] for kind, crd in crds().items()}


#: Good for tidegate; API servers of Go refuse it where a rule reads it, as clients in Go never send it.
HANDMADE = "a whole number written as 10.0"
OURS = {
    name: obj
    for name, obj in GOOD.items()
    if obj["apiVersion"].startswith("tidegate.dev/") and name != HANDMADE
}


def answer(kinds, obj: JsonObject):
    path = kinds.path(f"tidegate.dev/v1beta1/{PLURALS[obj['kind']]}")
    placed = obj | {"metadata": obj["metadata"] | {"namespace": kinds.namespace}}
    return kinds.post(path, placed, fieldValidation="Strict", dryRun="All")


@pytest.mark.parametrize("name", OBJECTS)
def test_says_what_the_table_says(kinds, name, update_golden):
    answered = answer(kinds, OBJECTS[name])
    said = said_by_api_server(answered.status_code, answered.json())
    if update_golden:
        write(name, API_SERVER, said)
    assert said == table()[name][API_SERVER]


@pytest.mark.parametrize("obj", OURS.values(), ids=OURS)
def test_takes_what_is_good(kinds, obj):
    answered = answer(kinds, obj)
    assert answered.status_code == 201, answered.text
    assert "Warning" not in answered.headers
