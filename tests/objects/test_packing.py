"""Objects in the caches: small, the same after packing, and alike if and only if they are equal."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.demo import manifests
from canary.objects.packing import packed, unpacked

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(document=st.dictionaries(st.text(), VALUES))
def test_what_is_packed_is_read_as_it_was(document: dict[str, Any]) -> None:
    assert unpacked(packed(document)) == document


def test_what_is_read_is_a_copy_of_its_own() -> None:
    content = packed({"metadata": {}})
    unpacked(content)["metadata"]["name"] = "mine"
    assert unpacked(content) == {"metadata": {}}


@given(one=st.dictionaries(st.text(), VALUES), other=st.dictionaries(st.text(), VALUES))
def test_packed_documents_are_equal_where_their_json_is(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (packed(one) == packed(other)) == (orjson.dumps(one) == orjson.dumps(other))


@pytest.mark.parametrize(
    "document",
    [
        manifests.canary("istio"),
        manifests.canary("gatewayapi", analysis={"stepWeights": [10, 50]}),
        manifests.deployment("6.1.0"),
    ],
    ids=["of Istio", "of the Gateway API", "a Deployment"],
)
def test_an_object_takes_less_than_half_of_its_json(document: dict[str, Any]) -> None:
    assert len(packed(document)) < len(orjson.dumps(document)) / 2
