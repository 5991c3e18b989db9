"""The Mann-Whitney judge: the same question about both sides."""

from datetime import timedelta

from analysis.model import SIDES, Ask, Bounds, Metric, NoDataPolicy, ProviderSpec
from tests.case import JudgeCase

CASE = JudgeCase(
    metrics=tuple(
        Metric(
            name="request-duration",
            asks=tuple(Ask(query=f'duration{{side="{arm}"}}', arm=arm) for arm in SIDES),
            provider=ProviderSpec(type="prometheus"),
            interval=timedelta(minutes=1),
            threshold_range=Bounds(),
            unit="ms",
            judge="mann-whitney",
            options=options,
            on_inconclusive=NoDataPolicy.HOLD,
        )
        for options in (
            (),
            (("minPoints", "2"), ("outliers", "remove"), ("direction", "increase")),
            (("effectSize", "cles"), ("minPoints", "3")),
        )
    )
)
