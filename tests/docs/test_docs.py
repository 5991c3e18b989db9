"""The pages: links lead somewhere, and every example is one that tidegate acts on."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.unsupported import unsupported
from canary.api.validation import parse_alert_provider, parse_canary, parse_metric_template

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PARSERS = {
    "AlertProvider": parse_alert_provider,
    "Canary": parse_canary,
    "MetricTemplate": parse_metric_template,
}


def examples() -> list[Any]:
    """Collect the objects in the YAML blocks of all pages."""
    blocks = [
        (page, block)
        for page in PAGES
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    return [
        pytest.param(document, id=f"{page.stem}-{document['kind']}-{document['metadata']['name']}")
        for page, block in blocks
        for document in yaml.safe_load_all(block)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [
        link
        for link in links
        if not link.startswith(("http://", "https://")) and not (page.parent / link).exists()
    ]

    assert missing == []


@pytest.mark.parametrize("document", examples())
def test_every_example_is_acted_on(document: dict[str, Any]) -> None:
    assert unsupported(PARSERS[document["kind"]](document)) == ()
