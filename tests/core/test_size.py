"""A status has a bound in bytes, whatever others say: one that outgrows its object stops for ever."""

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import MEMORY_BYTES, Check, Report, Verdict, memory_bytes
from canary.api.peer import write_peer_status
from canary.api.status import (
    MESSAGE_BYTES,
    CanaryStatus,
    CheckCounts,
    CommandRecord,
    Condition,
    MetricStatus,
    Notice,
    Phase,
    Repair,
    RunRecord,
    Severity,
    Thread,
    Wait,
    clip,
    read_status,
    write_status,
)
from canary.core.decide import decide
from canary.core.facts import Image
from canary.core.images import recorded
from canary.core.needs import Analyse
from canary.core.notices import NOTICES_KEPT, THREADS_KEPT
from canary.core.traffic import Seen
from canary.core.upkeep import REPAIRS_KEPT
from tests.builders import a_spec, a_status, at
from tests.core.deciding import asked_for, up

MOST_BYTES = 768 * 1024
"""Half of what the API server takes of an object."""
#: The settings and the API's schema allow no more of each.
METRICS, HISTORY = 50, 100
HOSTILE = ["x", "ü", "\u2028", "\n", '"', "\\", "\x00", "😀"]


def longest_memory(character: str) -> str:
    """Give the longest text that a memory holds under a key."""
    length = next(n for n in count(1) if memory_bytes({"all": character * n}) > MEMORY_BYTES)
    return character * (length - 1)


@given(st.text(), st.integers(8, 64))
def test_a_clipped_text_is_one_line_within_its_bytes_and_clipping_it_again_changes_nothing(
    text, limit
):
    clipped = clip(text, limit)
    assert len(clipped.encode()) <= limit
    assert not any(each < " " or each == "\x7f" for each in clipped)
    assert clip(clipped, limit) == clipped


def test_a_short_text_stays_as_it_is():
    assert clip("größer als 5 %: 😀") == "größer als 5 %: 😀"


@pytest.mark.parametrize("character", HOSTILE, ids=ascii)
def test_the_fullest_status_with_the_longest_texts_stays_within_half_an_object(character):
    text = character * 100_000
    images = recorded(Image(f"{number}{text}", text) for number in range(100))
    status = CanaryStatus(
        phase=Phase.PROGRESSING,
        images=text,
        applied_images=images,
        promoted_images=images,
        repairs=tuple(
            Repair(object=text, undoing=text, undone_at=at(0)) for _ in range(REPAIRS_KEPT)
        ),
        waiting_for=Wait(reason=text, message=text, since=at(0)),
        metrics=tuple(
            MetricStatus(
                name=text,
                verdict=text,
                bound=text,
                message=text,
                at=at(0),
                shadow=True,
                counts=CheckCounts(failed=9**9, failed_in_row=9**9, inconclusive=9**9),
                judge="j" * 63,
                memory={"all": longest_memory(character)},
            )
            for _ in range(METRICS)
        ),
        history=tuple(
            RunRecord(revision=text, images=text, outcome=text, reason=text, message=text)
            for _ in range(HISTORY)
        ),
        commands=tuple(
            CommandRecord(
                verb=text,
                value=text[:200],
                user=text[:64],
                reason=text[:136],  # they are parts of the value
                message=text,
                at=at(0),
                accepted=True,
            )
            for _ in range(HISTORY)
        ),
        notices=tuple(
            Notice(
                id=text,
                reason=text,
                message=text,
                severity=Severity.INFO,
                at=at(0),
                revision=text,
                images=text,
                run=1_000_000,
            )
            for _ in range(NOTICES_KEPT)
        ),
        threads=tuple(
            Thread(receiver=text, run=1_000_000, ref="x" * 512) for _ in range(THREADS_KEPT)
        ),
        conditions=tuple(
            Condition(type=text, status="True", reason=text, message=text) for _ in range(6)
        ),
    )
    for write in (write_status, write_peer_status):
        assert len(json.dumps(write(status), ensure_ascii=False).encode()) <= MOST_BYTES
    assert read_status(write_status(status)) == status


def test_what_a_store_says_at_length_is_decided_once_and_settles():
    """The longest messages, compared with what was kept of them, are no change for ever."""
    check = Check(
        metric="m" * 253,
        verdict=Verdict.FAIL,
        value=1.0,
        bound="b" * 5000,
        message="e" * 50_000,
        query="",
    )
    spec, status = a_spec(), a_status(Phase.PROGRESSING, weight=20)
    facts = up(routed=Seen(weight=20), obstacle="o" * 50_000)
    need = asked_for(spec, status, facts, at(60))
    assert isinstance(need, Analyse)
    answered = up(
        routed=Seen(weight=20), obstacle="o" * 50_000, answers={need: Report(checks=(check,))}
    )
    first = decide(spec, status, answered, at(60)).status
    assert first.metrics[0].message.endswith("…")
    assert len(first.metrics[0].message.encode()) <= MESSAGE_BYTES
    facts = up(routed=Seen(weight=20), obstacle="o" * 50_000)
    second = decide(spec, first, facts, at(61)).status
    assert decide(spec, second, facts, at(62)).status == second
