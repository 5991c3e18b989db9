"""What the values of the engine promise."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import (
    Arm,
    Ask,
    Bounds,
    Check,
    Credentials,
    ProviderSpec,
    Report,
    Signal,
    Verdict,
    memory_bytes,
    shown_address,
)

SECRETS = ("s3cr3t-token", "pa55word", "key-value-1", "url-passw0rd")


def a_check(verdict: Verdict) -> Check:
    return Check(metric="m", verdict=verdict, value=1, bound="", message=verdict, query="")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        pytest.param([], "pass", id="no checks have nothing against it"),
        pytest.param(["pass", "pass"], "pass", id="all pass"),
        pytest.param(["pass", "inconclusive"], "inconclusive", id="one unsure check holds all"),
        pytest.param(["inconclusive", "fail", "pass"], "fail", id="one failure outweighs the rest"),
    ],
)
def test_a_report_says_the_worst_of_its_checks(verdicts, expected):
    report = Report(checks=tuple(a_check(Verdict(verdict)) for verdict in verdicts))
    assert report.verdict is Verdict(expected)
    assert [check.verdict for check in report.failures] == [v for v in verdicts if v == "fail"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (99, None, "99 ≤ value"),
        (None, 500, "value ≤ 500"),
        (0.5, 1_000_000, "0.5 ≤ value ≤ 1000000"),
        (None, None, "any value"),
    ],
)
def test_a_range_reads_as_people_write_it(low, high, text):
    assert Bounds(min=low, max=high).text == text


@pytest.mark.parametrize(("low", "high"), [(2, 1), (float("nan"), None), (None, float("nan"))])
def test_a_range_that_no_value_can_meet_is_refused(low, high):
    with pytest.raises(ValueError, match=r"thresholdRange.*write"):
        Bounds(min=low, max=high)


def a_secret_spec() -> ProviderSpec:
    return ProviderSpec(
        type="prometheus",
        address="https://user:url-passw0rd@prometheus.example/path?key=key-value-1",
        headers=(("X-Key", "key-value-1"),),
        credentials=Credentials(token="s3cr3t-token", username="u", password="pa55word"),
    )


@pytest.mark.parametrize("form", [repr, str, "{}".format, "%s".__mod__])
def test_no_form_of_a_spec_holds_a_secret(form):
    spec = a_secret_spec()
    for text in (form(spec), form(spec.credentials)):
        assert not any(secret in text for secret in SECRETS)
    assert "https://prometheus.example/path" in form(spec)


def test_redaction_hides_every_secret_as_it_is_written_and_as_it_is_sent():
    spec = a_secret_spec()
    encoded = ["dTpwYTU1d29yZA==", "dXNlcjp1cmwtcGFzc3cwcmQ="]
    told = spec.redact(f"refused: {SECRETS} {encoded}, ask again")
    assert not any(secret in told for secret in (*SECRETS, *encoded))
    assert told.startswith("refused: ")
    assert told.endswith("ask again")


def test_redaction_leaves_a_text_without_secrets_as_it_is():
    assert ProviderSpec(type="prometheus").redact("a text") == "a text"


def test_equal_specs_are_one_key():
    assert hash(a_secret_spec()) == hash(a_secret_spec())
    assert a_secret_spec() != ProviderSpec(type="prometheus", timeout=timedelta(seconds=1))


@pytest.mark.parametrize(
    ("credentials", "shown"),
    [
        (Credentials(), "Credentials(none)"),
        (Credentials(token="abc"), "Credentials(token)"),
        (Credentials(username="a", password="b"), "Credentials(username, password)"),
    ],
)
def test_credentials_tell_their_kind_only(credentials, shown):
    assert repr(credentials) == shown


def test_an_address_that_cannot_be_read_is_not_shown():
    assert shown_address("http://user:secret@[::1") == "an address that cannot be read"
    spec = ProviderSpec(type="x", address="http://user:secret@[::1")
    assert "secret" not in repr(spec)
    assert spec.redact("a text") == "a text"


def test_a_question_from_a_moment_on_is_the_same_otherwise():
    asked = Ask(
        query="increase(rq)",
        arm=Arm.PRIMARY,
        signal=Signal.BAD,
        since=datetime(2026, 1, 1, tzinfo=UTC),
        earlier=timedelta(minutes=3),
    )
    later = datetime(2026, 1, 2, tzinfo=UTC)
    assert asked.counted_from(later) == replace(asked, since=later)
    assert all(getattr(asked, each.name) != each.default for each in fields(Ask))


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=20), max_size=4))
def test_a_memory_is_as_large_as_json_in_json(memory):
    assert memory_bytes(memory) == len(json.dumps(json.dumps(memory)))
