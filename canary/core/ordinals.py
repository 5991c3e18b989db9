"""Shares of the pods of one workload, which its partition divides by their ordinals.

The canary is the highest ordinals. What it gains the primary loses.
"""

from typing import NamedTuple

from canary.core.traffic import Seen
from canary.core.weights import FULL


class Divided(NamedTuple):
    """The pods of a workload that is primary and canary in one: a partition divides its ordinals."""

    pods: int
    """Wanted, of both revisions together."""
    beyond: int
    """Wanted of the newest revision: the ordinals that the partition does not hold back."""
    ready: int
    """Those of the newest revision that are ready, as far as it differs from the serving one."""
    there: int
    """Those of the newest revision that exist, likewise."""
    serving: str
    """The revision that the other pods run, as the workload's controller names it."""
    newest: str
    """The same of its pod template now; empty until the controller has seen that."""
    strays: bool
    """Whether pods run another revision than their ordinal is meant for, and stay until deleted."""

    @property
    def seen(self) -> Seen:
        """What its pods do now, as a router would read it from a route.

        What is counted before its controller has seen the newest template is of the one before.
        """
        if self.serving == self.newest:
            return Seen()
        weight = weight_reached(self.pods, self.ready)
        return Seen(weight=weight, keeps_canary=self.there > 0, uneven=not self.newest)


def ordinals_for(pods: int, weight: int) -> int:
    """Give how many of so many pods make a weight, in percent.

    Rounded up, so that each step reaches a pod. One stays with the primary until the weight is 100:
    with none left there would be nothing to go back to.
    """
    if weight == FULL:
        return pods
    return max(min(-(-pods * weight // FULL), pods - 1), 0)


def weight_reached(pods: int, ready: int) -> int:
    """Give the greatest weight that so many ready pods of the canary make."""
    if ready >= pods:
        return FULL
    return FULL - 1 if ready and ready == pods - 1 else ready * FULL // pods


def share_of_ordinals(pods: int, canary: int) -> int:
    """Give the percentage that the canary's pods are of all, as people read it."""
    return round(FULL * canary / pods) if pods else 0
