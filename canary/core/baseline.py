"""The baseline: the primary's revision once more, in pods as many and as old as the canary's.

Rule 1: it stands beside the canary from the start of a run to its last step, and is another one
in each run. A run begins when both are ready.
Rule 2: it answers as many requests as the canary, in the primary's place. The primary keeps no
fewer than it: from a third of the traffic on, the baseline has half of what the canary leaves.
Rule 3: it gets requests only while it has ready pods, and keeps these until proxies follow.
Rule 4: however a run ends, nothing of it stays.
"""

from datetime import datetime

from analysis.model import Check, Verdict
from canary.api.metrics import CompareWith, MetricSpec
from canary.api.status import Phase
from canary.core.situation import Situation
from canary.core.weights import FULL

_BESIDE = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})
"""The phases in which a canary is compared."""


def baseline_stands(situation: Situation) -> bool:
    """Tell whether there must be a baseline now."""
    if not situation.spec.analysis.has_baseline or situation.status.phase not in _BESIDE:
        return False
    return situation.facts.primary is not None and not situation.skips_steps


def baseline_lacks(situation: Situation) -> bool:
    """Tell whether there must be a baseline, and it is not ready."""
    return baseline_stands(situation) and not _is_ready(situation)


def baseline_mark(situation: Situation) -> str:
    """Give what the pods of the baseline of this run are marked with."""
    return f"{situation.status.last_promoted_spec}/{situation.current_run.id}"


def part_for_baseline(weight: int) -> int:
    """Give the percentage that the baseline answers where the canary has a weight."""
    return min(weight, (FULL - weight) // 2)


def share_with_baseline(situation: Situation) -> Situation:
    """Intend as much traffic for the baseline as it may have now."""
    weights, now = situation.status.weights, _part(situation)
    if _is_gone(situation):
        return situation.but(weights=weights.but(baseline=0), baseline_since=None)
    begins = baseline_stands(situation) and situation.status.baseline_since is None
    if weights.baseline == now and not begins and not _drains_anew(situation):
        return situation
    return situation.but(weights=weights.but(baseline=now), baseline_since=situation.now)


def _is_gone(situation: Situation) -> bool:
    """Tell whether nothing is left of a baseline that there must be none of."""
    facts = situation.facts
    known = not facts.unseen and not facts.obstacle
    return known and not facts.baseline_left and not baseline_stands(situation)


def _drains_anew(situation: Situation) -> bool:
    """Tell whether requests still reach a baseline whose time to end them is over.

    Once a drain, so that a route that cannot be written costs no more writes of the status.
    """
    until = baseline_kept_until(situation)
    over = until is not None and situation.now >= until
    return over and bool(situation.drain_time) and _is_led_to(situation)


def _is_led_to(situation: Situation) -> bool:
    facts = situation.facts
    routes = (facts.routed, *(former.routed for former in facts.former))
    return any(each is not None and each.baseline for each in routes)


def baseline_may_go(situation: Situation) -> bool:
    """Tell whether what was made for a baseline is there, and no request may reach it any longer."""
    facts, until = situation.facts, baseline_kept_until(situation)
    unsure = facts.routed is not None and facts.routed.pending
    if baseline_stands(situation) or not facts.baseline_left or unsure or _is_led_to(situation):
        return False
    return until is None or situation.now >= until


def baseline_kept_until(situation: Situation) -> datetime | None:
    """Tell until when a baseline that has no more traffic keeps its pods; None where it had none."""
    status = situation.status
    since = None if status.weights.baseline else status.baseline_since
    return since + situation.drain_time if since and situation.facts.baseline_left else None


def check_without_baseline(situation: Situation, metric: MetricSpec) -> Check | None:
    """Say of a metric that it is not compared with a baseline now; None where it is, or never is."""
    if metric.compare_with is not CompareWith.BASELINE:
        return None
    if baseline_lacks(situation):
        verdict, why = Verdict.INCONCLUSIVE, "the baseline is not ready"
    elif not situation.status.weights.baseline:
        verdict, why = (
            Verdict.PASS,
            f"at {situation.share(situation.status.canary_weight)} it has none",
        )
    else:
        return None
    return Check(
        metric=metric.name,
        verdict=verdict,
        value=None,
        bound="as the baseline",
        message=f"{metric.name} is not compared with the baseline: {why}",
        query="",
        shadow=metric.shadow,
    )


def _is_ready(situation: Situation) -> bool:
    found = situation.facts.baseline
    if found is None or found.revision != baseline_mark(situation):
        return False
    return found.ready(situation.spec.analysis.canary_ready_threshold)


def _part(situation: Situation) -> int:
    found, status = situation.facts.baseline, situation.status
    if not baseline_stands(situation) or found is None or not found.serves:
        return 0
    # Once it has some, a pod that comes and goes takes none of it.
    if not status.weights.baseline and not _is_ready(situation):
        return 0
    return part_for_baseline(status.canary_weight)
