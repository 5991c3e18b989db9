"""The one way from a command to the terminal: texts of others are shown as words.

Nothing in a text is read as markup, and no control character reaches the terminal. The other ways
to print are closed to the commands (see the import contracts, and tests/security).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from canary.controller.logs import printable


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


class Screen:
    """Where a command prints: standard output when nothing else is given."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()

    def line(self, *parts: Part) -> None:
        """Print one line, however long: a command in it can be copied whole."""
        self._console.print(_words(parts), soft_wrap=True)

    def show(self, block: Block) -> None:
        """Print a block."""
        for each in block:
            if isinstance(each, Rows):
                self._console.print(_table(each))
            else:
                self.line(*each)

    @contextmanager
    def painting(self) -> Iterator[Callable[[Block], None]]:
        """Show one block in place of another: a terminal is painted, elsewhere each is printed.

        What was seen last stays when it ends.
        """
        painted: list[Block] = []
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            yield lambda block: self._append(painted, block)
            return
        try:
            with Live(console=self._console, screen=True, auto_refresh=False) as live:

                def paint(block: Block) -> None:
                    painted[:] = [block]
                    live.update(Group(_heading(), *map(_drawn, block)), refresh=True)

                yield paint
        finally:
            for block in painted:
                self.show(block)

    def _append(self, printed: list[Block], block: Block) -> None:
        if printed != [block]:
            printed[:] = [block]
            self.line(_clock())
            self.show(block)
            self.line()


def _words(parts: Iterable[Part]) -> Text:
    text = Text()
    for part in parts:
        written, style = (part, "") if isinstance(part, str) else (part.text, part.style)
        text.append(printable(written), style)
    return text


def _clock() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"


def _heading() -> Text:
    return _words((Styled(f"{_clock()}  Ctrl-C ends this", "dim"),))


def _drawn(each: Line | Rows) -> RenderableType:
    return _table(each) if isinstance(each, Rows) else _words(each)


def _table(rows: Rows) -> RenderableType:
    table = Table(*rows.header, box=None, pad_edge=False)
    for row in rows.rows:
        table.add_row(*(_words((cell,)) for cell in row))
    return table
