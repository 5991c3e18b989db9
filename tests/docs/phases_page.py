"""The page of the phases and its picture, drawn from the table of changes."""

from collections.abc import Iterator, Mapping
from itertools import product

from canary.api.status import Phase, Stage
from canary.core.conditions import SENTENCES
from canary.core.phases import STAGE_SENTENCES, STAGES, TRANSITIONS
from canary.core.telling import LASTS
from canary.core.waits import LASTING, MEANINGS
from tests.docs.pages import DOCS

PAGE = DOCS / "phases.md"
PICTURE = DOCS / "phases.svg"

#: The rows of the picture, from top to bottom. Each of them can be deleted, which is not drawn.
ROWS = tuple(phase for phase in Phase if phase not in {Phase.NEW, Phase.TERMINATING})
#: What the colour of an arrow says, by where it leads.
ENDS: Mapping[Phase, str] = {Phase.SUCCEEDED: "good", Phase.FAILED: "bad"}

_WIDTH, _ROW, _BOX, _MARGIN = 720, 56, (170, 32), 28
#: How far an arrow bulges, in pixels for each row that it passes.
_BULGE = 34
_STYLE = """\
  <style>
    text { font: 14px system-ui, sans-serif; fill: #1f2328; text-anchor: middle }
    rect { fill: #f6f8fa; stroke: #57606a }
    path { fill: none; stroke: #57606a; stroke-width: 1.4 }
    marker path { fill: #57606a; stroke: none }
    .good { stroke: #1a7f37 } marker .good { fill: #1a7f37; stroke: none }
    .bad { stroke: #cf222e } marker .bad { fill: #cf222e; stroke: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      rect { fill: #161b22; stroke: #8b949e }
      path { stroke: #8b949e }
      marker path { fill: #8b949e }
      .good { stroke: #3fb950 } marker .good { fill: #3fb950 }
      .bad { stroke: #f85149 } marker .bad { fill: #f85149 }
    }
  </style>"""


def picture() -> str:
    """Draw the phases as boxes in a column: arrows ahead on its right, arrows back on its left."""
    height = 2 * _MARGIN + _ROW * (len(ROWS) - 1) + _BOX[1]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="Which phase may follow which">'
    )
    return "\n".join(
        [
            head,
            _STYLE,
            *(_head(kind) for kind in ("other", *ENDS.values())),
            *_arrows(),
            *_boxes(),
            "</svg>\n",
        ]
    )


def changes() -> Iterator[tuple[Phase, Phase]]:
    """Give every change that is drawn."""
    yield from (pair for pair in product(ROWS, ROWS) if pair[1] in TRANSITIONS[pair[0]])


def _head(kind: str) -> str:
    return (
        f'  <marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path class="{kind}" d="M0 0 8 4 0 8z"/></marker>'
    )


def _boxes() -> Iterator[str]:
    wide, high = _BOX
    for phase in ROWS:
        middle = _middle(phase)
        yield (
            f'  <rect x="{(_WIDTH - wide) // 2}" y="{middle - high // 2}" width="{wide}" '
            f'height="{high}" rx="6"/><text x="{_WIDTH // 2}" y="{middle + 5}">{phase}</text>'
        )


def _arrows() -> Iterator[str]:
    wide, high = _BOX
    for before, after in changes():
        rows = ROWS.index(after) - ROWS.index(before)
        start, end = _middle(before), _middle(after)
        kind = ENDS.get(after, "other")
        if rows == 1:
            line = f"M{_WIDTH // 2} {start + high // 2}V{end - high // 2}"
        else:
            side = 1 if rows > 0 else -1
            edge = (_WIDTH + side * wide) // 2
            far = edge + side * (20 + _BULGE * (abs(rows) - 1))
            # It leaves below and arrives above the middle, or the other way round on its way up.
            start, end = start + side * 7, end - side * 7
            line = f"M{edge} {start}C{far} {start} {far} {end} {edge} {end}"
        yield f'  <path class="{kind}" d="{line}" marker-end="url(#{kind})"/>'


def _middle(phase: Phase) -> int:
    return _MARGIN + _BOX[1] // 2 + _ROW * ROWS.index(phase)


def page() -> str:
    """Write the page."""
    phases = "\n".join(
        f"- **{phase or 'New'}**: {SENTENCES[phase]}" for phase in Phase if phase in SENTENCES
    )
    stages = "\n".join(f"- **{stage}**: {STAGE_SENTENCES[stage]}" for stage in Stage)
    meanings = "\n".join(f"- `{reason}`: {meaning}" for reason, meaning in MEANINGS.items())
    lasting = ", ".join(f"`{reason}`" for reason in MEANINGS if reason in LASTING)
    return f"""# Phases

A Canary is always in one phase, which `status.phase` says.
The table of changes is `canary/core/phases.py`; the picture is drawn from it, and a test takes \
every change once.
A change that is not in the table cannot be made.

![The phases in a column, with an arrow for every change](phases.svg)

A run goes down the column: arrows ahead are on the right, arrows back on the left.
Every phase can also become Terminating, which nothing follows.

## What each phase means

{phases}

## How far a phase has come

`status.stage` says how far the phase has come, since when, and until when where time ends it.
At rest there is none.
The stages of a phase have an order, in which some may be skipped; others come from anywhere in \
their phase, and lead to anywhere in it.
A phase falls back to an earlier stage when what it has come to is lost, but a deletion never goes back.

| phase | in this order | from anywhere |
|---|---|---|
{"".join(_stages())}
What each stage means:

{stages}

## What a Canary waits for

`status.waitingFor` says in words what is missing, since when, and until when it is waited for.
An event with the same reason tells once of a wait that has lasted {LASTS.seconds} s, and \
`WaitEnded` of its end: {lasting}.
Most others leave an event as they begin.

{meanings}
"""


def _stages() -> Iterator[str]:
    for phase, stages in STAGES.items():
        if phase is not Phase.NEW:
            aside = ", ".join(stages.aside)
            yield f"| {phase} | {' → '.join(stages.path)} | {aside} |\n"
