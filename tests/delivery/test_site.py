"""The documentation's site, built as `make docs` builds it."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, links

pytestmark = pytest.mark.delivery

#: What a browser fetches by itself when it shows a page.
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}
#: Links of a page's head that name an address and fetch nothing.
NAMED_ONLY = {"canonical", "index", "search", "next", "prev", "author"}


class Parts(HTMLParser):
    """What a page fetches by itself, and the anchors that it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.fetched: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found["id"]} - {None} if "id" in found else set()
        address = found.get(FETCHED.get(tag, ""))
        if address and found.get("rel") not in NAMED_ONLY:
            self.fetched.add(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    (recipe,) = re.findall(
        r"-m (sphinx .*) docs build/docs$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    done = subprocess.run(
        [sys.executable, "-m", *recipe.split(), "-d", str(built / "trees"), "docs", str(built)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return built


def test_it_is_built_without_a_warning_and_has_every_page(site: Path) -> None:
    pages = {each.relative_to(DOCS).with_suffix(".html") for each in DOCS.rglob("*.md")}

    assert {each for each in pages if not (site / each).exists()} == {Path("style.html")}


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = {
        (page.name, address) for page in site.rglob("*.html") for address in Parts(page).fetched
    }

    assert fetched
    assert {each for each in fetched if re.match(r"(\w+:)?//", each[1])} == set()


@pytest.mark.parametrize("page", ["index", "tutorial", "gates", "routers"])
def test_a_link_to_a_heading_finds_it_there_too(site: Path, page: str) -> None:
    missing = [
        f"{file}#{anchor}"
        for file, anchor in links(DOCS / f"{page}.md")
        if anchor
        and anchor
        not in Parts(site / file.resolve().relative_to(DOCS).with_suffix(".html")).anchors
    ]

    assert missing == []
