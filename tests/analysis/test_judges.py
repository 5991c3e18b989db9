"""Judges are asked with every answer they need, and with what they kept of the last time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from analysis.asking import Providers
from analysis.engine import analyse
from analysis.judges import Judge, evidence
from analysis.model import (
    MEMORY_BYTES,
    Arm,
    Ask,
    Bounds,
    Check,
    Judgement,
    Memory,
    Metric,
    Outcome,
    Sample,
    Signal,
    Verdict,
)
from analysis.plugins import PluginTable
from tests.analysis.scripted import TABLE, Script

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS, REQUESTS = (
    Ask(query="errors", signal=Signal.BAD),
    Ask(query="requests", arm=Arm.PRIMARY, signal=Signal.REQUESTS),
)
JUDGES: PluginTable[Judge] = PluginTable(
    group="tidegate.no-judges",
    builtin={
        name: f"tests.analysis.test_judges:{name.title().replace('-', '')}"
        for name in ("ratio", "forgetful", "talkative", "numeric", "silent")
    },
)
addresses = (f"judged-{number}" for number in count())


class Ratio:
    """Judges the sum of all that it was ever answered."""

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Add the answers up."""
        seen = {each.signal: answers[each] for each in metric.asks}
        assert all(isinstance(each, Sample) for each in seen.values())
        errors = int(memory.get("errors", "0")) + int(seen[Signal.BAD].value)
        requests = int(memory.get("requests", "0")) + int(seen[Signal.REQUESTS].value)
        return a_judgement(metric, errors / requests, errors=str(errors), requests=str(requests))


class Talkative:
    """Keeps more than a status may hold."""

    def judge(self, metric: Metric, _answers: Mapping[Ask, Outcome], _memory: Memory) -> Judgement:
        """Keep everything."""
        return a_judgement(metric, 0, all="x" * MEMORY_BYTES)


class Numeric:
    """Keeps what is no text."""

    def judge(self, metric: Metric, _answers: Mapping[Ask, Outcome], _memory: Memory) -> Judgement:
        """Keep a number."""
        return a_judgement(metric, 0, number=5)


class Silent:
    """Says nothing."""

    def judge(self, *_: object) -> Judgement:
        """Return what is no check."""
        return Judgement(check=None)


def a_judgement(metric: Metric, value: float, **memory: str) -> Judgement:
    check = Check(
        metric=metric.name,
        verdict=Verdict.PASS,
        value=value,
        bound="",
        message="judged",
        query=metric.query,
    )
    return Judgement(check=check, memory=memory)


def a_metric(judge: str) -> Metric:
    answers = {"errors": 2.0, "requests": 8.0}

    async def answer(query: str) -> Sample:
        return Sample(value=answers[query], at=NOW)

    return Metric(
        name="errors",
        asks=(ERRORS, REQUESTS),
        provider=Script(next(addresses), answer).spec,
        interval=timedelta(minutes=1),
        threshold_range=Bounds(),
        judge=judge,
    )


async def test_a_judge_gets_an_answer_to_each_question_and_goes_on_from_its_memory():
    metric = a_metric("ratio")
    async with Providers(table=TABLE) as providers:
        first = await analyse([metric], providers, NOW, judges=JUDGES)
        again = await analyse([metric], providers, NOW, judges=JUDGES, memories=first.memories)

    assert first.memories == {"errors": {"errors": "2", "requests": "8"}}
    assert again.memories == {"errors": {"errors": "4", "requests": "16"}}
    assert again.checks[0].value == 0.25


@pytest.mark.parametrize(
    ("judge", "says"),
    [
        ("talkative", f"more than {MEMORY_BYTES}"),
        ("numeric", "its memory is no map of texts"),
        ("silent", "it returned no check"),
        ("unknown", "there is no"),
    ],
)
async def test_what_no_status_can_keep_is_an_outage_of_the_judge_and_the_memory_stays(judge, says):
    kept = {"errors": {"errors": "2"}}
    async with Providers(table=TABLE) as providers:
        report = await analyse([a_metric(judge)], providers, NOW, judges=JUDGES, memories=kept)

    assert report.verdict is Verdict.INCONCLUSIVE
    assert says in report.checks[0].message
    assert report.memories == kept


@pytest.mark.parametrize("judge", ["ratio", "unknown", "sequential"])
def test_of_a_judge_that_does_not_say_what_it_keeps_there_is_no_evidence(judge):
    assert evidence(judge, {"errors": "2"}, JUDGES) == ()
