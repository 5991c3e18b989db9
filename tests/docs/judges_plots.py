"""The pictures of the page on judges: simulated runs, judged by tidegate's own evidence."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log10, sqrt

from analysis.evidence import Count, against, worse_than
from tests.docs.pages import DOCS

EVIDENCE, LOOKS = DOCS / "judges-evidence.svg", DOCS / "judges-looks.svg"

#: One analysis a minute, and what each side gets in it.
MINUTES, REQUESTS, RATE = 60, 60, 0.005
#: An outage of both sides: from when to when, and its share of failures.
OUTAGE, OUTAGE_RATE = range(20, 30), 0.3
#: How many times as often the bad canary fails.
WORSE = 4
#: Evidence of this is a proof, with the default of alpha and with the one of the table.
PROOF, PROOF_AT_5_PERCENT = 100.0, 20.0
RUNS, SHOWN = 1000, 12
#: The least success rate of the rule with a bound, and how often it may be broken.
BOUND, MOST_BREACHES = 0.99, 5
_HARM = worse_than(1.0)
#: The quantile of the normal distribution for a one-sided test at 5 %.
_QUANTILE = 1.645

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 340, 56, 210, 28, 48
_STYLE = """\
  <style>
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .x { text-anchor: middle } .y { text-anchor: end }
    .axis { stroke: #57606a } .grid { stroke: #d0d7de }
    path { fill: none; stroke: #57606a; stroke-width: 1.8 }
    .thin { stroke-width: 0.8 } .limit { stroke-dasharray: 6 4 }
    path.good { stroke: #1a7f37 } path.bad { stroke: #cf222e } path.other { stroke: #0969da }
    text.good { fill: #1a7f37 } text.bad { fill: #cf222e } text.other { fill: #0969da }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .axis { stroke: #8b949e } .grid { stroke: #30363d }
      path { stroke: #8b949e }
      path.good { stroke: #3fb950 } path.bad { stroke: #f85149 } path.other { stroke: #58a6ff }
      text.good { fill: #3fb950 } text.bad { fill: #f85149 } text.other { fill: #58a6ff }
    }
  </style>"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Values by minute, from minute 0 on."""

    values: Sequence[float]
    kind: str
    label: str = ""
    """What is written at its end; nothing where others of its kind say it."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Lines over an hour."""

    title: str
    ticks: Sequence[tuple[float, str]]
    """Where the values have a mark, from the lowest to the highest, and what it says."""
    scale: Callable[[float], float]
    """What the height of a value is in proportion to."""
    lines: Sequence[Line]

    def svg(self) -> str:
        """Draw it."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{self.title}">'
        )
        return "\n".join([head, _STYLE, *self._axes(), *self._drawn(), "</svg>\n"])

    def _axes(self) -> Iterator[str]:
        yield f'  <text x="{_LEFT}" y="16">{self.title}</text>'
        for value, label in self.ticks:
            y = self._y(value)
            yield f'  <path class="grid thin" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>'
            yield f'  <text class="y" x="{_LEFT - 8}" y="{y + 4}">{label}</text>'
        bottom = _HEIGHT - _BOTTOM
        yield f'  <path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{_WIDTH - _RIGHT}"/>'
        for minute in range(0, MINUTES + 1, 10):
            yield f'  <text class="x" x="{_x(minute)}" y="{bottom + 18}">{minute}</text>'
        yield f'  <text class="x" x="{_x(MINUTES / 2)}" y="{bottom + 38}">minutes</text>'

    def _drawn(self) -> Iterator[str]:
        for line in self.lines:
            points = (f"{_x(minute)} {self._y(each)}" for minute, each in enumerate(line.values))
            yield f'  <path class="{line.kind}" d="M{"L".join(points)}"/>'
            if line.label:
                x, y = _x(len(line.values) - 1) + 8, self._y(line.values[-1]) + 4
                kind = line.kind.split()[0]
                yield f'  <text class="{kind}" x="{x}" y="{y}">{line.label}</text>'

    def _y(self, value: float) -> float:
        low, high = (self.scale(self.ticks[end][0]) for end in (0, -1))
        share = (self.scale(value) - low) / (high - low)
        return round(_HEIGHT - _BOTTOM - min(max(share, 0), 1) * (_HEIGHT - _BOTTOM - _TOP), 1)


def _x(minute: float) -> float:
    return round(_LEFT + minute / MINUTES * (_WIDTH - _LEFT - _RIGHT), 1)


def failures(chance: random.Random, rate: float) -> int:
    """Draw how many of the requests of a minute fail."""
    return sum(chance.random() < rate for _ in range(REQUESTS))


def run(seed: int, *, ratio: float = 1.0, outage: bool = False) -> list[tuple[int, int]]:
    """Draw the failures of the canary and of the primary in each minute of a run."""
    chance = random.Random(seed)
    rates = [OUTAGE_RATE if outage and each in OUTAGE else RATE for each in range(MINUTES)]
    return [(failures(chance, rate * ratio), failures(chance, rate)) for rate in rates]


def evidence(seen: Iterable[tuple[int, int]]) -> list[float]:
    """Give the evidence of harm at the beginning of a run and after each minute of it."""
    sums, told = _HARM.start, [1.0]
    for canary, primary in seen:
        sums = _HARM.add(sums, Count(REQUESTS, canary), Count(REQUESTS, primary))
        told.append(exp(against(sums)))
    return told


def until_proof(told: Sequence[float]) -> list[float]:
    """Cut evidence off where it is a proof: there the run has ended."""
    end = next((place for place, each in enumerate(told) if each >= PROOF), len(told) - 1)
    return list(told[: end + 1])


def evidence_plot() -> Plot:
    """Plot the evidence of good runs, of bad ones, and of one with an outage of both sides."""
    # The first of each has the label at its end: the good one that ends highest, the bad one latest.
    good = sorted((evidence(run(seed)) for seed in range(SHOWN)), key=lambda told: -told[-1])
    bad = sorted(
        (until_proof(evidence(run(seed, ratio=WORSE))) for seed in range(100, 104)),
        key=lambda told: -len(told),
    )
    both = evidence(run(200, outage=True))
    return Plot(
        title="Evidence that the canary is worse",
        ticks=[(10.0**each, f"{10.0**each:g}") for each in range(-3, 4)],
        scale=log10,
        lines=[
            Line(values=[PROOF] * (MINUTES + 1), kind="limit", label="a proof: rolled back"),
            *(Line(values=each, kind="good thin") for each in good[1:]),
            Line(values=good[0], kind="good thin", label=f"{SHOWN} good canaries"),
            *(Line(values=each, kind="bad") for each in bad[1:]),
            Line(values=bad[0], kind="bad", label=f"{WORSE} times as many failures"),
            Line(values=both, kind="other", label="good, with an outage of both"),
        ],
    )


def differences(seen: Iterable[tuple[int, int]]) -> Iterator[bool]:
    """Tell of each minute whether an ordinary test of all requests so far finds the canary worse."""
    canary = primary = 0
    for minute, (bad, others) in enumerate(seen, 1):
        canary, primary = canary + bad, primary + others
        requests = minute * REQUESTS
        pooled = (canary + primary) / (2 * requests)
        error = sqrt(2 * pooled * (1 - pooled) / requests)
        yield bool(error) and (canary - primary) / requests / error > _QUANTILE


def breaches(seen: Iterable[tuple[int, int]]) -> Iterator[bool]:
    """Tell of each minute whether the bound has been broken five times by then."""
    broken = 0
    for bad, _ in seen:
        broken += bad / REQUESTS > 1 - BOUND
        yield broken >= MOST_BREACHES


def first(found: Iterable[bool]) -> int | None:
    """Give the first minute in which something is found; None where nothing ever is."""
    return next((minute for minute, each in enumerate(found, 1) if each), None)


def rolled_back() -> dict[str, list[float]]:
    """Give what percentage of good releases each rule has rolled back, by minute."""
    runs = [run(seed) for seed in range(1000, 1000 + RUNS)]
    ends = {
        "bound": [first(breaches(seen)) for seen in runs],
        "test": [first(differences(seen)) for seen in runs],
        "sequential": [
            first(each >= PROOF_AT_5_PERCENT for each in evidence(seen)[1:]) for seen in runs
        ],
    }
    return {
        rule: [
            100 * sum(end is not None and end <= minute for end in found) / RUNS
            for minute in range(MINUTES + 1)
        ]
        for rule, found in ends.items()
    }


def looks_plot() -> Plot:
    """Plot how many good releases each rule rolls back, the longer it is asked."""
    shares = rolled_back()
    labels = {
        "bound": ("bad", "five times below 99 %"),
        "test": ("other", "a test each minute"),
        "sequential": ("good", "sequential"),
    }
    return Plot(
        title="Good releases that are rolled back",
        ticks=[(each, f"{each} %") for each in range(0, 101, 20)],
        scale=float,
        lines=[
            Line(
                values=shares[rule],
                kind=kind,
                label=f"{label}: {shares[rule][-1]:.3g} %",
            )
            for rule, (kind, label) in labels.items()
        ],
    )


def evidence_picture() -> str:
    """Draw the evidence."""
    return evidence_plot().svg()


def looks_picture() -> str:
    """Draw the rules."""
    return looks_plot().svg()
