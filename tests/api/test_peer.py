"""A `flagger.app` Canary keeps all that tidegate remembers, inside the fields of the peer's CRD."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.peer import STATE_KEY, read_peer_status, write_peer_status
from canary.api.status import (
    CanaryStatus,
    CommandRecord,
    Condition,
    Hold,
    MetricStatus,
    Notice,
    Phase,
    Run,
    RunRecord,
    Wait,
)
from tests.core.stored import merged, pruned
from tests.sampling import examples

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def a_full_status(**changes: Any) -> CanaryStatus:
    return CanaryStatus(
        observed_generation=3,
        phase=Phase.PROGRESSING,
        canary_weight=20,
        failed_checks=1,
        iterations=2,
        last_applied_spec="1-new",
        last_promoted_spec="1-old",
        target_version="uid/7",
        tracked_configs={"configmap/a": "0011", "secret/ü": "2233"},
        last_transition_time=MOMENT,
        waiting_for=Wait(reason="AnalysisDue", message="„gleich“", since=MOMENT),
        metrics=(MetricStatus(name="errors", verdict="inconclusive", value=None, at=None),),
        run=Run(
            id="1-1-new",
            revision="1-new",
            started_at=MOMENT,
            holds=(Hold(reason="TrafficGate", since=MOMENT),),
        ),
        history=(RunRecord(revision="1-old", outcome="Promoted", started_at=None),),
        commands=(CommandRecord(verb="approve", at=MOMENT),),
        notices=(Notice(id="1", reason="RunStarted", message="here we go", at=MOMENT),),
        conditions=(
            Condition(
                type="Promoted",
                status="Unknown",
                reason="Progressing",
                message="A new revision is being analysed.",
                observed_generation=3,
                last_transition_time=MOMENT,
                last_update_time=None,
            ),
        ),
    ).but(**changes)


@given(phase=st.sampled_from(list(Phase)), weight=st.integers(0, 100), failed=st.integers(0, 9))
@settings(max_examples=examples(50))
def test_what_the_peers_crd_keeps_reads_back_to_what_was_written(phase, weight, failed):
    status = a_full_status(phase=phase, canary_weight=weight, failed_checks=failed)
    assert read_peer_status(pruned(merged({}, write_peer_status(status)))) == status


def test_a_fresh_status_reads_back():
    assert read_peer_status(pruned(merged({}, write_peer_status(CanaryStatus())))) == CanaryStatus()


def test_what_is_zero_again_and_what_is_gone_is_written_over_what_was_there():
    before = a_full_status()
    after = before.but(
        canary_weight=0,
        failed_checks=0,
        tracked_configs={"configmap/b": "4455"},
        last_transition_time=None,
        waiting_for=None,
        run=None,
        notices=(),
    )
    stored = pruned(merged({}, write_peer_status(before)))
    stored = pruned(merged(stored, write_peer_status(after, before=before)))
    assert read_peer_status(stored) == after


def test_the_peers_tools_see_the_peers_fields():
    written = write_peer_status(a_full_status())
    assert (written["phase"], written["canaryWeight"], written["failedChecks"]) == (
        "Progressing",
        20,
        1,
    )
    assert written["conditions"] == [
        {
            "type": "Promoted",
            "status": "Unknown",
            "reason": "Progressing",
            "message": "A new revision is being analysed.",
            "lastTransitionTime": "2026-01-02T03:04:05.000678Z",
        }
    ]


def test_a_status_of_the_peer_is_read():
    status = read_peer_status(
        {
            "phase": "Succeeded",
            "failedChecks": 0,
            "canaryWeight": 0,
            "iterations": 0,
            "lastAppliedSpec": "5d4f8b",
            "lastPromotedSpec": "5d4f8b",
            "trackedConfigs": {"configmap/a": "0123456789abcdef"},
            "lastTransitionTime": "2026-01-02T03:04:05Z",
            "conditions": [
                {
                    "type": "Promoted",
                    "status": "True",
                    "reason": "Succeeded",
                    "message": "done",
                    "lastUpdateTime": "2026-01-02T03:04:05Z",
                    "lastTransitionTime": "2026-01-02T03:04:05Z",
                }
            ],
        }
    )
    assert status.phase is Phase.SUCCEEDED
    assert status.tracked_configs == {"configmap/a": "0123456789abcdef"}
    promoted = status.condition("Promoted")
    assert promoted is not None
    assert promoted.status == "True"


def test_what_the_peer_wrote_since_wins_over_what_we_remember():
    stored = pruned(merged({}, write_peer_status(a_full_status())))
    stored |= {"phase": "Failed", "canaryWeight": 0}
    status = read_peer_status(stored)
    assert (status.phase, status.canary_weight) == (Phase.FAILED, 0)


@pytest.mark.parametrize(
    "state",
    [None, 7, "", "{", "[]", "[" * 100_000, json.dumps({"run": 7, "phase": "Failed"})],
    ids=["null", "number", "empty", "cut", "list", "deep", "wrong"],
)
def test_a_memory_that_does_not_decode_is_as_none(state):
    status = read_peer_status({"phase": "Succeeded", "trackedConfigs": {STATE_KEY: state}})
    assert status == CanaryStatus(phase=Phase.SUCCEEDED)


@pytest.mark.parametrize("raw", [None, 7, "text", [], {"trackedConfigs": 7}])
def test_what_is_no_status_is_a_new_one(raw):
    assert read_peer_status(raw) == CanaryStatus()
