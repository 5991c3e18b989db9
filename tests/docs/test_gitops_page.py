"""The page of GitOps: the rules to paste are those that hold, and what tools see is what it says."""

import re

import yaml

from canary.api.annotations import VERBS
from canary.api.status import Phase
from canary.cluster.cluster import FIELD_MANAGER
from canary.core.exclusions import exclusion
from canary.core.facts import Drift
from canary.objects.ownership import GITOPS_ANNOTATIONS
from tests.core.test_conditions import SEEN
from tests.delivery.argocd import lua
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "gitops.md"
TEXT = PAGE.read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Give the text below a heading, up to the next one of its kind or higher."""
    (found,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return str(found)


def first_cells(text: str) -> set[str]:
    """Give the words in code of the last column of each row."""
    cells = re.findall(r"^\| .* \| (.*) \|$", text, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}


def test_argo_cd_ignores_what_tidegate_writes_and_nothing_else() -> None:
    (application,) = (
        yaml.safe_load(each) for each in blocks(PAGE, "") if "kind: Application" in each
    )
    spec = application["spec"]

    assert spec["ignoreDifferences"] == [
        {"group": "*", "kind": "*", "managedFieldsManagers": [FIELD_MANAGER]}
    ]
    assert "RespectIgnoreDifferences=true" in spec["syncPolicy"]["syncOptions"]


def test_flux_is_held_off_by_the_annotations_that_are_written() -> None:
    said = dict(re.findall(r"`([\w./]+): (\w+)`", section("Flux")))

    assert said.items() >= GITOPS_ANNOTATIONS.items()


def test_every_health_that_argo_cd_is_told_is_on_the_page() -> None:
    told = set(re.findall(r'hs\.status, hs\.message = "(\w+)"', lua("health")))

    assert first_cells(section("Health and actions")) == told


def test_every_command_is_named_as_an_action() -> None:
    (listed,) = re.findall(r"^The commands (.*?) are actions", TEXT, re.MULTILINE)

    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(VERBS)


def test_every_state_of_kstatus_is_on_the_page() -> None:
    seen = {judged for _, _, judged in SEEN.values()}

    assert first_cells(section("Waiting")) == seen | {Phase.TERMINATING.value}


def test_the_rule_of_a_contested_object_is_the_one_that_is_told() -> None:
    drift = Drift(
        kind="VirtualService",
        name="shop",
        fields=("spec.http[0].route[0].weight",),
        changed_by="argocd-controller",
        version="7",
    )
    shown = [" ".join(each.split()) for each in blocks(PAGE, "")]

    assert exclusion(drift) in shown
