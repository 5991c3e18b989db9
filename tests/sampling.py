"""Searches by chance: what the fast part tries of them, and what the whole is.

`make check` tries a sample of the examples of Hypothesis, the same every time, and `make coverage`
all of them. Both try the first seed of a search that has some, and `make searches` the others. A
pytest that is told nothing tries all of everything; `--hypothesis-profile thorough` tries twenty
times as many examples.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SAMPLE, WHOLE, THOROUGH = "sample", "whole", "thorough"
"""The profiles of Hypothesis; WHOLE is also the mark of the seeds that the sample leaves out."""

_EXAMPLES = 100
"""Of a property that says no number of its own, in the whole."""
_FEWEST = 3


def register_profiles() -> None:
    """Tell Hypothesis of the profiles, and search the whole until the command line says otherwise.

    Time decides no test: neither how long an example takes, nor how long it takes to make one up.
    """
    timeless = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(WHOLE, timeless, max_examples=_EXAMPLES)
    settings.register_profile(SAMPLE, timeless, max_examples=_EXAMPLES // 5, derandomize=True)
    settings.register_profile(THOROUGH, timeless, max_examples=_EXAMPLES * 20)
    settings.load_profile(WHOLE)


def examples(number: int) -> int:
    """Give how many examples of a property to try where the whole is `number` of them.

    The first of them is the simplest there is, so that a sample has some more.
    """
    return max(number * settings().max_examples // _EXAMPLES, min(number, _FEWEST))


def seeds(number: int) -> list[Any]:
    """Give the seeds of a search: the sample is the first of them."""
    others = [pytest.param(seed, marks=pytest.mark.whole) for seed in range(1, number)]
    return [0, *others]
