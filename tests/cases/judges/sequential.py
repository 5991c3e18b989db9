"""The sequential judge: requests and bad requests of both sides."""

from datetime import timedelta

from analysis.model import SIDES, Ask, Bounds, Metric, NoDataPolicy, ProviderSpec, Signal
from tests.case import JudgeCase


def asks(part: Signal) -> tuple[Ask, ...]:
    """Ask for the requests of both sides, and for a part of them."""
    return tuple(
        Ask(query=f"increase({arm}_{signal})", arm=arm, signal=signal)
        for arm in SIDES
        for signal in (Signal.REQUESTS, part)
    )


CASE = JudgeCase(
    metrics=tuple(
        Metric(
            name="request-success-rate",
            asks=asks(part),
            provider=ProviderSpec(type="prometheus"),
            interval=timedelta(minutes=1),
            threshold_range=bounds,
            unit="%",
            judge="sequential",
            options=options,
            on_inconclusive=NoDataPolicy.HOLD,
        )
        for part, bounds, options in (
            (Signal.BAD, Bounds(), ()),
            (Signal.GOOD, Bounds(min=99), (("clustering", "0.05"),)),
        )
    )
)
