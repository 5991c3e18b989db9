"""A revision is what the user wrote."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.resources.revision import CURRENT, revision, version_of
from tests.resources.builders import a_deployment

TEMPLATE = a_deployment()["spec"]["template"]
CONFIGS = {"configmap/app": "aa", "secret/app": "bb"}


def test_it_names_its_algorithm_and_64_bits_of_hash() -> None:
    assert re.fullmatch(r"1-[0-9a-f]{16}", revision(TEMPLATE, CONFIGS))


def test_it_never_changes_from_one_release_to_the_next() -> None:
    template = {"metadata": {"labels": {"app": "ü"}}, "spec": {"containers": [{"name": "a"}]}}
    assert revision(template, CONFIGS) == "1-ea72dce993a6815d"
    assert revision(template, CONFIGS, version=1) == revision(template, CONFIGS)


def with_container(**fields: Any) -> Any:
    return a_deployment(container=fields)["spec"]["template"]


@pytest.mark.parametrize(
    "template",
    [
        with_container(image="podinfo:2"),
        with_container(env=[]),
        with_container(env=[{"name": "A"}]),
        a_deployment(pod={"volumes": [{"name": "a", "emptyDir": {}}]})["spec"]["template"],
        {**TEMPLATE, "metadata": {"labels": {"app": "podinfo"}, "annotations": {"retry": "1"}}},
    ],
    ids=["image", "an empty list", "env", "an empty object", "annotation"],
)
def test_it_changes_with_everything_in_the_template(template: Any) -> None:
    assert revision(template, CONFIGS) != revision(TEMPLATE, CONFIGS)


@pytest.mark.parametrize(
    "configs",
    [{}, {"configmap/app": "aa"}, CONFIGS | {"secret/app": "cc"}, CONFIGS | {"secret/b": ""}],
)
def test_it_changes_with_every_config(configs: dict[str, str]) -> None:
    assert revision(TEMPLATE, configs) != revision(TEMPLATE, CONFIGS)


@pytest.mark.parametrize(
    "template",
    [
        with_container(env=None),
        dict(reversed(TEMPLATE.items())),
        {**TEMPLATE, "metadata": {"labels": {"app": "podinfo"}}},
        {**TEMPLATE, "status": None},
    ],
    ids=["a null", "order", "creationTimestamp", "another null"],
)
def test_it_does_not_change_with_what_says_nothing(template: Any) -> None:
    assert revision(template, CONFIGS) == revision(TEMPLATE, CONFIGS)


def test_a_template_without_metadata_has_one() -> None:
    assert revision({"spec": {}}, {}) == revision({"metadata": None, "spec": {}}, {})


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_it_can_be_computed_of_any_template(spec: object) -> None:
    template = {"spec": {"value": spec}}
    assert revision(template, {}) == revision(template, {})
    other = revision({"spec": {"value": [spec]}}, {})
    assert other != revision(template, {})


@pytest.mark.parametrize(
    ("recorded", "version"),
    [
        (revision(TEMPLATE, {}), 1),
        ("9-ab", CURRENT),
        ("", CURRENT),
        ("x-1", CURRENT),
        ("²-1", CURRENT),
        ("1" * 5000, CURRENT),
    ],
)
def test_a_recorded_revision_tells_its_algorithm(recorded: str, version: int) -> None:
    assert version_of(recorded) == version


def test_an_unknown_algorithm_is_an_error() -> None:
    with pytest.raises(KeyError):
        revision(TEMPLATE, {}, version=9)
