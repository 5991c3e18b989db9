"""Judge `patient`: lets nothing pass before it has seen three answers in a row."""

from collections.abc import Mapping

from analysis.model import Ask, Check, Judgement, Memory, Metric, Outcome, Sample, Verdict

ENOUGH = 3


class PatientJudge:
    """Counts answers, and remembers when the first one came."""

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Judge the answer to the only question; without a sample nothing is counted."""
        (outcome,) = answers.values()
        kept = memory.get("seen", "")
        seen = int(kept) if kept.isdecimal() else 0
        if not isinstance(outcome, Sample):
            check = self._check(metric, Verdict.INCONCLUSIVE, f"no answer: {outcome.reason}")
            return Judgement(check=check, memory=memory)
        seen += 1
        verdict = Verdict.PASS if seen >= ENOUGH else Verdict.INCONCLUSIVE
        first = memory.get("first", outcome.at.isoformat())
        return Judgement(
            check=self._check(metric, verdict, f"answer {seen} of {ENOUGH}", outcome.value),
            memory={"seen": str(seen), "first": first},
        )

    def _check(
        self, metric: Metric, verdict: Verdict, message: str, value: float | None = None
    ) -> Check:
        return Check(
            metric=metric.name,
            verdict=verdict,
            value=value,
            bound=f"{ENOUGH} answers",
            message=message,
            query=metric.query,
        )
