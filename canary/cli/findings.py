"""What a command found in files: where it is, what it is of, and the forms it is printed in."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from canary.cli.manifests import Unreadable
from canary.views.blocks import Line, Styled


class Level(StrEnum):
    """How much a finding matters; the first three by the names of GitHub's annotations."""

    ERROR = "error"
    """It is refused, or no run could be judged."""
    WARNING = "warning"
    """It is accepted, and does something else than what is written."""
    NOTICE = "notice"
    """It cannot be told from the files."""
    CHANGE = "change"
    """It is written otherwise."""
    DIFFERENCE = "differs"
    """It stays as it is, and does something else."""

    @property
    def styled(self) -> Styled:
        """Write it in its colour."""
        return Styled(self.value, _STYLES[self])


_STYLES = {
    Level.ERROR: "bold red",
    Level.WARNING: "yellow",
    Level.NOTICE: "dim",
    Level.CHANGE: "green",
    Level.DIFFERENCE: "cyan",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about a place in a file."""

    level: Level
    file: str
    line: int
    message: str
    object: str = ""
    """What it is about, `Canary shop/cart`; empty for a document that cannot be read."""
    field: str = ""

    @property
    def shown(self) -> Line:
        """Write it as editors find it: file, line, level, and the sentence."""
        about = f"{self.object}: " if self.object else ""
        return (f"{self.file}:{self.line}: ", self.level.styled, f": {about}{self.message}")

    @property
    def annotation(self) -> str:
        """Write it as a workflow of GitHub reads it."""
        title = f",title={_property(self.object)}" if self.object else ""
        place = f"file={_property(self.file)},line={self.line}{title}"
        return f"::{self.level} {place}::{_data(self.message)}"

    @property
    def document(self) -> dict[str, Any]:
        """Write it for programs."""
        return {
            "level": self.level.value,
            "file": self.file,
            "line": self.line,
            "object": self.object,
            "field": self.field,
            "message": self.message,
        }


def unreadable(document: Unreadable) -> Finding:
    """Say of a document that it cannot be read."""
    return Finding(
        level=Level.ERROR, file=document.file, line=document.line, message=document.message
    )


def in_order(found: Iterable[Finding], files: Iterable[str]) -> list[Finding]:
    """Sort findings by file, in the order in which these were named, and by line."""
    place = {file: number for number, file in enumerate(files)}
    return sorted(found, key=lambda each: (place.get(each.file, 0), each.line))


def counted(found: Iterable[Finding]) -> str:
    """Count findings by level: `2 errors and 1 warning`; empty without any."""
    levels = Counter(each.level for each in found)
    told = [
        f"{number} {level}{'s' if number > 1 else ''}"
        for level in Level
        if (number := levels[level])
    ]
    return listed(told)


def listed(words: Iterable[str]) -> str:
    """Join words with commas, and the last one with `and`."""
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def number_of(noun: str, number: int) -> str:
    """Write a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def one_for_each_field(found: Iterable[Finding]) -> Iterator[Finding]:
    """Keep what was said of a field first: one fault is one sentence. Warnings are not faults."""
    known: set[str] = set()
    for each in found:
        if each.level is not Level.ERROR or each.field not in known:
            yield each
        if each.level is Level.ERROR:
            known.add(each.field)
