"""The names that a Canary gives to what is made for it."""

from tests.builders import a_spec


def test_a_primary_is_named_by_its_target_unless_it_came_up_under_another_name() -> None:
    spec = a_spec()
    assert spec.primary_name == "podinfo-primary"
    assert spec.with_primary("") is spec
    assert spec.with_primary("podinfo-primary") is spec
    named = spec.with_primary("shop-primary")
    assert (named.primary_name, named.usual_primary_name) == ("shop-primary", "podinfo-primary")
    assert spec.primary_name == "podinfo-primary"
    assert named != spec


def test_a_spec_is_read_by_the_names_of_an_earlier_one() -> None:
    former = a_spec(provider="smi").with_names(service="shop", provider="istio")
    assert (former.service_name, former.provider) == ("shop", "istio")
    assert former.primary_service_name == "shop-primary"
    assert former.primary_name == "podinfo-primary"
