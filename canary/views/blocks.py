"""Lines and tables as values, before anything prints them. The texts in them may be of others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Styled:
    """A text with a style: `bold`, `red`."""

    text: str
    style: str


Part = str | Styled
Line = tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows under a header, in columns."""

    header: tuple[str, ...]
    rows: tuple[Line, ...]
    flexible: int = 1
    """The column that is broken into lines where a terminal is too narrow for all."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A command that a person can type, and what it does."""

    command: str
    note: str


Block = tuple[Line | Rows | Typed, ...]
"""What is shown at once."""
