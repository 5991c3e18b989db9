"""Names of traces and spans: what is read of a pipeline's, and which run a number is."""

import pytest

from canary.api.status import Outcome, Phase, RunRecord
from canary.tracing.context import (
    RUN as THE_RUN,
)
from canary.tracing.context import (
    RunTrace,
    SpanContext,
    read_traceparent,
    step_part,
    trace_of_number,
)
from tests.tracing.lives import RUN, at_step, status

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_traceparent_is_read_and_written_again():
    text = f"00-{TRACE_ID}-{SPAN_ID}-01"
    context = read_traceparent(text)
    assert context == SpanContext(trace_id=int(TRACE_ID, 16), span_id=int(SPAN_ID, 16))
    assert context.traceparent == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "main",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"cc-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
    ],
)
def test_what_names_no_span_is_none(text):
    assert read_traceparent(text) is None


def test_a_run_is_known_by_its_number_while_the_status_has_it():
    history = tuple(
        RunRecord(revision=each, outcome=Outcome.ROLLED_BACK) for each in ("older", "oldest")
    )
    running = status(runs=41, history=history)
    names = {number: trace_of_number("u", running, number) for number in (42, 41, 40, 39, 38)}
    assert {number: trace.run if trace else "" for number, trace in names.items()} == {
        42: "",
        41: "41-new",
        40: "40-older",
        39: "39-oldest",
        38: "",
    }
    rests = status(Phase.FAILED, run=None, runs=40, history=history)
    assert trace_of_number("u", rests, 40) == RunTrace(uid="u", run="40-older")


def test_before_its_first_step_and_in_its_promotion_a_run_is_the_part_itself():
    assert step_part(status(run=None)) == THE_RUN
    assert step_part(status()) == THE_RUN
    assert step_part(status(Phase.PROMOTING, run=at_step(2, 5))) == THE_RUN
    first, second = step_part(status(run=at_step(1, 5))), step_part(status(run=at_step(2, 5)))
    assert len({THE_RUN, first, second}) == 3
    assert step_part(status(run=RUN.but(step=1)))
