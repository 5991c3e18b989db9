"""Scalers: the kinds of autoscaler that a Canary can name. Each reads and renders, without I/O.

The protocol every kind keeps, and the table of their names. A scaler does not know who writes what
it renders, and does not know the other scalers.
"""

from functools import cache
from typing import ClassVar, Protocol

from analysis.errors import UnknownPlugin
from analysis.plugins import PluginTable
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.objects.render import Render


class Scaler(Protocol):
    """Read and render the autoscalers of one kind.

    One of a third party may leave out what `defaults.py` has.
    """

    kind: ClassVar[Kind]
    pauses: ClassVar[bool]
    """Whether `paused` writes into the autoscaler of a user."""

    @property
    def writes(self) -> tuple[Kind, ...]:
        """The kinds that it reads and writes: the role follows from them."""

    @property
    def reads(self) -> tuple[Kind, ...]:
        """The kinds that it reads and never writes."""

    def primary(
        self, canary: Canary, source: Manifest, *, minimum: int, existing: Manifest | None
    ) -> Render:
        """Give the primary's autoscaler: a copy of the target's that scales the primary.

        The bounds may be overridden in the Canary; an overridden one moves the other, if that stood
        in its way. The lower one is at least `minimum`, and never above the upper one.
        """

    def minimum(self, manifest: Manifest) -> int:
        """Give the fewest replicas."""

    def maximum(self, manifest: Manifest) -> int | None:
        """Give the most replicas; None where the kind has no such bound."""

    def rests(self, manifest: Manifest) -> bool:
        """Tell whether it takes all pods of a workload that has nothing to do."""

    def paused(self, manifest: Manifest, *, replicas: int | None) -> Manifest | None:
        """Give the merge patch after which it keeps its workload at this many replicas.

        Without a number it scales again. None where it does so already, and where a person has
        paused it.
        """


SCALERS: PluginTable[Scaler] = PluginTable(
    group="tidegate.scalers",
    builtin={
        "HorizontalPodAutoscaler": "canary.scalers.hpa:HorizontalPodAutoscalerScaler",
        "ScaledObject": "canary.scalers.scaledobject:ScaledObjectScaler",
    },
    defaults="canary.scalers.defaults:ScalerDefaults",
)


@cache
def scaler_kinds() -> frozenset[Kind]:
    """Give the kinds of all scalers."""
    return frozenset(SCALERS.load(name)().kind for name in SCALERS.names())


def installed_scaler(kind: str) -> Scaler | None:
    """Make the scaler that a kind's name stands for; None where no scaler has this name."""
    try:
        return SCALERS.load(kind)()
    except UnknownPlugin:
        return None
