"""Pages and pictures that are written as a whole from what they tell of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs import (
    chart_page,
    cli_page,
    judges_plots,
    no_longer,
    payloads_page,
    phases_page,
    reference,
)

WRITTEN = {
    "the chart's values": (chart_page.PAGE, chart_page.page),
    "the command line": (cli_page.PAGE, cli_page.page),
    "the fields": (reference.PAGE, reference.page),
    "the picture of evidence": (judges_plots.EVIDENCE, judges_plots.evidence_picture),
    "the picture of repeated looks": (judges_plots.LOOKS, judges_plots.looks_picture),
    "what Flagger's users no longer meet": (no_longer.PAGE, no_longer.page),
    "the payloads": (payloads_page.PAGE, payloads_page.page),
    "the phases": (phases_page.PAGE, phases_page.page),
    "the picture of the phases": (phases_page.PICTURE, phases_page.picture),
}


@pytest.mark.parametrize(("file", "written"), WRITTEN.values(), ids=WRITTEN)
def test_it_is_what_its_sources_say(
    file: Path, written: Callable[[], str], update_golden: bool
) -> None:
    text = written()
    if update_golden:
        file.write_text(text, encoding="utf-8")

    assert file.read_text(encoding="utf-8") == text, "stale: run `make generated`"
