"""Searches by chance: what the fast part tries of them, and what the whole is.

`make check` tries a sample of the examples of Hypothesis, the same every time, and `make coverage`
all of them. Both try the first seed of a search that has some, and `make searches` the others. A
pytest that is told nothing tries all of everything; `--hypothesis-profile thorough` tries twenty
times as many examples.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

Case = TypeVar("Case")

SAMPLE, WHOLE, THOROUGH = "sample", "whole", "thorough"
"""The profiles of Hypothesis; WHOLE is also the mark of the seeds that the sample leaves out."""

_EXAMPLES = 100
"""Of a property that says no number of its own, in the whole."""
_FEWEST = 2


def register_profiles() -> None:
    """Tell Hypothesis of the profiles, and search the whole until the command line says otherwise.

    Time decides no test: neither how long an example takes, nor how long it takes to make one up.
    """
    timeless = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(WHOLE, timeless, max_examples=_EXAMPLES)
    # Hypothesis derandomizes by the text of a test, which takes longer to read than many a test
    # takes: `make check` gives a seed instead.
    settings.register_profile(SAMPLE, timeless, max_examples=_EXAMPLES // 5, database=None)
    settings.register_profile(THOROUGH, timeless, max_examples=_EXAMPLES * 20)
    settings.load_profile(WHOLE)


def examples(number: int, *, costly: bool = False) -> int:
    """Give how many examples of a property to try where the whole is `number` of them.

    The first of them is the simplest there is, so that a sample has some more. One that takes as long
    as a hundred others is sampled a quarter as often.
    """
    share = number // 4 if costly and samples() else number
    return max(share * settings().max_examples // _EXAMPLES, min(number, _FEWEST))


def cases(every: Sequence[Case]) -> Sequence[Case]:
    """Give all cases of a test that goes through many; the sample is one of five."""
    return every[::5] if samples() else every


def samples() -> bool:
    """Tell whether only a sample is tried."""
    return settings().max_examples < _EXAMPLES


def seeds(number: int) -> list[Any]:
    """Give the seeds of a search: the sample is the first of them."""
    others = [pytest.param(seed, marks=pytest.mark.whole) for seed in range(1, number)]
    return [0, *others]
