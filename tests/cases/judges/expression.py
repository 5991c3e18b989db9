"""The expression judge: one value, and conditions on it."""

from datetime import timedelta

from analysis.model import Ask, Bounds, Metric, NoDataPolicy, ProviderSpec
from tests.case import JudgeCase

CASE = JudgeCase(
    metrics=tuple(
        Metric(
            name="saturation",
            asks=(Ask(query="saturation"),),
            provider=ProviderSpec(type="prometheus"),
            interval=timedelta(minutes=1),
            threshold_range=Bounds(),
            judge="expression",
            options=options,
            on_inconclusive=NoDataPolicy.HOLD,
        )
        for options in (
            (("passes", "value == 0.0 || value > 95.0"),),
            (("fails", "value > 0.9"),),
            (("fails", "value > 0.9"), ("passes", "value < 0.5")),
        )
    )
)
