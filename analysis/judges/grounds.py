"""What a verdict rests on."""

from enum import Enum, auto


class Ground(Enum):
    """What a verdict rests on."""

    FINDING = auto()
    """What was measured, or that nothing was."""
    PROOF = auto()
    """A proof, which need not be repeated to count."""
    NEITHER = auto()
    """Both sides were measured, and nothing is proven either way."""
