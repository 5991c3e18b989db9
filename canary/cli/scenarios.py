"""What is simulated, as people write it: how a bad revision fails, and what a metric measures."""

from dataclasses import dataclass
from math import isfinite

import click

from canary.simulation.answering import Meaning, Measurement, Rate

PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """How often the requests of a bad revision fail."""

    label: str
    times: float | None = None
    share: float | None = None

    def failing(self, errors: float) -> float:
        """Give the share of its requests that fails."""
        share = self.share if self.share is not None else errors * (self.times or 1)
        return min(share, 1.0)


AS_GOOD = Regression(label="as often", times=1.0)


class RegressionParam(click.ParamType[Regression]):
    """A ratio to the primary's error rate, or an error rate."""

    name = "ratio"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Regression:
        """Read `4` or `20%`."""
        if isinstance(value, Regression):
            return value
        text = str(value)
        number = _number(text.removesuffix("%"))
        if text.endswith("%") and number is not None and 0 < number <= PERCENT:
            return Regression(label=f"{number:g} %", share=number / PERCENT)
        if text.endswith("%") or number is None or number <= 0:
            said = f"{text!r} is no regression; write how many times as often, as 4, or 20%"
            self.fail(said, param, ctx)
        return Regression(label=f"{number:g} times as often", times=number)


class MeaningParam(click.ParamType[tuple[str, Meaning]]):
    """A metric, and what it measures."""

    name = "meaning"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Meaning]:
        """Read `NAME=success`, `NAME=errors` or `NAME=250~40`."""
        if isinstance(value, tuple):
            return value
        name, _, said = str(value).partition("=")
        if name and said in set(Rate):
            return name, Rate(said)
        mean, _, deviation = said.partition("~")
        numbers = _number(mean), _number(deviation or "0")
        if not name or numbers[0] is None or numbers[1] is None or numbers[1] < 0:
            self.fail(
                f"{value!r} says no measure; write NAME=success, NAME=errors, or "
                "NAME=MEAN~DEVIATION, as request-duration=250~40",
                param,
                ctx,
            )
        return name, Measurement(mean=numbers[0], deviation=numbers[1])


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None
