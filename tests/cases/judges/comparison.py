"""The comparison judge: the same question about both sides, and conditions on both values."""

from datetime import timedelta

from analysis.model import SIDES, Ask, Bounds, Metric, NoDataPolicy, ProviderSpec
from tests.case import JudgeCase

CASE = JudgeCase(
    metrics=tuple(
        Metric(
            name="memory",
            asks=tuple(Ask(query=f'memory{{side="{arm}"}}', arm=arm) for arm in SIDES),
            provider=ProviderSpec(type="prometheus"),
            interval=timedelta(minutes=1),
            threshold_range=Bounds(),
            judge="comparison",
            options=options,
            on_inconclusive=NoDataPolicy.HOLD,
        )
        for options in (
            (("passes", "value <= baseline * 1.1 + 1.0"),),
            (("fails", "value > baseline * 2.0"), ("passes", "value < baseline")),
        )
    )
)
