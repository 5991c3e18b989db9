"""The stylesheet and the script: small, alone, and to be read in either colour."""

import re
from itertools import product

import pytest

from canary.dashboard.pages import STATIC

STYLE = (STATIC / "style.css").read_text(encoding="utf-8")
SCRIPT = (STATIC / "live.js").read_text(encoding="utf-8")
PALETTE = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--(\w+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE
    )
}
GROUNDS = ("ground", "card")
WORDS = ("text", "muted", "accent", "good", "bad", "warn")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("word", "ground"), [*product(WORDS, GROUNDS)])
def test_every_word_stands_out_from_every_ground(word, ground):
    pairs = zip(PALETTE[word], PALETTE[ground], strict=True)
    assert [contrast(*pair) >= 4.5 for pair in pairs] == [True, True]


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_edge_of_what_can_be_used_stands_out_from_every_ground(ground):
    pairs = zip(PALETTE["edge"], PALETTE[ground], strict=True)
    assert [contrast(*pair) >= 3 for pair in pairs] == [True, True]


def test_no_colour_is_named_outside_the_palette():
    outside = STYLE.split("}", 1)[1]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", outside) == []


def test_what_a_browser_loads_is_small():
    assert len(STYLE.encode()) <= 20 * 1024
    assert len(SCRIPT.encode()) <= 10 * 1024
    assert {each.name for each in STATIC.iterdir()} == {"icon.svg", "live.js", "style.css"}


@pytest.mark.parametrize("text", [STYLE, SCRIPT], ids=["style", "script"])
def test_nothing_is_fetched_from_elsewhere(text):
    assert re.findall(r"https?://|@import|url\(|import ", text) == []


def test_nothing_moves_where_that_is_not_wanted():
    moving = STYLE.index("@media (prefers-reduced-motion: no-preference)")
    assert re.search(r"animation|transition", STYLE[:moving]) is None
