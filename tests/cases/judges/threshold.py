"""The threshold judge: one question, held against a range."""

from datetime import timedelta

from analysis.model import Ask, Bounds, Metric, ProviderSpec
from tests.case import JudgeCase

CASE = JudgeCase(
    metrics=tuple(
        Metric(
            name="request-success-rate",
            asks=(Ask(query="up"),),
            provider=ProviderSpec(type="prometheus"),
            interval=timedelta(minutes=1),
            threshold_range=bounds,
        )
        for bounds in (Bounds(), Bounds(min=99), Bounds(max=500), Bounds(min=1, max=2))
    )
)
