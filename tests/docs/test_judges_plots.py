"""The pictures of the page on judges show what the page says of them."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.docs.judges_plots import (
    EVIDENCE,
    LOOKS,
    PROOF,
    SHOWN,
    Line,
    evidence_plot,
    looks_plot,
)
from tests.docs.pages import DOCS

PAGE = (DOCS / "judges.md").read_text(encoding="utf-8")
SPACE = {"svg": "http://www.w3.org/2000/svg"}


def of_kind(lines: list[Line], kind: str) -> list[Line]:
    return [each for each in lines if each.kind.split()[0] == kind]


def test_every_bad_canary_has_its_proof_and_no_good_one_has() -> None:
    lines = list(evidence_plot().lines)
    good, bad = of_kind(lines, "good"), of_kind(lines, "bad")
    assert (len(good), len(bad)) == (SHOWN, 4)
    assert max(max(each.values) for each in good) < PROOF
    assert min(each.values[-1] for each in bad) >= PROOF


def test_an_outage_of_both_sides_is_no_evidence() -> None:
    (both,) = of_kind(list(evidence_plot().lines), "other")
    assert max(both.values) < 2


def test_the_rules_roll_back_what_the_table_of_the_page_says() -> None:
    ends = {each.label.partition(":")[0]: each.values[-1] for each in looks_plot().lines}
    table = {"five times below 99 %": 99.98, "a test each minute": 24, "sequential": 2.8}
    assert all(f"| {percent:g} % |" in PAGE for percent in table.values())
    assert ends == {rule: pytest.approx(percent, abs=2) for rule, percent in table.items()}


@pytest.mark.parametrize("picture", [EVIDENCE, LOOKS], ids=lambda picture: picture.stem)
def test_a_picture_is_on_the_page_and_readable_in_the_dark(picture: Path) -> None:
    assert f"]({picture.name})" in PAGE
    drawing = ET.fromstring(picture.read_text(encoding="utf-8"))
    style = drawing.find("svg:style", SPACE)
    assert style is not None
    light, _, dark = (style.text or "").partition("@media (prefers-color-scheme: dark)")
    used = {each.attrib["class"].split()[0] for each in drawing.iterfind(".//svg:path", SPACE)}
    coloured = used & {"good", "bad", "other", "axis", "grid"}
    assert {"good", "bad", "other"} <= coloured
    assert all(f".{each} {{ stroke" in part for each in coloured for part in (light, dark))
