"""A router that says nothing but how weights are written is a router."""

import pytest

from canary.routers.defaults import RouterDefaults
from tests.routers.builders import a_canary


class Bare(RouterDefaults):
    """Leaves out what it may."""

    name = "bare"


CANARY = a_canary("bare")


def test_it_has_no_variant_and_its_api_neither_lacks_a_field_nor_refuses_anything():
    bare = Bare()
    assert bare.variants == ()
    assert not bare.by_apex
    assert bare.required_fields(CANARY) == ()
    assert bare.refusal({}) == ""
    assert not bare.pending({})


def test_weights_are_all_it_can_say():
    assert Bare().problems(CANARY) == ()
    assert Bare().ignored(CANARY) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"service": {"match": [{"uri": {"prefix": "/"}}]}}, "spec.service.match"),
        ({"service": {"gateways": ["mesh"]}}, "spec.service.gateways"),
    ],
)
def test_what_decides_who_reaches_the_canary_is_refused(changes, field):
    (problem,) = Bare().problems(a_canary("bare", **changes))
    assert problem.field == field
    assert "bare" in problem.remedy


def test_an_ornament_is_ignored_with_a_warning():
    (warning,) = Bare().ignored(a_canary("bare", service={"timeout": "5s"}))
    assert warning.field == "spec.service.timeout"
