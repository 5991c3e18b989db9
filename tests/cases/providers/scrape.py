"""Pages of metrics, read without a store."""

from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import ProviderCase


def text(page: str) -> Handler:
    """Answer with a page."""
    return says(page, media_type="text/plain")


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="scrape", targets=(f"{address}/metrics",)),
    query="value(up)",
    five=text("# TYPE up gauge\nup 5\n"),
    nothing=text("# TYPE up gauge\n"),
    nan=text("up NaN\n"),
)
