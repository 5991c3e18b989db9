"""Images: what people call a revision by, in every text that names one."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.peer import read_peer_status, write_peer_status
from canary.api.status import CanaryStatus, ContainerImage, Phase, read_status, write_status
from canary.core import waits
from canary.core.facts import Facts, Image, Revision
from canary.core.images import IMAGES_KEPT, difference, images_told, recorded
from canary.core.situation import Decision
from canary.core.traffic import Seen
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, up

DIGEST = "sha256:1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b"
OTHER = DIGEST.replace("1a", "9f")


def an_image(tag: str, name: str = "podinfo") -> tuple[Image, ...]:
    return (Image("app", f"registry.example/team/{name}:{tag}"),)


OLD_IMAGES, NEW_IMAGES = recorded(an_image("6.1")), recorded(an_image("6.2"))
KNOWN: dict[str, Any] = {"promoted_images": OLD_IMAGES, "applied_images": NEW_IMAGES}
AT_OLD = Revision(id=OLD, images=an_image("6.1"))
AT_NEW = Revision(id=NEW, images=an_image("6.2"))


def containers(*images: str, init: bool = False) -> tuple[ContainerImage, ...]:
    return recorded(Image(f"c{place}", image, init) for place, image in enumerate(images))


def messages(decision: Decision) -> dict[str, str]:
    return {each.reason: each.message for each in decision.status.notices}


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (["a/podinfo:6.1"], ["a/podinfo:6.2"], "podinfo:6.1 → podinfo:6.2"),
        (["a/podinfo:6.1"], ["b/podinfo:6.1"], "a/podinfo:6.1 → b/podinfo:6.1"),
        (["podinfo"], [f"podinfo@{DIGEST}"], "podinfo → podinfo@sha256:1a2b3c4d5e6f"),
        (
            [f"podinfo:6@{DIGEST}"],
            [f"podinfo:6@{OTHER}"],
            "podinfo:6@sha256:1a2b3c4d5e6f → podinfo:6@sha256:9f2b3c4d5e6f",
        ),
        ([f"r:5000/podinfo:6.1@{DIGEST}"], ["podinfo:6.2"], "podinfo:6.1 → podinfo:6.2"),
        ([f"p@{DIGEST}"], [f"p@{DIGEST}0"], f"p@{DIGEST} → p@{DIGEST}0"),
        (["app:1", "proxy:2"], ["app:1", "proxy:3"], "proxy:2 → proxy:3"),
        (["app:1"], ["app:1", "proxy:3"], "proxy:3 added"),
        (["app:1", "x/proxy:3"], ["app:1"], "proxy:3 removed"),
        (
            ["a:1", "b:1", "c:1", "d:1", "e:1"],
            ["a:2", "b:2", "c:2", "d:2", "e:2"],
            "a:1 → a:2, b:1 → b:2, c:1 → c:2 and 2 more",
        ),
        (["app:1"], ["app:1"], ""),
        ([], ["app:1"], ""),
        (["app:1"], [], ""),
    ],
)
def test_what_differs_is_written_as_short_as_it_can_be_told_apart(before, after, text):
    assert difference(containers(*before), containers(*after)) == text


def test_an_init_container_is_named_where_its_image_changes_and_only_there():
    app = containers("app:1")
    before, after = (app + containers(f"migrate:{tag}", init=True) for tag in (1, 2))
    assert difference(before, after) == "migrate:1 → migrate:2"
    assert images_told(a_status(promoted_images=before, applied_images=before)) == "app:1"


def test_a_status_keeps_the_images_of_a_few_containers():
    assert len(recorded(Image(str(number), "a:1") for number in range(100))) == IMAGES_KEPT


def test_images_outlive_the_api_server_and_a_field_edited_by_hand_falls_back():
    status = a_status(Phase.PROGRESSING, **KNOWN, run=a_run(images="podinfo:6.1 → podinfo:6.2"))
    assert read_status(write_status(status)) == status
    assert read_peer_status(write_peer_status(status)) == status
    edited = write_status(status) | {"appliedImages": "podinfo", "promotedImages": [7]}
    assert read_status(edited) == status.but(applied_images=(), promoted_images=())


@pytest.mark.parametrize("phase", [Phase.INITIALIZED, Phase.SUCCEEDED])
def test_a_status_without_images_gets_them_at_the_next_look_and_begins_no_run(phase):
    facts = some_facts(revision=AT_OLD, primary=a_primary(images=an_image("6.1")))
    decision = decided(a_spec(), a_status(phase), facts, at(60))
    status = decision.status
    assert (status.applied_images, status.promoted_images) == (OLD_IMAGES, OLD_IMAGES)
    assert status.images == "podinfo:6.1"
    assert (status.phase, status.run, status.notices) == (phase, None, ())
    assert decided(a_spec(), status, facts, at(61)).status == status


def test_the_images_of_a_run_that_an_upgrade_meets_are_found():
    status = a_status(Phase.PROGRESSING, weight=20, target_version="/1")
    facts = up(revision=AT_NEW, primary=a_primary(images=an_image("6.1")))
    decision = decided(a_spec(), status, facts, at(60))
    assert decision.status.images == "podinfo:6.1 → podinfo:6.2"


def test_images_of_another_revision_are_not_taken_for_those_that_are_looked_for():
    facts = up(revision=Revision(id="1-newer", images=an_image("7")), primary=a_primary(NEW))
    status = decided(a_spec(suspend=True), a_status(), facts, at(60)).status
    assert (status.applied_images, status.promoted_images) == ((), ())
    unknown = replace(facts, revision=None, primary=None)
    assert decided(a_spec(suspend=True), a_status(), unknown, at(60)).status.images == ""


def begun(status: CanaryStatus, revision: Revision = AT_NEW, **facts: Any) -> Decision:
    return decided(a_spec(), status, some_facts(revision=revision, **facts), at(60))


def test_a_run_says_which_images_it_changes():
    decision = begun(a_status(promoted_images=OLD_IMAGES, applied_images=OLD_IMAGES))
    assert decision.status.run is not None
    assert decision.status.run.images == decision.status.images == "podinfo:6.1 → podinfo:6.2"
    (notice,) = decision.status.notices
    assert notice.images == "podinfo:6.1 → podinfo:6.2"
    assert notice.message == (
        "New revision 1-new of podinfo (podinfo:6.1 → podinfo:6.2), scaling up"
    )


@pytest.mark.parametrize(
    ("before", "after", "applied", "text"),
    [
        ({}, {}, OLD, "same images, the pod template changed"),
        ({"configmap/a": "1"}, {"configmap/a": "2"}, OLD, "same images, configmap/a changed"),
        (
            {"configmap/a": "1", "secret/b": "1"},
            {"secret/c": "1"},
            OLD,
            "same images, configmap/a, secret/b, secret/c changed",
        ),
        ({}, {}, "1-failed", "same images"),
    ],
)
def test_a_run_with_the_same_images_says_what_else_changed(before, after, applied, text):
    status = a_status(
        promoted_images=OLD_IMAGES,
        applied_images=OLD_IMAGES,
        tracked_configs=before,
        last_applied_spec=applied,
    )
    decision = begun(status, Revision(id=NEW, images=an_image("6.1"), configs=after))
    assert decision.status.images == text


def test_a_run_whose_promoted_images_nobody_knows_names_those_under_test():
    assert begun(a_status()).status.images == "podinfo:6.2"


def ended(**facts: Any) -> Decision:
    status = a_status(
        Phase.PROGRESSING,
        weight=20,
        failed_checks=1,
        **KNOWN,
        run=a_run(pre_rollout_passed=True, images="podinfo:6.1 → podinfo:6.2"),
    )
    return decided(a_spec(), status, up(**({"revision": AT_NEW} | facts)), at(60), Verdict.FAIL)


def test_the_end_of_a_run_names_its_images_in_events_alerts_and_history():
    rolled_back = ended()
    assert rolled_back.status.history[0].images == "podinfo:6.1 → podinfo:6.2"
    assert rolled_back.status.images == "podinfo:6.1 → podinfo:6.2"
    assert rolled_back.status.notices[-1].images == "podinfo:6.1 → podinfo:6.2"
    assert messages(rolled_back)["RolledBack"].startswith(
        "Revision 1-new (podinfo:6.2) is rolled back: "
    )
    cancelled = ended(revision=AT_OLD)
    assert "the run of 1-new (podinfo:6.2) is cancelled" in messages(cancelled)["RunCancelled"]
    assert cancelled.status.images == "podinfo:6.1"
    superseded = ended(revision=Revision(id="1-newer", images=an_image("6.3")))
    assert messages(superseded)["RunRestarted"] == (
        "podinfo changed to revision 1-newer (podinfo:6.3) during the run of 1-new (podinfo:6.2)"
    )
    assert superseded.status.images == "podinfo:6.1 → podinfo:6.3"


def promoting(phase: Phase, wait: str = waits.PRIMARY_UPDATING, **facts: Any) -> Decision:
    status = a_status(phase, weight=60 if phase is Phase.PROMOTING else 0, **KNOWN)
    ready: dict[str, Any] = {"revision": AT_NEW, "primary": a_primary(NEW)} | facts
    return decided(a_spec(), status, up(**ready), at(60))


def test_a_promotion_names_its_images_at_each_stage_and_remembers_them():
    waiting = promoting(Phase.PROMOTING, primary=a_primary(NEW, available=0)).status.waiting_for
    assert waiting is not None
    assert "to run 1-new (podinfo:6.2) and be ready" in waiting.message
    returned = promoting(Phase.PROMOTING)
    assert messages(returned)["TrafficReturned"].endswith("all traffic with 1-new (podinfo:6.2)")
    assert returned.status.promoted_images == NEW_IMAGES
    assert returned.status.images == "podinfo:6.2"


def test_a_run_that_is_promoted_says_what_it_was_about():
    status = a_status(
        Phase.FINALISING,
        last_promoted_spec=NEW,
        step_started_at=at(0),
        promoted_images=NEW_IMAGES,
        applied_images=NEW_IMAGES,
        run=a_run(images="podinfo:6.1 → podinfo:6.2"),
    )
    facts = up(revision=AT_NEW, primary=a_primary(NEW), routed=Seen())
    draining = decided(a_spec(), status, facts, at(60))
    done = decided(a_spec(), draining.status, facts, at(90))
    assert done.status.history[0].images == "podinfo:6.1 → podinfo:6.2"
    assert messages(done)["Promoted"] == (
        "Revision 1-new (podinfo:6.2) of podinfo is promoted; the primary serves all traffic"
    )


def test_the_first_revision_is_promoted_with_its_images():
    status = a_status(
        Phase.INITIALIZING,
        last_promoted_spec="",
        last_applied_spec=OLD,
        waiting_for={"reason": waits.DRAINING, "since": at(0)},
    )
    facts = some_facts(revision=AT_OLD, target=a_workload(), routed=Seen())
    decision = decided(a_spec(), status, facts, at(60))
    assert decision.status.promoted_images == OLD_IMAGES
    assert messages(decision)["Initialized"].endswith("the primary serves 1-old (podinfo:6.1)")


def test_the_images_of_a_primary_that_serves_already_are_its_own():
    """A status was lost, and the target has moved on."""
    primary = a_primary(images=an_image("6.1"))
    facts: Facts = some_facts(revision=AT_NEW, target=a_workload(), primary=primary)
    decision = decided(a_spec(), CanaryStatus(), facts, at(0))
    assert decision.status.last_applied_spec == OLD
    assert decision.status.images == "podinfo:6.1"


def test_images_of_any_length_are_decided_on_once():
    long = tuple(Image(f"c{number}", "x" * 10_000) for number in range(9))
    facts = some_facts(revision=Revision(id=NEW, images=long), target=a_workload(available=0))
    known = a_status(promoted_images=OLD_IMAGES, applied_images=OLD_IMAGES)
    first = decided(a_spec(), known, facts, at(60)).status
    assert read_status(write_status(first)) == first
    assert decided(a_spec(), first, facts, at(60)).status == first
