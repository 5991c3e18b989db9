"""How a Canary stands, in one word: what it needs from a person, or else whether a run is on."""

from collections.abc import Mapping
from enum import StrEnum

from canary.views.canary import Attention, CanaryView


class CanaryStanding(StrEnum):
    """How a Canary stands, the most urgent first."""

    GATE = "gate"
    FAILED = "failed"
    STUCK = "stuck"
    INCONCLUSIVE = "inconclusive"
    PAUSED = "paused"
    RUNNING = "running"
    QUIET = "quiet"

    @property
    def sign(self) -> str:
        """The sign beside the word, so that colour is never all there is."""
        return _SIGNS[self]


_SIGNS: Mapping[CanaryStanding, str] = {
    CanaryStanding.GATE: "◆",
    CanaryStanding.FAILED: "✘",
    CanaryStanding.STUCK: "■",
    CanaryStanding.INCONCLUSIVE: "?",
    CanaryStanding.PAUSED: "‖",
    CanaryStanding.RUNNING: "▸",
    CanaryStanding.QUIET: "·",
}


def standing(view: CanaryView) -> CanaryStanding:
    """Say how a Canary stands."""
    if view.attention is not Attention.NONE:
        return CanaryStanding(view.attention)
    return CanaryStanding.RUNNING if view.run is not None else CanaryStanding.QUIET
