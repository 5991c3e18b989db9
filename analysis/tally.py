"""What a sequential judgement has seen so far, and how it is kept as a few texts."""

from dataclasses import dataclass
from datetime import datetime
from math import exp, isfinite, log

from analysis.evidence import (
    ALIKE,
    NOTHING,
    BothCounts,
    Comparison,
    Count,
    against,
    better_than,
    worse_than,
)
from analysis.model import Memory
from analysis.packing import packed, unpacked

#: Under this key a judge that counts keeps the moment up to which it has counted, in ISO 8601.
COUNTED_TO = "to"
_MOST_TOLD = 1e6
"""More evidence than this is shown without its digits, which mean nothing."""
_HIGHEST_RATIO = 100
"""No ratio that a judge compares with is higher."""
_COUNTS, _SUMS, _RATIOS, _ALIKE = "counts", "sums", "ratios", "alike"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What both sides had since the run began, and the sums of two comparisons.

    A third comparison is that of two sides that run the same, where there are two.

    Sums are rounded whenever they are kept, and they are kept after each block: a restart finds
    what a run without one goes on from.
    """

    harm: Comparison
    harmlessness: Comparison
    harm_sums: tuple[float, ...]
    harmlessness_sums: tuple[float, ...]
    canary: Count = NOTHING
    primary: Count = NOTHING
    to: datetime | None = None
    """The moment up to which is counted; None where nothing is."""
    seconds: float = 0.0
    """How long was counted, to a tenth."""
    alike_sums: tuple[float, ...] = ALIKE.start
    second: Count = NOTHING

    def add(self, block: BothCounts, to: datetime, *, clustering: float) -> "Tally":
        """Add a block of time that ends at a moment."""
        canary, primary = block.canary, block.primary
        harmlessness = self.harmlessness
        return Tally(
            harm=self.harm,
            harmlessness=harmlessness,
            harm_sums=self.harm.add(self.harm_sums, canary, primary, clustering),
            harmlessness_sums=harmlessness.add(self.harmlessness_sums, canary, primary, clustering),
            canary=self.canary + canary,
            primary=self.primary + primary,
            to=to,
            seconds=round(self.seconds + block.seconds, 1),
            alike_sums=ALIKE.add(self.alike_sums, block.second, primary, clustering),
            second=self.second + block.second,
        )

    @property
    def evidence_of_harm(self) -> float:
        """The logarithm of the evidence that the canary is worse."""
        return against(self.harm_sums)

    @property
    def evidence_of_harmlessness(self) -> float:
        """The logarithm of the evidence that the canary is not as bad as what is tolerated."""
        return against(self.harmlessness_sums)

    @property
    def evidence_of_difference(self) -> float:
        """The logarithm of the evidence that two sides differ which run the same."""
        return against(self.alike_sums)

    @property
    def memory(self) -> Memory:
        """The tally as texts."""
        if self.to is None:
            return {}
        sums = (*self.harm_sums, *self.harmlessness_sums)
        counts = (self.canary.requests, self.canary.bad, self.primary.requests, self.primary.bad)
        memory = {
            COUNTED_TO: self.to.isoformat(),
            _COUNTS: " ".join(f"{each:.17g}" for each in (*counts, self.seconds)),
            _SUMS: packed(sums),
            _RATIOS: _ratios(self.harm, self.harmlessness),
        }
        if self.second.requests:
            second = (self.second.requests, self.second.bad)
            memory[_ALIKE] = packed((*self.alike_sums, *second))
        return memory


def counted_to(memory: Memory) -> datetime | None:
    """Read up to which moment a judge has counted; None where it does not say."""
    try:
        moment = datetime.fromisoformat(memory.get(COUNTED_TO, ""))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def read_tally(memory: Memory, harm: Comparison, harmlessness: Comparison) -> Tally:
    """Read a tally; one that is damaged, or compares other ratios, begins from nothing."""
    to = counted_to(memory)
    fresh = Tally(
        harm=harm,
        harmlessness=harmlessness,
        harm_sums=harm.start,
        harmlessness_sums=harmlessness.start,
        to=to,
    )
    if to is None or memory.get(_RATIOS) != _ratios(harm, harmlessness):
        return fresh
    of_harm, of_both = (
        len(harm.alternatives),
        len(harm.alternatives) + len(harmlessness.alternatives),
    )
    try:
        sums = unpacked(memory.get(_SUMS, ""))
        counts = tuple(map(float, memory.get(_COUNTS, "").split()))
        # An earlier release has not kept how long it counted.
        canary_requests, canary_bad, primary_requests, primary_bad, *seconds = counts
        (lasted,) = seconds or (0.0,)
    except ValueError:
        return fresh
    if len(sums) != of_both or not all(map(isfinite, (*sums, *counts))) or min(counts) < 0:
        return fresh
    alike_sums, second = _read_alike(memory)
    return Tally(
        harm=harm,
        harmlessness=harmlessness,
        harm_sums=sums[:of_harm],
        harmlessness_sums=sums[of_harm:],
        canary=Count(canary_requests, canary_bad),
        primary=Count(primary_requests, primary_bad),
        to=to,
        seconds=lasted,
        alike_sums=alike_sums,
        second=second,
    )


def _read_alike(memory: Memory) -> tuple[tuple[float, ...], Count]:
    """Read how two sides compare that run the same; what is damaged begins from nothing."""
    try:
        *sums, requests, bad = unpacked(memory.get(_ALIKE, ""))
    except ValueError:
        return ALIKE.start, NOTHING
    sound = all(map(isfinite, (*sums, requests, bad))) and 0 <= bad <= requests
    if len(sums) != len(ALIKE.alternatives) or not sound:
        return ALIKE.start, NOTHING
    return tuple(sums), Count(requests, bad)


def kept_counts(memory: Memory) -> BothCounts | None:
    """Give what a tally has counted; None where it is damaged, or counts nothing."""
    tally = _kept(memory)
    if tally is None:
        return None
    return BothCounts(
        canary=tally.canary, primary=tally.primary, seconds=tally.seconds, second=tally.second
    )


def kept_evidence(memory: Memory) -> tuple[str, ...]:
    """Say in words what a tally holds; nothing where it is damaged, or counts nothing."""
    tally = _kept(memory)
    if tally is None:
        return ()
    sides = [("canary", tally.canary), ("primary", tally.primary)]
    told = [
        f"evidence of harm: {evidence_text(tally.evidence_of_harm)}",
        f"evidence of harmlessness: {evidence_text(tally.evidence_of_harmlessness)}",
    ]
    if tally.second.requests:
        sides.append(("second of the same", tally.second))
        difference = evidence_text(tally.evidence_of_difference)
        told.append(f"evidence that two of the same differ: {difference}")
    return (
        *(
            f"{side}: {each.bad:,.0f} of {each.requests:,.0f} requests were bad "
            f"({100 * each.rate:.3g} %)"
            for side, each in sides
        ),
        *told,
    )


def kept_harm(memory: Memory) -> float | None:
    """Give the evidence of harm that a tally holds; None where it is damaged, or counts nothing."""
    tally = _kept(memory)
    return evidence_number(tally.evidence_of_harm) if tally else None


def evidence_text(evidence: float) -> str:
    """Show evidence, given as its logarithm."""
    return f"over {_MOST_TOLD:,.0f}" if evidence >= log(_MOST_TOLD) else digits(exp(evidence))


def evidence_number(evidence: float) -> float:
    """Give evidence as a number, from its logarithm, up to what is shown."""
    return exp(min(evidence, log(_MOST_TOLD)))


def digits(number: float) -> str:
    """Show a number with the digits that matter."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _kept(memory: Memory) -> Tally | None:
    """Read a tally by the ratios that it names itself; None where it tells nothing."""
    try:
        harm, harmlessness = map(float, memory.get(_RATIOS, "").split())
    except ValueError:
        return None
    if not (1 <= harm <= _HIGHEST_RATIO and 1 <= harmlessness <= _HIGHEST_RATIO):
        return None
    tally = read_tally(memory, worse_than(harm), better_than(harmlessness))
    return tally if tally.canary.requests or tally.primary.requests else None


def _ratios(harm: Comparison, harmlessness: Comparison) -> str:
    return f"{harm.null:g} {harmlessness.null:g}"
