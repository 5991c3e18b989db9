"""A revision is what the user wrote."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.resources.revision import HASHING, Algorithm, Hashing
from tests.resources.builders import a_deployment

TEMPLATE = a_deployment()["spec"]["template"]
revision = HASHING.revision
CONFIGS = {"configmap/app": "aa", "secret/app": "bb"}


def test_it_names_its_algorithm_and_64_bits_of_hash() -> None:
    assert re.fullmatch(r"1-[0-9a-f]{16}", revision(TEMPLATE, CONFIGS))


def test_it_never_changes_from_one_release_to_the_next() -> None:
    template = {"metadata": {"labels": {"app": "ü"}}, "spec": {"containers": [{"name": "a"}]}}
    assert revision(template, CONFIGS) == "1-ea72dce993a6815d"


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


NEWER = Hashing(
    {
        **HASHING.algorithms,
        2: Algorithm(
            template=lambda template: f"{len(str(template))}",
            combined=lambda digest, configs: f"{digest}-{len(configs)}",
        ),
    }
)


def test_what_is_new_is_hashed_with_the_newest_algorithm() -> None:
    assert NEWER.revision(TEMPLATE, CONFIGS) == f"2-{len(str(TEMPLATE))}-2"


@pytest.mark.parametrize(
    ("recorded", "named"),
    [
        ((), NEWER.revision(TEMPLATE, CONFIGS)),
        ((revision(TEMPLATE, CONFIGS),), revision(TEMPLATE, CONFIGS)),
        (("", revision(TEMPLATE, CONFIGS)), revision(TEMPLATE, CONFIGS)),
        (
            (NEWER.revision(TEMPLATE, CONFIGS), revision(TEMPLATE, CONFIGS)),
            NEWER.revision(TEMPLATE, CONFIGS),
        ),
        ((revision(TEMPLATE, {}),), NEWER.revision(TEMPLATE, CONFIGS)),
        (("3-ab", "x", "-", "1", "²-1", "01-ab"), NEWER.revision(TEMPLATE, CONFIGS)),
    ],
    ids=["nothing", "by an older", "the second", "the first of two", "another", "unknown"],
)
def test_a_recorded_revision_is_known_again_by_its_own_algorithm(
    recorded: tuple[str, ...], named: str
) -> None:
    assert NEWER.revision_of(NEWER.template_digest(TEMPLATE), CONFIGS, recorded) == named


def test_a_digest_says_whether_a_template_is_the_same_by_every_algorithm() -> None:
    digest = NEWER.template_digest(TEMPLATE)
    assert digest == NEWER.template_digest(dict(TEMPLATE))
    assert digest != NEWER.template_digest(with_container(image="podinfo:2"))
