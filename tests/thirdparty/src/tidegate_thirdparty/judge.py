"""Judge `patient`: lets nothing pass before it has seen three answers in a row."""

from collections.abc import Mapping

from analysis.model import Ask, Check, Judgement, Memory, Metric, Outcome, Sample, Verdict

ENOUGH = 3


class PatientJudge:
    """Counts answers, and remembers when the first one came."""

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Judge the answer to the only question."""
        (outcome,) = answers.values()
        assert isinstance(outcome, Sample)
        seen = int(memory.get("seen", "0")) + 1
        check = Check(
            metric=metric.name,
            verdict=Verdict.PASS if seen >= ENOUGH else Verdict.INCONCLUSIVE,
            value=outcome.value,
            bound=f"{ENOUGH} answers",
            message=f"answer {seen} of {ENOUGH}",
            query=metric.query,
        )
        first = memory.get("first", outcome.at.isoformat())
        return Judgement(check=check, memory={"seen": str(seen), "first": first})
