"""Templates: what others wrote is text, of a length, in printable characters."""

from typing import Any

import pytest
from jinja2 import UndefinedError

from canary.dashboard.pages import LONGEST_TEXT, PageRenderer, paragraphs
from canary.views.blocks import Rows, Styled

CONTEXT: dict[str, Any] = {
    "theme": "", "live": "", "user": "", "form_token": "", "logout": False, "cluster": "",
    "zone": "UTC", "here": "",
}  # fmt: skip


def refusal(message: str) -> str:
    return PageRenderer("").render("refusal.html", title="Refused", message=message, **CONTEXT)


@pytest.fixture
def page() -> str:
    return refusal("<b>bold</b> \u202e \x00 {{ 7 * 7 }}")


def test_what_looks_like_markup_or_a_template_is_text(page):
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_characters_that_cannot_be_seen_are_shown_as_words(page):
    assert ("\u202e" in page, "\x00" in page) == (False, False)
    assert ("\\u202e" in page, "\\x00" in page) == (True, True)


def test_a_text_is_shown_to_a_length():
    page = refusal("x" * 10 * LONGEST_TEXT)
    assert ("x" * LONGEST_TEXT in page, "x" * (LONGEST_TEXT + 1) in page) == (True, False)


def test_a_template_that_lacks_something_is_no_page():
    with pytest.raises(UndefinedError):
        PageRenderer("").render("refusal.html", title="Refused", **CONTEXT)


def test_every_address_is_below_the_root_path():
    page = PageRenderer("/gate").render("refusal.html", title="x", message="y", **CONTEXT)
    addresses = [each.split('"')[0] for each in page.split('href="')[1:] + page.split('src="')[1:]]
    assert [each for each in addresses if not each.startswith(("/gate/", "#"))] == []


def test_a_block_of_a_view_comes_as_paragraphs_and_tables():
    block = (("plain ", Styled("bad", "red")), Rows(header=("a",), rows=(("1",),)))
    assert paragraphs(block) == [
        {"pieces": [("plain ", ""), ("bad", "red")]},
        {"header": ("a",), "rows": [[("1", "")]]},
    ]
