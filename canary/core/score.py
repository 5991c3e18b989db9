"""The score of an analysis: the share of its checks that passed, by their weights.

1. A check that passed has its weight, one that failed has none; shadows take no part.
2. What has no verdict may turn out either way: there is one on the whole where that makes no
   difference, and else none.
3. A critical metric fails the analysis by itself, whatever the score.
"""

from analysis.model import Bounds, Check, Report, Verdict
from canary.core.judgements import messages, metrics_at
from canary.core.situation import Situation

SCORE = "analysis-score"
"""The name under which the score stands among the metrics of the status."""
_WHOLE = 100.0
_AGAINST = (Verdict.FAIL, Verdict.INCONCLUSIVE)


def score_check(situation: Situation, report: Report) -> Check | None:
    """Judge an analysis by its score; None where none is asked for, or nothing has a part in it."""
    asked, checks = situation.spec.analysis.score, report.counting
    if asked is None or not checks:
        return None
    weights = {each.name: each.weight for each in metrics_at(situation)}
    reached = dict.fromkeys(Verdict, 0)
    for each in checks:
        reached[each.verdict] += weights.get(each.metric, 1)
    total = sum(reached.values())
    least = _WHOLE * reached[Verdict.PASS] / total
    most = least + _WHOLE * reached[Verdict.INCONCLUSIVE] / total
    if least >= asked.pass_:
        verdict = Verdict.PASS
    elif most < asked.least:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.INCONCLUSIVE
    shown = f"{least:.4g}" if least == most else f"{least:.4g} to {most:.4g}"
    why = "; ".join(filter(None, (messages(report, each) for each in _AGAINST)))
    return Check(
        metric=SCORE,
        verdict=verdict,
        value=least,
        bound=Bounds(min=asked.pass_).text,
        message=f"score {shown} of 100, pass is {asked.pass_}{f': {why}' if why else ''}",
        query="",
    )


def fails_critically(situation: Situation, report: Report) -> bool:
    """Tell whether a metric has failed that is enough by itself."""
    critical = {each.name for each in metrics_at(situation) if each.critical}
    return any(check.metric in critical for check in report.failures)
