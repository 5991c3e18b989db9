"""How a Canary stands, in one word: what it needs from a person, or else whether a run is on."""

from collections.abc import Mapping
from enum import StrEnum

from canary.views.canary import Attention, CanaryView


class Standing(StrEnum):
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


_SIGNS: Mapping[Standing, str] = {
    Standing.GATE: "◆",
    Standing.FAILED: "✘",
    Standing.STUCK: "■",
    Standing.INCONCLUSIVE: "?",
    Standing.PAUSED: "‖",
    Standing.RUNNING: "▸",
    Standing.QUIET: "·",
}


def standing(view: CanaryView) -> Standing:
    """Say how a Canary stands."""
    if view.attention is not Attention.NONE:
        return Standing(view.attention)
    return Standing.RUNNING if view.run is not None else Standing.QUIET
