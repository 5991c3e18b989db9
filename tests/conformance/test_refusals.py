"""What an API server with tidegate's CRDs says of every bad object: the table of refusals."""

import pytest

from canary.api.schema import crds
from tests.api.refusals import API_SERVER, OBJECTS, said_by_api_server, table, write

PLURALS = {kind: crd["spec"]["names"]["plural"] for kind, crd in crds().items()}


@pytest.mark.parametrize("name", OBJECTS)
def test_says_what_the_table_says(kinds, name, update_golden):
    obj = OBJECTS[name]
    path = kinds.path(f"tidegate.dev/v1beta1/{PLURALS[obj['kind']]}")
    placed = obj | {"metadata": obj["metadata"] | {"namespace": kinds.namespace}}
    answer = kinds.post(path, placed, fieldValidation="Strict", dryRun="All")
    said = said_by_api_server(answer.status_code, answer.json())
    if update_golden:
        write(name, API_SERVER, said)
    assert said == table()[name][API_SERVER]
