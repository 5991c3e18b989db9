"""Numbers of requests, drawn from a source of chance that is handed in."""

from collections.abc import Callable
from math import cos, exp, log, log1p, pi, sqrt

Chance = Callable[[], float]
"""Gives a number from 0 to below 1, each as likely as any other."""

_FEW = 30.0
"""Fewer than this many are counted one by one; more are near enough to the normal distribution."""


def poisson(mean: float, chance: Chance) -> int:
    """Draw how many requests come in a time in which so many come on average."""
    if mean <= 0:
        return 0
    if mean >= _FEW:
        return max(0, round(normal(mean, sqrt(mean), chance)))
    drawn, probability = chance(), exp(-mean)
    count, below = 0, probability
    while drawn > below and probability > 0:
        count += 1
        probability *= mean / count
        below += probability
    return count


def binomial(number: int, share: float, chance: Chance) -> int:
    """Draw how many of a number of requests fail, each of which fails with the same probability."""
    if number <= 0 or share <= 0:
        return 0
    if share >= 1:
        return number
    if share > 1 / 2:
        return number - binomial(number, 1 - share, chance)
    mean = number * share
    if mean >= _FEW:
        near = round(normal(mean, sqrt(mean * (1 - share)), chance))
        return min(max(0, near), number)
    drawn, probability = chance(), exp(number * log1p(-share))
    count, below, odds = 0, probability, share / (1 - share)
    while drawn > below and count < number:
        probability *= odds * (number - count) / (count + 1)
        count += 1
        below += probability
    return count


def normal(mean: float, deviation: float, chance: Chance) -> float:
    """Draw a number from a normal distribution."""
    radius = sqrt(-2 * log(1 - chance()))
    return mean + deviation * radius * cos(2 * pi * chance())
