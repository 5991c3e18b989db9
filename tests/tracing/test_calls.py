"""Calls as spans: whose part they are, what they say of a receiver, and what they keep to themselves."""

from datetime import timedelta

import pytest

from analysis.errors import FailureKind
from analysis.model import Arm, Ask, Bounds, Metric, ProviderSpec, QueryFailure, Sample
from canary.api.people import Webhook, WebhookType
from canary.tracing.calls import TracedCall, named_query
from canary.tracing.context import RunTrace
from canary.tracing.span import SpanKind
from tests.builders import at

TRACE = RunTrace(uid="0b5e", run="41-new")
HOOK = Webhook(
    type=WebhookType.ROLLOUT, name="load", url="https://user:secret@tests.example:8443/key?token=x"
)
ASK = Ask(query="up")


def call(named: str = "hook/41-new/rollout/10/3/load", seconds: int = 10) -> TracedCall:
    return TracedCall(trace=TRACE, within="step/1/", named=named, began=at(seconds))


def metric(address: str = "http://prometheus:9090/prefix") -> Metric:
    return Metric(
        name="errors",
        asks=(ASK,),
        provider=ProviderSpec(type="prometheus", address=address),
        interval=timedelta(minutes=1),
        threshold_range=Bounds(max=1),
    )


def test_a_call_is_a_part_of_the_step():
    span = call().hook(HOOK, status=200, passed=True, message="fine", end=at(12))
    assert (span.name, span.kind) == ("hook rollout", SpanKind.CLIENT)
    assert (span.context, span.parent) == (call().context, TRACE.span("step/1/"))
    assert (span.start, span.end) == (at(10), at(12))
    assert span.failure == ""


def test_a_call_shows_where_it_led_and_no_secret_of_its_address():
    span = call().hook(HOOK, status=200, passed=True, message="", end=at(12))
    assert span.attributes == {
        "http.request.method": "POST",
        "url.full": "https://tests.example:8443",
        "tidegate.hook": "load",
        "http.response.status_code": 200,
    }


@pytest.mark.parametrize(("status", "error"), [(503, "503"), (None, "no-answer")])
def test_a_call_that_does_not_pass_is_an_error(status, error):
    span = call().hook(HOOK, status=status, passed=False, message="too slow", end=at(12))
    assert span.failure == "too slow"
    assert span.attributes["error.type"] == error
    assert span.attributes.get("http.response.status_code") == status


def test_a_call_that_is_repeated_after_a_crash_is_a_span_of_its_own():
    assert call().context != call(seconds=20).context != call("hook/another").context


def test_a_query_names_its_metric_and_store():
    span = call().query(metric(), Sample(value=3.0, at=at(10)), at(11))
    assert (span.name, span.kind) == ("query prometheus", SpanKind.CLIENT)
    assert span.attributes == {"tidegate.metric": "errors", "url.full": "http://prometheus:9090"}


def test_a_query_without_an_answer_is_an_error():
    failure = QueryFailure(reason="it asks to be left alone", kind=FailureKind.THROTTLED)
    span = call().query(metric(address=""), failure, at(11))
    assert span.failure == "it asks to be left alone"
    assert span.attributes == {"tidegate.metric": "errors", "error.type": "throttled"}


def test_a_clock_that_was_set_back_makes_no_span_that_ends_before_it_begins():
    span = call().query(metric(), Sample(value=3.0, at=at(10)), at(7))
    assert span.start == span.end == at(7)


def test_questions_of_one_metric_are_told_apart():
    other = Ask(query="up", arm=Arm.PRIMARY)
    assert named_query(metric(), ASK) != named_query(metric(), other)
