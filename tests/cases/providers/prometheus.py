"""Prometheus, asked by its API."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import says, vector
from tests.case import ProviderCase

CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="prometheus", address=address),
    query="up",
    five=says(vector("5")),
    nothing=says(vector()),
    nan=says(vector("NaN")),
    values={
        "an integer, as text": (says(vector("5")), 5),
        "infinity": (says(vector("+Inf")), float("inf")),
    },
    failures={
        "several series": (says(vector("5", "6")), FailureKind.AMBIGUOUS, "2 series"),
        "throttled": (says("slow down", status=429), FailureKind.THROTTLED, "429"),
        "a part with status 200, of VictoriaMetrics": (
            says(vector("5") | {"isPartial": True}),
            FailureKind.PARTIAL,
            "a part of the data",
        ),
    },
)
