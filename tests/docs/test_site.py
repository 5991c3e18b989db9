"""The site that is built of the pages: each of them has one place in it."""

import re

from tests.docs.pages import DOCS

INDEX = DOCS / "index.md"
#: What contributors read, and the index itself.
APART = {"index", "style"}


def test_every_page_is_in_one_part_of_the_site() -> None:
    parts = re.findall(r"^```\{toctree\}\n(.*?)^```$", INDEX.read_text(), re.DOTALL | re.MULTILINE)
    listed = [line for part in parts for line in part.splitlines() if re.match(r"\w", line)]
    runbooks = {f"runbooks/{each.stem}" for each in (DOCS / "runbooks").glob("*.md")}
    pages = {str(each.relative_to(DOCS).with_suffix("")) for each in DOCS.rglob("*.md")}

    assert sorted(listed) == sorted({*pages - runbooks - APART, "runbooks/*"})
