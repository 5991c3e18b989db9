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


Block = tuple[Line | Rows, ...]
"""What is shown at once."""
