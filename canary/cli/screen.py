"""The one way from a command to the terminal: texts of others are shown as words.

Nothing in a text is read as markup, and no control character reaches the terminal. The other ways
to print are closed to the commands (see the import contracts, and tests/security).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from canary.cli.common import common, here
from canary.controller.logs import printable
from canary.views.blocks import Block, Line, Part, Rows, Styled, Typed

_INDENT = "  "
_UNBOUNDED = 10_000
"""How wide a table may be where there is no terminal: nothing is cut or broken."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A block as it is drawn, as wide as there is room: lines break between words."""

    block: Block

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for each in self.block:
            if isinstance(each, Rows):
                yield _table(each)
            elif isinstance(each, Typed):
                yield from _typed(each, options.max_width)
            else:
                yield _wrapped(each, console, options.max_width)


class Screen:
    """Where a command prints: standard output when nothing else is given."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()
        if not self._console.is_terminal:
            self._console.width = _UNBOUNDED

    @classmethod
    def aside(cls) -> "Screen":
        """Talk on standard error, beside the data."""
        return cls(_console(stderr=True, quiet=common().quiet))

    @property
    def has_end(self) -> bool:
        """Tell whether a line has an end: a terminal's has, a pipe's has none."""
        return self._console.is_terminal

    def lines(self, texts: Iterable[str]) -> None:
        """Print lines, however long."""
        for each in texts:
            self.line(each)

    def line(self, *parts: Part) -> None:
        """Print one line, however long: a command in it can be copied whole."""
        self._console.print(_words(parts), soft_wrap=True)

    def tell(self, *parts: Part) -> None:
        """Print a sentence: a terminal breaks it between words."""
        self.show((parts,))

    def show(self, block: Block) -> None:
        """Print a block: as wide as a terminal is, and elsewhere in lines of any length."""
        self._console.print(Drawing(block))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._console.width

    @contextmanager
    def painting(self) -> Iterator[Callable[[Block], None]]:
        """Show one block in place of another in a terminal; what was seen last stays when it ends.

        Elsewhere each line is printed that was not in the block before, with the time.
        """
        painted: list[Block] = []
        if not self.repaints:
            yield lambda block: self._append(painted, block)
            return
        try:
            with Live(console=self._console, screen=True, auto_refresh=False) as live:

                def paint(block: Block) -> None:
                    painted[:] = [block]
                    live.update(_Cropped(Drawing((_heading(), *block))), refresh=True)

                yield paint
        finally:
            for block in painted:
                self.show(block)

    def _append(self, printed: list[Block], block: Block) -> None:
        before = printed[0] if printed else ()
        printed[:] = [block]
        for each in block:
            if each not in before:
                self.show(
                    (each,) if isinstance(each, Rows | Typed) else ((f"{_clock()}  ", *each),)
                )

    @property
    def repaints(self) -> bool:
        """Tell whether one block can take another's place."""
        return self._console.is_terminal and not self._console.is_dumb_terminal


@dataclass(frozen=True, slots=True)
class _Cropped:
    """As much as a terminal shows at once, and how much more there is."""

    whole: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self.whole, options.update(height=None), pad=False)
        more = len(lines) - options.max_height
        shown = lines[: options.max_height - 1] if more > 0 else lines
        for line in shown:
            yield from line
            yield Segment.line()
        if more > 0:
            yield Text(f"… {more + 1} more lines", "dim")


def _console(**options: Any) -> Console:
    """Make the console of a command; without an order the environment says whether it colours."""
    return Console(no_color=None if common().color else True, **options)


def _wrapped(line: Line, console: Console, width: int) -> Text:
    """Break a line between words; what follows is indented."""
    indent = Text(f"\n{_INDENT}")
    return indent.join(_words(line).wrap(console, width - len(_INDENT)))


def _typed(typed: Typed, width: int) -> Iterator[Text]:
    """Leave a command whole, so that it can be copied; what it does has its own line if need be."""
    command, note = _words((_INDENT, typed.command)), _words(("# ", typed.note))
    for each in (command, note):
        each.no_wrap, each.overflow = True, "ignore"
    if command.cell_len + len(_INDENT) + note.cell_len <= width:
        yield command + Text(_INDENT) + note
    else:
        yield Text(_INDENT) + note
        yield command


def _words(parts: Iterable[Part]) -> Text:
    text = Text()
    for part in parts:
        written, style = (part, "") if isinstance(part, str) else (part.text, part.style)
        text.append(printable(written), style)
    return text


def _clock() -> str:
    return f"{here():%H:%M:%S}"


def _heading() -> Line:
    return (Styled(f"{_clock()}  Ctrl-C to stop", "dim"),)


def _table(rows: Rows) -> RenderableType:
    """Draw rows; one column gives way where it is narrow, and nothing is cut."""
    table = Table(box=None, pad_edge=False)
    for number, title in enumerate(rows.header):
        table.add_column(title, no_wrap=number != rows.flexible, overflow="fold")
    for row in rows.rows:
        table.add_row(*(_words((cell,)) for cell in row))
    return table
