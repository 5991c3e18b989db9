"""The page of production: what its commands look at is what the chart's values for production make."""

import re
from collections.abc import Iterator

import pytest
import yaml

from canary.api.kinds import Manifest
from tests.delivery.helm import CHART, RELEASE, run_helm
from tests.docs.test_production_page import rows

pytestmark = pytest.mark.delivery

PLACE = "--namespace=tidegate-system"
VALUES = CHART / "values-production.yaml"
LOOK = re.compile(r"`kubectl (?:get|describe) (?P<kinds>[a-z,]+)(?: (?P<name>[a-z]+))?(?: --.*)?`")


@pytest.fixture(scope="module")
def made() -> list[Manifest]:
    """Render the chart as the page installs it."""
    text = run_helm("template", RELEASE, str(CHART), PLACE, "--values", str(VALUES))
    return [each for each in yaml.safe_load_all(text) if each]


def looks() -> Iterator[tuple[str, str]]:
    """Give the kinds that the page's commands look at, each with the name that is asked for."""
    for row in rows("Checklist"):
        for look in LOOK.finditer(row[2]):
            yield from ((kind, look["name"] or RELEASE) for kind in look["kinds"].split(","))


def test_each_kind_that_is_looked_at_is_made_under_the_name_that_is_asked_for(
    made: list[Manifest],
) -> None:
    there = {(each["kind"].lower(), each["metadata"]["name"]) for each in made}
    there |= {("pod", name) for kind, name in there if kind == "deployment"}
    by_plural = {
        (plural, name) for kind, name in there for plural in (kind, f"{kind}s", f"{kind[:-1]}ies")
    }
    looked = set(looks())
    assert len(looked) >= 6
    assert looked <= by_plural


def test_the_account_that_is_asked_about_is_the_one_that_reads_secrets_by_name(
    made: list[Manifest],
) -> None:
    (asked,) = re.findall(r"--as system:serviceaccount:(\S+):(\S+)`", str([*rows("Checklist")]))
    (account,) = (each["metadata"] for each in made if each["kind"] == "ServiceAccount")
    assert asked == (account["namespace"], account["name"])
