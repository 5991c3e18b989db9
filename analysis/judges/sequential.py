"""The sequential judge: is the canary worse than the primary? It may be asked at every look.

It counts the requests and the bad requests of both sides, and adds up evidence over the whole run.

Rules:
1. Evidence of harm that reaches its limit fails for good, be it of one metric or of several together.
   Where the canary is no worse than the primary this happens with a probability of `alpha` at most,
   over all looks of a run and all its metrics.
2. With a `min` the canary's own rate counts as well: proven below the range it fails for good,
   unless the primary is in the same trouble. That is no fault of the canary, and inconclusive.
3. Where two sides that run the same are proven to differ, as a primary and a baseline may, their
   surroundings deceive the judge. Neither harm nor harmlessness counts, and that is inconclusive.
4. Too few requests, and none since the last look, are inconclusive.
5. Evidence of harmlessness that reaches its limit passes.
6. Without a proof the metric's `on_inconclusive` decides.
7. Requests without a count are no data; bad requests without one were none. Neither no data nor an
   outage changes what is known, and the next block begins where the last one ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import ClassVar

from analysis.errors import QueryError
from analysis.evidence import BothCounts, above, better_than, worse_than
from analysis.judges import Judged
from analysis.judges.grounds import Ground
from analysis.judges.sequential_block import Block, NoBlock, read_block
from analysis.judges.sequential_options import read_options
from analysis.judges.sequential_words import shown, told, told_alike
from analysis.judges.wording import sentence
from analysis.model import (
    Ask,
    Check,
    Judgement,
    Memory,
    Metric,
    Outcome,
    Verdict,
    plain_number,
)
from analysis.power import Exposure, smallest_seen
from analysis.tally import Tally, kept_counts, kept_evidence, kept_harm, read_tally

#: The primary is in other trouble than the canary where its rate is lower than this share of it.
_APART = 0.5
#: More than what keeping a sum changes of one that is below any limit.
_ROUNDED = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed(Judgement):
    """A judgement with the tally behind it, so that its memory need not be read at once."""

    tally: Tally


class SequentialJudge:
    """Compare the canary's bad requests with the primary's until there is a proof."""

    counts: ClassVar[bool] = True

    @classmethod
    def check(cls, metric: Metric) -> None:
        """Find out whether a metric's options and range can be used.

        Raises:
            QueryError: they cannot; says what to write.
        """
        read_options(metric)
        bounds = metric.threshold_range
        if bounds.max is not None or not 0 <= (bounds.min or 0) < 100:
            raise QueryError(
                f"thresholdRange: judge sequential cannot use {bounds.text}; write min alone, the "
                "least percentage of good requests, from 0 to below 100, or no thresholdRange"
            )

    @classmethod
    def combine(cls, judged: Sequence[Judged]) -> Sequence[Judgement]:
        """Fail the metric with the most evidence where that of all of them is a proof together.

        Evidence for which metrics share `alpha` may be added, each by its share, however they depend
        on each other: what it comes to is evidence against a canary that is worse in none of them.
        """
        judgements = [judgement for _, judgement in judged]
        if len(judged) < 2 or any(
            each.check.proven and each.check.verdict is Verdict.FAIL for each in judgements
        ):
            return judgements
        if sum(_most_share(metric, each) for metric, each in judged) < 1:
            return judgements
        shares = [_share_of_proof(metric, each.memory) for metric, each in judged]
        together = sum(shares)
        if together < 1:
            return judgements
        worst = shares.index(max(shares))
        others = [metric.name for index, (metric, _) in enumerate(judged) if index != worst]
        metric, judgement = judged[worst]
        limit = -log(read_options(metric)["alpha"])
        claim = (
            f"proven worse than the {metric.control} together with {', '.join(others)} "
            f"(evidence {shown(limit + log(together), limit)})"
        )
        tally = _tally(metric, judgement.memory)
        claim = f"{told(metric, tally)}: {claim}"
        judgements[worst] = _judgement(metric, tally, Verdict.FAIL, claim, Ground.PROOF)
        return judgements

    @classmethod
    def smallest_seen(
        cls, metric: Metric, exposures: Sequence[Exposure], rate: float
    ) -> float | None:
        """Foresee from how many times the primary's bad rate on a canary would be proven worse.

        It is a little less for a canary that is worse by itself than `thresholdRange` allows.
        """
        settings = read_options(metric)
        return smallest_seen(exposures, rate, _limit(metric, settings), settings["equalRatio"])

    @classmethod
    def evidence(cls, memory: Memory) -> tuple[str, ...]:
        """Say what both sides had in the run, and what that proves so far."""
        return kept_evidence(memory)

    @classmethod
    def harm(cls, memory: Memory) -> float | None:
        """Give the evidence that the canary is worse."""
        return kept_harm(memory)

    @classmethod
    def counted(cls, memory: Memory) -> BothCounts | None:
        """Give what both sides had in the run."""
        return kept_counts(memory)

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Judge what both sides had since the last time, with all that came before it."""
        settings = read_options(metric)
        tally = _read(memory, settings)
        try:
            block = read_block(metric, answers)
        except NoBlock as none:
            tally = replace(tally, to=none.why.known_from or tally.to)
            return _judgement(metric, tally, none.why.verdict, none.why.claim)
        if tally.to is None or block.to > tally.to:
            tally = tally.add(block.counted, block.to, clustering=settings["clustering"])
        verdict, claim, ground = _verdict(metric, settings, tally, block)
        claim = f"{told(metric, tally)}: {claim}{block.remarks}"
        return _judgement(metric, tally, verdict, claim, ground)


def _verdict(
    metric: Metric, settings: Mapping[str, float], tally: Tally, block: Block
) -> tuple[Verdict, str, Ground]:
    """Give a verdict, why, and what it rests on."""
    least, limit = metric.threshold_range.min, _limit(metric, settings)
    harmless_at = -log(settings["beta"])
    harm, harmless = tally.evidence_of_harm, tally.evidence_of_harmlessness
    deceived = _deceived(metric, tally)
    if harm >= limit and not deceived:
        claim = f"proven worse than the {metric.control} (evidence {shown(harm, limit)})"
        return Verdict.FAIL, claim, Ground.PROOF
    if least is not None and (low := above(1 - least / 100, tally.canary)) >= limit:
        if tally.primary.requests and tally.primary.highest_rate > tally.canary.rate * _APART:
            claim = (
                f"below {plain_number(least)} %, but the {metric.control} may be too: not its own "
                "fault"
            )
            return Verdict.INCONCLUSIVE, claim, Ground.FINDING
        claim = f"proven below {plain_number(least)} % (evidence {shown(low, limit)})"
        return Verdict.FAIL, claim, Ground.PROOF
    if deceived:
        return Verdict.INCONCLUSIVE, told_alike(metric, tally, _alike_limit(metric)), Ground.FINDING
    if not block.counted.canary.requests:
        claim = "the canary had no requests since the last analysis"
        return Verdict.INCONCLUSIVE, claim, Ground.FINDING
    if tally.canary.requests < metric.min_requests:
        claim = f"too few, minRequests is {metric.min_requests}"
        return Verdict.INCONCLUSIVE, claim, Ground.NEITHER
    if harmless >= harmless_at:
        ratio = plain_number(settings["maxRatio"])
        claim = f"proven less than {ratio} times as bad (evidence {shown(harmless, harmless_at)})"
        return Verdict.PASS, claim, Ground.PROOF
    claim = (
        f"no proof yet, evidence of harm {shown(harm, limit)}, of harmlessness "
        f"{shown(harmless, harmless_at)} (onInconclusive: {metric.on_inconclusive})"
    )
    return metric.on_inconclusive.verdict, claim, Ground.NEITHER


def _tally(metric: Metric, memory: Memory) -> Tally:
    return _read(memory, read_options(metric))


def _read(memory: Memory, settings: Mapping[str, float]) -> Tally:
    return read_tally(memory, worse_than(settings["equalRatio"]), better_than(settings["maxRatio"]))


def _most_share(metric: Metric, judgement: Judgement) -> float:
    """Give a share that `_share_of_proof` does not exceed, without reading a memory."""
    if not isinstance(judgement, _Weighed):
        return 1.0
    if _deceived(metric, judgement.tally):
        return 0.0
    # A mean is no more than the highest, and what is kept is rounded.
    return exp(
        min(max(judgement.tally.harm_sums) - _limit(metric, read_options(metric)), 0.0) + _ROUNDED
    )


def _share_of_proof(metric: Metric, memory: Memory) -> float:
    """Give the evidence of harm as a share of what is a proof by itself; none where it deceives."""
    tally = _tally(metric, memory)
    if _deceived(metric, tally):
        return 0.0
    return exp(min(tally.evidence_of_harm - _limit(metric, read_options(metric)), 0.0))


def _deceived(metric: Metric, tally: Tally) -> bool:
    """Tell whether sides that run the same are proven to differ."""
    return bool(tally.second.requests) and tally.evidence_of_difference >= _alike_limit(metric)


def _alike_limit(metric: Metric) -> float:
    """Give the logarithm of the evidence that proves so: no more good runs are held than `alpha`."""
    return log(metric.peers / read_options(metric)["alpha"])


def _limit(metric: Metric, settings: Mapping[str, float]) -> float:
    """Give the logarithm of the evidence that is a proof of harm."""
    # Two ways to be wrong share what all metrics share.
    ways = 1 if metric.threshold_range.min is None else 2
    return log(metric.peers * ways / settings["alpha"])


def _judgement(
    metric: Metric, tally: Tally, verdict: Verdict, claim: str, ground: Ground = Ground.FINDING
) -> Judgement:
    least = metric.threshold_range.min
    own = "" if least is None else f"{metric.threshold_range.text} and "
    return _Weighed(
        check=Check(
            metric=metric.name,
            verdict=verdict,
            value=100 * (1 - tally.canary.rate) if tally.canary.requests else None,
            bound=f"{own}no worse than the {metric.control}",
            message=sentence(metric, claim),
            query=metric.query,
            proven=ground is Ground.PROOF,
            undecided=ground is Ground.NEITHER,
        ),
        memory=tally.memory,
        tally=tally,
    )
