"""A store of bare numbers."""

from analysis.model import ProviderSpec
from tests.analysis.servers import says
from tests.case import ProviderCase

CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="numbers", address=address),
    query="orders",
    five=says("5"),
    nothing=says(""),
    nan=says("NaN"),
)
