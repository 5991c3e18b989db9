"""A status is read leniently, and reads back to what was written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.status import CanaryStatus, Condition, Phase, Run, read_status, write_status
from tests.sampling import examples

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def a_status() -> CanaryStatus:
    return CanaryStatus(
        phase=Phase.PROGRESSING,
        canary_weight=10,
        run=Run(id="1", revision="r1", started_at=MOMENT),
        conditions=(Condition(type="Ready", status="True", reason="Serving"),),
    )


def test_a_status_reads_back_to_what_was_written():
    assert read_status(write_status(a_status())) == a_status()


def test_a_moment_is_written_in_utc():
    there = MOMENT.astimezone(timezone(timedelta(hours=2)))
    written = write_status(a_status().but(last_transition_time=there))
    assert written["lastTransitionTime"] == "2026-01-02T03:04:05.000678Z"


def test_a_condition_is_found_by_its_type():
    found = a_status().condition("Ready")
    assert found is not None
    assert found.reason == "Serving"
    assert a_status().condition("Stalled") is None


@pytest.mark.parametrize("raw", [None, 1, "text", [], {}])
def test_what_is_no_status_is_a_new_one(raw):
    assert read_status(raw) == CanaryStatus()


def test_a_field_that_does_not_decode_gets_its_default_and_the_others_stay():
    raw = write_status(a_status()) | {"canaryWeight": "many", "failed_checks": -1}
    assert read_status(raw) == a_status().but(canary_weight=0)


@given(
    st.dictionaries(
        st.sampled_from([field.alias or name for name, field in CanaryStatus.model_fields.items()]),
        st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.booleans(),
    )
)
@settings(max_examples=examples(80))
def test_no_status_is_too_damaged_to_be_read(raw):
    assert isinstance(read_status(raw), CanaryStatus)
