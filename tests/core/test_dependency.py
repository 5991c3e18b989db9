"""What a run waits for before it starts: the Canaries that it depends on."""

from typing import Any

import pytest

from canary.api.status import CanaryStatus, Phase
from canary.core import waits
from canary.core.facts import Command
from canary.core.situation import Decision
from tests.builders import (
    OLD,
    a_dependency,
    a_peer,
    a_progress,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
    some_facts,
)
from tests.core.deciding import decided, message, reason, up

DB = a_peer("db", target="db", services=("db",))
SURE = at(60)
"""The run has begun long enough ago for others to be seen."""


def started(peer: Any, release: str = "", now: Any = SURE, **facts: Any) -> Decision:
    """Ask for the start of a run that has waited since the beginning of time."""
    status = a_status(Phase.WAITING, release=release)
    target = a_workload(release=release)
    return decided(
        a_spec(), status, up(target=target, dependencies=(a_dependency(peer),), **facts), now
    )


def with_progress(phase: Phase = Phase.SUCCEEDED, **fields: Any) -> Any:
    return a_peer("db", progress=a_progress(phase, **fields))


@pytest.mark.parametrize(
    ("release", "peer", "said"),
    [
        ("", None, "to exist: create it, or remove it from spec.dependsOn"),
        ("", with_progress(Phase.FAILED), "to promote: its last run has failed"),
        ("", with_progress(Phase.PROGRESSING), "to promote: it is Progressing"),
        ("", with_progress(settled=False), "to promote: it is Succeeded"),
        ("", with_progress(Phase.NEW), "to promote: it is New"),
        ("", with_progress(invalid=True, settled=False), "to promote: its spec is invalid"),
        ("r2", with_progress(release="r1"), "to promote release r2: it has promoted r1"),
        ("r2", with_progress(Phase.PROMOTING, release="r2"), "release r2: it is Promoting"),
        # Its controller has not seen yet what its target carries.
        (
            "r2",
            a_peer("db", coming="r2", progress=a_progress()),
            "to promote release r2: it has promoted no release",
        ),
    ],
)
def test_a_run_does_not_start_before_what_it_depends_on_is_promoted_and_says_why(
    release, peer, said
):
    kept = started(peer, release)
    assert (kept.status.phase, reason(kept)) == (Phase.WAITING, waits.DEPENDENCY)
    assert message(kept).startswith("waiting for Canary test/db ")
    assert said in message(kept)
    assert kept.status.canary_weight == 0


@pytest.mark.parametrize(
    ("release", "peer"),
    [
        ("", with_progress()),
        ("r2", with_progress()),
        ("", with_progress(release="r1")),
        ("r2", with_progress(Phase.INITIALIZED, release="r2")),
    ],
)
def test_a_run_starts_when_what_it_depends_on_is_promoted(release, peer):
    assert started(peer, release).status.phase is Phase.PROGRESSING


def test_without_a_release_on_both_sides_a_dependency_has_ten_seconds_to_be_seen():
    early = started(with_progress(), now=at(4))
    assert (reason(early), message(early)) == (
        waits.DEPENDENCY,
        "waiting for 10 s in case test/db has a new revision too",
    )
    assert early.status.waiting_for is not None
    assert early.status.waiting_for.until == at(10)
    waiting = decided(
        a_spec(), early.status, up(dependencies=(a_dependency(with_progress()),)), at(6)
    )
    assert waiting.wake_at == at(10)
    exact = started(with_progress(release="r2"), "r2", now=at(4))
    assert exact.status.phase is Phase.PROGRESSING


def test_a_person_who_promotes_needs_no_dependency():
    promoted = started(None, commands=(Command(verb="promote", value="@alice: now"),))
    assert promoted.status.phase is Phase.PROGRESSING


def test_a_way_back_within_the_rollback_window_needs_no_dependency():
    run = a_run(known_good=True)
    status = a_status(Phase.WAITING, run=run)
    facts = up(dependencies=(a_dependency(None),))
    assert decided(a_spec(), status, facts, SURE).status.phase is Phase.PROGRESSING


def test_a_release_is_recorded_with_its_revision_and_also_where_it_comes_later():
    pinned = decided(a_spec(), a_status(), up(target=a_workload(release="r2")), at(0)).status
    assert pinned.release == "r2"
    rest: CanaryStatus = a_status(release="r1")
    renamed = some_facts(target=a_workload(replicas=0, release="r2"))
    assert decided(a_spec(), rest, renamed, at(0)).status.release == "r2"
    # Of a revision that is not started yet the status says nothing.
    missing = some_facts(target=None, revision=None)
    kept = decided(a_spec(), rest, missing, at(0)).status
    assert (kept.release, kept.last_applied_spec) == ("r1", OLD)


@pytest.mark.parametrize(("analysis", "days"), [({}, 7), ({"holdTimeout": "24h"}, 1)])
def test_a_dependency_that_never_comes_ends_the_run_after_a_week_or_the_hold_timeout(
    analysis, days
):
    spec, facts = a_spec(analysis=analysis), up(dependencies=(a_dependency(None),))
    kept = decided(spec, a_status(Phase.WAITING), facts, at(0))
    assert kept.status.waiting_for is not None
    assert kept.status.waiting_for.deadline == at(days * 86400)
    early = decided(spec, kept.status, facts, at(days * 86400 - 1))
    assert (early.status.phase, early.wake_at) == (Phase.WAITING, at(days * 86400))
    late = decided(spec, early.status, facts, at(days * 86400))
    assert (late.status.phase, late.status.history[0].reason) == (Phase.FAILED, waits.DEPENDENCY)
