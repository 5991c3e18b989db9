"""A run as a trace: what two statuses say of what has ended in between."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from canary.api.status import Hold, MetricStatus, Outcome, Phase, Run, RunRecord
from canary.core import waits
from canary.tracing.context import RunTrace, SpanContext
from canary.tracing.span import RunSpan
from canary.tracing.spans import Result, Traced, spans_between
from tests.builders import at
from tests.tracing.lives import GATE, RUN, Life, at_step, ended, judged, promoted, status

SHOP = Traced(group="tidegate.dev", uid="0b5e", namespace="shop", name="cart")
TRACE = RunTrace(uid="0b5e", run="41-new")
PIPELINE = SpanContext(trace_id=0xC0FFEE, span_id=0xCAFE)


def traced(life: Life, canary: Traced = SHOP) -> list[RunSpan]:
    return [
        span
        for (_, before), (seconds, after) in pairwise(life)
        for span in spans_between(canary, before, after, at(seconds))
    ]


def result_of(span: RunSpan) -> Any:
    return span.attributes.get("cicd.pipeline.result") or span.attributes.get(
        "cicd.pipeline.task.run.result"
    )


def between(span: RunSpan) -> tuple[datetime, datetime]:
    return span.start, span.end


def test_a_run_that_is_promoted_is_one_tree():
    spans = traced(promoted())
    assert [(each.name, *between(each)) for each in spans] == [
        ("analysis", at(15), at(20)),
        ("step 1", at(5), at(25)),
        ("analysis", at(35), at(35)),
        ("gate confirm-promotion", at(40), at(60)),
        ("step 2", at(25), at(60)),
        ("promotion", at(60), at(80)),
        ("drain", at(80), at(90)),
        ("RUN shop/cart", at(0), at(90)),
    ]
    *parts, root = spans
    assert root.parent is None
    assert {each.context.trace_id for each in spans} == {TRACE.trace_id}
    ids = {each.context: each for each in spans}
    assert len(ids) == len(spans)
    assert [ids[each.parent].name for each in parts if each.parent] == [
        *("step 1", "RUN shop/cart", "step 2", "step 2"),
        *("RUN shop/cart", "RUN shop/cart", "RUN shop/cart"),
    ]


def test_ids_follow_from_the_canary_and_the_run_alone():
    first, again = traced(promoted()), traced(promoted())
    assert [each.context for each in first] == [each.context for each in again]
    assert first[-1].context == TRACE.span()
    others = {RunTrace(uid="other", run="41-new"), RunTrace(uid="0b5e", run="42-new")}
    assert TRACE.trace_id not in {each.trace_id for each in others}


def test_a_run_has_the_attributes_of_a_pipeline():
    *_, root = traced(promoted())
    assert root.attributes == {
        "cicd.pipeline.name": "shop/cart",
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.run.id": "41-new",
        "cicd.pipeline.result": "success",
        "deployment.id": "41-new",
        "deployment.name": "cart",
        "deployment.status": "succeeded",
        "k8s.namespace.name": "shop",
        "tidegate.revision": "new",
    }
    assert root.failure == ""


@pytest.mark.parametrize("address", ["https://tidegate.test/here", "https://tidegate.test/here/"])
def test_every_span_leads_to_the_page_of_the_run_where_there_is_a_dashboard(address: str):
    shown = replace(SHOP, dashboard=address)
    *parts, root = traced(promoted(), shown)
    page = "https://tidegate.test/here/c/shop/cart/runs/20260101T000000Z"
    assert root.attributes["cicd.pipeline.run.url.full"] == page
    assert {each.attributes["cicd.pipeline.task.run.url.full"] for each in parts} == {page}
    *_, of_peer = traced(promoted(), replace(shown, group="flagger.app"))
    assert of_peer.attributes["cicd.pipeline.run.url.full"] == f"{page}?group=flagger.app"


def test_a_step_has_its_weight_and_a_gate_says_who_opened_it():
    spans = {each.name: each for each in traced(promoted())}
    assert spans["step 1"].attributes["tidegate.weight"] == 10
    assert spans["step 2"].attributes["cicd.pipeline.task.type"] == "deploy"
    assert spans["gate confirm-promotion"].attributes["tidegate.answered"] == "approve by alice"


def test_an_analysis_has_an_event_for_each_metric():
    before = status(run=at_step(1, 5), weight=10)
    unknown = MetricStatus(name="orders", verdict="inconclusive", at=at(20))
    after = before.but(metrics=(judged("fail", 20, 87.5), unknown))
    (analysis,) = traced(((5, before), (21, after)))
    first, second = analysis.events
    assert first.name == "check success"
    assert first.attributes == {
        "tidegate.metric": "success",
        "tidegate.verdict": "fail",
        "tidegate.bound": "",
        "tidegate.value": 87.5,
    }
    assert "tidegate.value" not in second.attributes
    assert analysis.failure == "success 87.5: fail"
    assert result_of(analysis) == Result.FAILURE


@pytest.mark.parametrize(
    ("outcome", "reason", "result", "deployment"),
    [
        (Outcome.PROMOTED, "", Result.SUCCESS, "succeeded"),
        (Outcome.ROLLED_BACK, "ChecksFailed", Result.FAILURE, "failed"),
        (Outcome.ROLLED_BACK, "GateDeadlineExceeded", Result.TIMEOUT, "failed"),
        (Outcome.PROMOTION_FAILED, "", Result.ERROR, "failed"),
        (Outcome.CANCELLED, "", Result.CANCELLATION, "failed"),
        (Outcome.SUPERSEDED, "", Result.CANCELLATION, "failed"),
    ],
)
def test_how_a_run_ended_is_its_result(outcome, reason, result, deployment):
    after = status(Phase.FAILED, run=None, history=(ended(outcome, reason),))
    *_, root = traced(((5, status()), (50, after)))
    assert result_of(root) == result
    assert root.attributes["deployment.status"] == deployment
    failed = result is not Result.SUCCESS
    assert root.failure == (f"it was {outcome}" if failed else "")
    assert root.attributes.get("error.type") == ((reason or outcome) if failed else None)


def test_an_outcome_that_was_written_by_hand_is_an_error():
    record = RunRecord(revision="new", outcome="Odd")
    *_, root = traced(((5, status()), (50, status(Phase.FAILED, run=None, history=(record,)))))
    assert result_of(root) == Result.ERROR
    assert root.attributes["error.type"] == "Odd"


def test_a_rollback_ends_the_step_and_its_gate_with_the_result_of_the_run():
    before = status(run=at_step(1, 5, holds=(GATE,)), weight=10)
    record = ended(Outcome.ROLLED_BACK, "Rejected", ("reject by bob",))
    after = status(Phase.FAILED, run=None, history=(record,))
    spans = {each.name: each for each in traced(((5, before), (50, after)))}
    assert result_of(spans["step 1"]) == Result.FAILURE
    assert result_of(spans["gate confirm-promotion"]) == Result.FAILURE
    assert spans["gate confirm-promotion"].attributes["tidegate.answered"] == "reject by bob"


def test_a_promotion_that_fails_is_an_error():
    before = status(Phase.PROMOTING, seconds=60, run=at_step(2, 25))
    after = status(Phase.FAILED, seconds=90, run=None, history=(ended(Outcome.PROMOTION_FAILED),))
    promotion, root = traced(((60, before), (90, after)))
    assert result_of(promotion) == result_of(root) == Result.ERROR


def test_a_run_that_gives_way_to_another_has_ended():
    other = Run(id="42-newer", revision="newer", started_at=at(50))
    after = status(run=other, history=(ended(Outcome.SUPERSEDED),))
    *_, root = traced(((5, status()), (50, after)))
    assert root.attributes["cicd.pipeline.run.id"] == "41-new"
    assert result_of(root) == Result.CANCELLATION


def test_a_run_whose_record_is_lost_was_cancelled():
    *_, root = traced(((5, status()), (50, status(Phase.SUCCEEDED, run=None))))
    assert result_of(root) == Result.CANCELLATION
    assert "error.type" not in root.attributes


def test_what_goes_on_is_no_span():
    now = status(run=at_step(1, 5, holds=(GATE,)), weight=10, metrics=(judged("pass", 20),))
    assert traced(((20, now), (30, now))) == []
    assert traced(((20, status(run=None)), (30, now))) == []


def test_a_hold_that_is_no_gate_is_no_span_and_a_gate_that_opens_by_itself_names_no_one():
    other = Hold(reason=waits.ANALYSIS_INCONCLUSIVE, since=at(10))
    before = status(run=at_step(1, 5, holds=(GATE, other)), weight=10)
    (gate,) = traced(((40, before), (50, status(run=at_step(1, 5), weight=10))))
    assert gate.name == "gate confirm-promotion"
    assert "tidegate.answered" not in gate.attributes


def test_a_step_without_a_moment_begins_with_the_run():
    before = status(run=RUN.but(step=1), weight=10)
    (step,) = traced(((5, before), (25, status(run=at_step(2, 25), weight=50))))
    assert between(step) == (at(0), at(25))


def whole(life: Life) -> RunSpan:
    """Give the span of the run itself."""
    return traced(life)[-1]


def lived(run: Run, **fields: Any) -> Life:
    """Give a run that has ended at once."""
    record = ended(Outcome.PROMOTED)
    before = status(run=run, runs=41, **fields)
    history = (record, *before.history)
    return ((5, before), (50, status(Phase.SUCCEEDED, run=None, runs=41, history=history)))


def test_a_run_links_to_the_span_of_its_pipeline():
    root = whole(lived(RUN.but(trace_link=PIPELINE.traceparent)))
    assert root.links == (PIPELINE,)
    assert (root.context, root.parent) == (TRACE.span(), None)


def test_a_run_may_be_part_of_the_trace_of_its_pipeline():
    """Every part is in that trace, under the run."""
    run = RUN.but(trace_parent=PIPELINE.traceparent, step=1, step_since=at(5))
    step, root = traced(lived(run))
    assert (root.parent, root.links) == (PIPELINE, ())
    assert root.context.span_id == TRACE.span().span_id
    assert {each.context.trace_id for each in (step, root)} == {PIPELINE.trace_id}
    assert step.parent == root.context


def test_a_retry_links_to_the_run_before():
    before = RunRecord(revision="new", outcome=Outcome.ROLLED_BACK)
    assert whole(lived(RUN, history=(before,))).links == (
        RunTrace(uid="0b5e", run="40-new").span(),
    )


def test_a_retry_links_to_a_run_that_was_part_of_its_pipelines_trace():
    parent = PIPELINE.traceparent
    before = RunRecord(revision="new", outcome=Outcome.ROLLED_BACK, trace_parent=parent)
    (link,) = whole(lived(RUN, history=(before,))).links
    assert link.trace_id == PIPELINE.trace_id
    assert link.span_id == RunTrace(uid="0b5e", run="40-new").span().span_id


def test_another_revision_is_no_retry():
    before = RunRecord(revision="older", outcome=Outcome.ROLLED_BACK)
    assert whole(lived(RUN, history=(before,))).links == ()
