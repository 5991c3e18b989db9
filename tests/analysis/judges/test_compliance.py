"""What every registered judge promises, whatever was answered."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.judges import JUDGES
from analysis.model import (
    MEMORY_BYTES,
    Ask,
    Check,
    Judgement,
    Memory,
    Metric,
    NoData,
    NoDataPolicy,
    Outcome,
    QueryFailure,
    Sample,
    Verdict,
    memory_bytes,
)
from tests.case import cases_of
from tests.sampling import examples

NOW = datetime(2026, 1, 1, tzinfo=UTC)
every_metric = pytest.mark.parametrize(
    ("name", "metric"),
    [
        pytest.param(name, replace(metric, judge=name), id=f"{name}-{index}")
        for name, case in cases_of(JUDGES).items()
        for index, metric in enumerate(case.metrics)
    ],
)
#: A judge is asked thousands of times a day: each test has these examples.
few = settings(max_examples=examples(15))

samples = st.floats().map(lambda value: Sample(value=value, at=NOW))
silences = st.builds(NoData, reason=st.just("no series"), warming_up=st.booleans())
failures = st.just(QueryFailure(reason="the store refuses connections"))
outcomes = samples | silences | failures
memories = st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=3)


def judged(name: str, metric: Metric, outcome: Outcome, memory: Memory) -> Judgement:
    """Judge the same answer to each question, by a judge that is made for this."""
    return JUDGES.load(name)().judge(metric, dict.fromkeys(metric.asks, outcome), memory)


@every_metric
class TestEveryJudge:
    @few
    @given(data=st.data())
    def test_gives_a_verdict_for_people_on_whatever_was_answered(
        self, name: str, metric: Metric, data: st.DataObject
    ) -> None:
        answers: Mapping[Ask, Outcome] = {ask: data.draw(outcomes) for ask in metric.asks}
        check = JUDGES.load(name)().judge(metric, answers, {}).check
        assert isinstance(check, Check)
        assert isinstance(check.verdict, Verdict)
        assert (check.metric, bool(check.message)) == (metric.name, True)

    @pytest.mark.parametrize("policy", [NoDataPolicy.FAIL, NoDataPolicy.HOLD])
    @pytest.mark.parametrize("outcome", [NoData(reason="x"), QueryFailure(reason="x")])
    def test_passes_nothing_that_was_not_measured_unless_the_metric_says_so(
        self, name: str, metric: Metric, outcome: Outcome, policy: NoDataPolicy
    ) -> None:
        strict = replace(metric, on_no_data=policy, on_error=policy)
        assert judged(name, strict, outcome, {}).check.verdict is not Verdict.PASS

    @pytest.mark.parametrize("policy", NoDataPolicy)
    def test_takes_a_provider_that_warms_up_neither_for_nor_against_anything(
        self, name: str, metric: Metric, policy: NoDataPolicy
    ) -> None:
        warming_up = NoData(reason="watched for 3 s", warming_up=True)
        judgement = judged(name, replace(metric, on_no_data=policy), warming_up, {})
        assert judgement.check.verdict is Verdict.INCONCLUSIVE

    @few
    @given(outcome=outcomes, memory=memories)
    def test_judges_by_what_it_is_given_alone_and_leaves_that_as_it_was(
        self, name: str, metric: Metric, outcome: Outcome, memory: dict[str, str]
    ) -> None:
        before = deepcopy(memory)
        once = judged(name, metric, outcome, memory)
        assert memory == before
        # NaN is not equal to itself.
        assert repr(judged(name, metric, outcome, memory)) == repr(once)

    @few
    @given(run=st.lists(outcomes, max_size=30))
    def test_keeps_little_and_goes_on_from_what_a_status_has_kept(
        self, name: str, metric: Metric, run: list[Outcome]
    ) -> None:
        memory: Memory = {}
        for outcome in run:
            memory = judged(name, metric, outcome, memory).memory
            assert all(isinstance(each, str) for pair in memory.items() for each in pair)
            assert memory_bytes(memory) <= MEMORY_BYTES
            kept: Any = json.loads(json.dumps(dict(memory)))
            after = [judged(name, metric, outcome, each) for each in (memory, kept)]
            assert repr(after[0]) == repr(after[1])

    @few
    @given(data=st.data())
    def test_takes_a_memory_that_somebody_has_edited(
        self, name: str, metric: Metric, data: st.DataObject
    ) -> None:
        kept = judged(name, metric, Sample(value=1, at=NOW), {}).memory
        edited = {key: data.draw(st.text(max_size=10)) for key in kept}
        assert isinstance(judged(name, metric, Sample(value=1, at=NOW), edited), Judgement)
