"""The label by which one service selects the pods of both sides."""

import pytest

from canary.api.kinds import Manifest
from canary.resources.names import shared_label_lacking, shared_selector
from tests.resources.builders import a_deployment

LABEL = "tidegate.dev/service"
FIELD = f"spec.template.metadata.labels[{LABEL}]"


def labelled(value: str | None) -> Manifest:
    """Build a workload whose pods have the label, or not."""
    labels = {"app": "podinfo"} | ({} if value is None else {LABEL: value})
    return a_deployment(template={"metadata": {"labels": labels}})


def test_pods_of_both_sides_are_selected_by_the_label_that_they_share() -> None:
    assert shared_selector("podinfo", labelled("podinfo"), labelled("podinfo")) == {
        LABEL: "podinfo"
    }


@pytest.mark.parametrize(("value", "shown"), [(None, "not set"), ("other", "'other'")])
def test_a_target_without_the_label_is_told_to_set_it(value: str | None, shown: str) -> None:
    problem = shared_selector("podinfo", labelled(value), labelled("podinfo"))
    assert str(problem) == (
        f"{FIELD}: {shown}: set it to 'podinfo' in the pod template of the target: the apex service "
        "selects the pods of both sides by it"
    )


@pytest.mark.parametrize(
    ("primary", "shown"),
    [(labelled(None), "not set"), (labelled("other"), "'other'"), (None, "not set")],
)
def test_a_primary_without_the_label_gets_it_by_a_promotion_without_a_share(
    primary: Manifest | None, shown: str
) -> None:
    problem = shared_selector("podinfo", labelled("podinfo"), primary)
    assert str(problem) == (
        f"{FIELD}: {shown}: promote this revision with `tidegate promote`: the primary's pods need "
        "the value 'podinfo' too, so that the apex service can select the pods of both sides"
    )


def test_a_pod_template_without_labels_has_none() -> None:
    bare = a_deployment(template={"metadata": None})
    problem = shared_selector("podinfo", bare, None)
    assert str(problem).startswith(f"{FIELD}: not set")


@pytest.mark.parametrize(
    ("value", "lacking"),
    [("podinfo", ""), ("other", f"{LABEL}: podinfo"), (None, f"{LABEL}: podinfo")],
)
def test_what_a_workload_lacks_is_the_label_with_the_name_of_the_service(
    value: str | None, lacking: str
) -> None:
    assert shared_label_lacking("podinfo", labelled(value)) == lacking
