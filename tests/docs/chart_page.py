"""The page of the chart's values, which is the chart's README with links from where it stands."""

from tests.docs.pages import CHART_README, DOCS

PAGE = DOCS / "chart.md"


def page() -> str:
    """Write the page."""
    return CHART_README.read_text(encoding="utf-8").replace("](../../docs/", "](")
