"""The page of every field, and what else is made from models and tables."""

import re
from pathlib import Path

import pytest

from canary.api.canary import CanarySpec
from canary.api.resources import KINDS
from canary.routers import ROUTERS, router_for
from canary.routers.abilities import REFERENCES
from tests.docs.made import PAGES, made
from tests.docs.reference import page
from tests.routers.builders import a_canary


@pytest.fixture(scope="module")
def written() -> str:
    return page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_made_on_a_page_is_what_its_sources_say(page: Path, update_golden: bool) -> None:
    again = made(page)
    if update_golden:
        page.write_text(again, encoding="utf-8")

    assert "<!-- made: " in again
    assert page.read_text(encoding="utf-8") == again, "stale: run `make generated`"


def test_every_field_says_what_it_is_for(written: str) -> None:
    rows = re.findall(r"^\| (`\w+`) \| .*? \| .*? \| (.*?) \|", written, re.MULTILINE)

    assert len(rows) > 250
    assert [name for name, text in rows if not text] == []


def test_every_object_is_described_once(written: str) -> None:
    headings = re.findall(r"^### (.*)$", written, re.MULTILINE)

    assert len(headings) == len(set(headings))
    assert {f"{kind.name} spec" for kind in KINDS} < set(headings)


@pytest.mark.parametrize("field", REFERENCES)
def test_a_reference_names_the_routers_that_route_by_it(field: str) -> None:
    canary = a_canary()
    able = {name: router_for(name).abilities(canary) for name in ROUTERS.names()}
    routers = [name for name, abilities in able.items() if field in abilities.references]
    said = CanarySpec.model_fields[field].description or ""
    listed = re.findall(r"\(([^)]*)\)\.$", said)
    assert listed == ([", ".join(routers)] if routers else [])


@pytest.mark.parametrize(
    ("field", "acts", "said"),
    [
        ("retries", {"istio"}, "others ignore it"),
        ("gateways", {"istio"}, "others ignore or refuse it"),
        ("ingressRef", {"nginx"}, "others ignore it"),
        ("timeout", {"gatewayapi", "istio"}, "others ignore it"),
        ("sessionAffinity", {"istio", "gatewayapi"}, "others refuse it"),
        ("meshName", set(), "*ignored*"),
        ("targetPort", set(), ""),
    ],
)
def test_a_field_names_the_routers_that_act_on_it(
    written: str, field: str, acts: set[str], said: str
) -> None:
    (cell,) = re.findall(rf"^\| `{field}` \|.*\| (.*?) \|$", written, re.MULTILINE)[:1]
    routers, _, others = cell.strip().rpartition("; ")

    assert acts <= set(filter(None, routers.split(", ")))
    assert bool(routers) == bool(acts)
    assert "smi" not in routers
    assert others == said
