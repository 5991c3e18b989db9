"""The fleet: which clusters may begin a release (F1 to F6), one by one and in a walk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.fleet_approval import WaveApproval, read_approvals
from canary.api.fleet_status import (
    MOST_FORMER,
    MOST_SEEN_THROUGH,
    FleetCanary,
    FleetGrant,
    FleetPlanStatus,
    read_plan_status,
)
from canary.api.fleetplan import FleetPlanSpec, FleetWave
from canary.api.fleetreport import FleetState, ReportedCanary
from canary.core.fleet import FULL, decide_fleet, refuse_plan
from canary.core.fleet_round import FleetMember, PlanInHand
from tests.builders import at
from tests.sampling import examples

CART = "shop/cart"
WAITING, RUNNING, PROMOTED = FleetState.WAITING, FleetState.RUNNING, FleetState.PROMOTED
ROLLED_BACK, HELD, IDLE = FleetState.ROLLED_BACK, FleetState.HELD, FleetState.IDLE
ONE_BOX = {"name": "one-box", "clusters": ["test"]}
FIRST = {"name": "first", "clusters": ["eu-1", "us-1"]}
REST = {"name": "rest", "clusters": ["eu-2", "us-2", "ap-1"]}
HALF = {"maxConcurrent": "50%"}


def a_plan(*waves: Mapping[str, Any], **spec: Any) -> PlanInHand:
    given = {"waves": list(waves) or [ONE_BOX, FIRST, REST], **spec}
    return PlanInHand(name="releases/shop", spec=FleetPlanSpec.model_validate(given), generation=3)


def approving(plan: PlanInHand, *approvals: WaveApproval) -> PlanInHand:
    return replace(plan, approvals=approvals)


def an_approval(wave: str, release: str = "r2", **fields: Any) -> WaveApproval:
    return WaveApproval(wave=wave, by="alice: all well", releases={CART: release}, **fields)


def reported(state: FleetState, release: str = "r2", run: int = 2, **fields: Any) -> ReportedCanary:
    return ReportedCanary(
        canary=CART, uid=fields.pop("uid", "u"), release=release, run=run, state=state, **fields
    )


def member(*said: Any, **fields: Any) -> FleetMember:
    canary = said[0] if said and isinstance(said[0], ReportedCanary) else reported(*said)
    return FleetMember(canaries={CART: canary}, **({"heard": True} | fields))


SILENT = {"heard": False, "silent": True}
OLD = (PROMOTED, "r1", 1)


@dataclass
class Fleet:
    """A plan over time: what the clusters say is changed, and it is decided again."""

    plan: PlanInHand
    members: dict[str, FleetMember] = field(default_factory=dict)
    status: FleetPlanStatus = field(default_factory=FleetPlanStatus)

    def __post_init__(self) -> None:
        for wave in self.plan.spec.waves:
            for cluster in wave.clusters:
                self.members.setdefault(cluster, member(*OLD))

    def decide(self, seconds: float = 0, **said: FleetMember) -> FleetCanary:
        self.members |= {name.replace("_", "-"): each for name, each in said.items()}
        self.status = decide_fleet(self.plan, self.status, self.members, at(seconds))
        again = decide_fleet(self.plan, self.status, self.members, at(seconds))
        assert again == self.status
        found = self.status.find(CART)
        assert found is not None
        return found

    def everywhere(self, *said: Any, seconds: float = 0) -> FleetCanary:
        return self.decide(seconds, **{name: member(*said) for name in self.members})

    def condition(self, type_: str) -> tuple[str, str]:
        found = next(each for each in self.status.conditions if each.type == type_)
        return found.status, found.message


def granted(entry: FleetCanary) -> list[str]:
    return [each.cluster for each in entry.grants]


class TestAStatusThatIsFull:
    """What does not fit stands still, and is granted nothing."""

    NAMES = ("shop/a", "shop/b", "shop/c")

    def said(self, state: FleetState, release: str, names: tuple[str, ...]) -> dict[str, Any]:
        told = {
            name: ReportedCanary(canary=name, uid=name, release=release, run=2, state=state)
            for name in names
        }
        return {"test": FleetMember(canaries=told, heard=True)}

    def size(self, status: FleetPlanStatus) -> int:
        return sum(
            len(each.model_dump_json(by_alias=True, exclude_none=True)) + 1
            for each in status.canaries
        )

    def test_a_canary_that_does_not_fit_is_left_out_and_counted(self):
        plan = a_plan(ONE_BOX)
        members = self.said(PROMOTED, "r1", self.NAMES)
        whole = decide_fleet(plan, FleetPlanStatus(), members, at(0))
        assert [each.canary for each in whole.canaries] == list(self.NAMES)
        room = self.size(whole) - 1
        cut = decide_fleet(plan, FleetPlanStatus(), members, at(0), most_bytes=room)
        assert [each.canary for each in cut.canaries] == ["shop/a", "shop/b"]
        first = cut.conditions[0]
        assert (first.type, first.status, first.reason) == ("Initialized", "False", "Full")
        assert first.message == f"{FULL}; Canaries that wait for it: 1"
        again = decide_fleet(plan, cut, members, at(1), most_bytes=room)
        assert again == cut

    def test_what_would_grow_beyond_it_keeps_only_what_has_begun(self):
        plan = a_plan({"name": "all", "clusters": ["test"]})
        status = FleetPlanStatus()
        for state in (PROMOTED, WAITING):
            release = "r1" if state is PROMOTED else "r2"
            status = decide_fleet(plan, status, self.said(state, release, self.NAMES), at(0))
        assert all(granted(each) == ["test"] for each in status.canaries)
        # A release with a longer name has no room, and what was granted to the one before is gone.
        members = self.said(WAITING, "a-much-longer-name", self.NAMES)
        full = decide_fleet(plan, status, members, at(1), most_bytes=1)
        assert [each.message for each in full.canaries] == [FULL] * 3
        assert [each.grants for each in full.canaries] == [()] * 3
        assert [each.release for each in full.canaries] == ["r2"] * 3
        assert decide_fleet(plan, full, members, at(2), most_bytes=1) == full
        # With room again it goes on where it stood.
        free = decide_fleet(plan, full, members, at(3))
        assert {each.release for each in free.canaries} == {"a-much-longer-name"}
        assert all(granted(each) == ["test"] for each in free.canaries)

    def test_a_run_that_has_begun_keeps_its_grant(self):
        plan = a_plan({"name": "all", "clusters": ["test"]})
        status, names = FleetPlanStatus(), self.NAMES[:1]
        for state, release in ((PROMOTED, "r1"), (WAITING, "r2"), (RUNNING, "r2")):
            status = decide_fleet(plan, status, self.said(state, release, names), at(0))
        members = self.said(WAITING, "a-much-longer-name", names)
        full = decide_fleet(plan, status, members, at(1), most_bytes=1)
        assert [grant.begun for grant in full.canaries[0].grants] == [True]
        assert full.canaries[0].message == FULL

    def test_so_does_one_that_begins_while_there_is_no_room(self):
        plan = a_plan({"name": "all", "clusters": ["eu-1", "us-1"]})
        status = FleetPlanStatus()
        for said in (member(*OLD), member(WAITING)):
            both = dict.fromkeys(("eu-1", "us-1"), said)
            status = decide_fleet(plan, status, both, at(0))
        begun = {"eu-1": member(RUNNING), "us-1": member(ROLLED_BACK)}
        (whole,) = decide_fleet(plan, status, begun, at(1)).canaries
        assert whole.failures
        (full,) = decide_fleet(plan, status, begun, at(1), most_bytes=1).canaries
        assert full.message == FULL
        assert ("eu-1", True) in [(each.cluster, each.begun) for each in full.grants]


def test_the_first_wave_is_granted_and_the_others_wait_for_it():
    fleet = Fleet(a_plan())
    fleet.decide()
    entry = fleet.everywhere(WAITING)
    assert (entry.release, granted(entry), entry.wave) == ("r2", ["test"], "one-box")
    assert entry.message == "wave one-box waits for test (Waiting) to promote release r2"
    assert entry.grants[0] == FleetGrant(
        cluster="test", uid="u", run=2, release="r2", wave="one-box", at=at(0)
    )
    entry = fleet.decide(10, test=member(RUNNING))
    assert [each.begun for each in entry.grants] == [True]
    entry = fleet.decide(20, test=member(PROMOTED))
    assert (granted(entry), entry.wave) == (["eu-1", "us-1"], "first")
    entry = fleet.decide(30, eu_1=member(PROMOTED))
    assert granted(entry) == ["us-1"]
    entry = fleet.decide(40, us_1=member(PROMOTED))
    assert granted(entry) == ["eu-2", "us-2", "ap-1"]
    done = {name: member(PROMOTED) for name in ("eu_2", "us_2", "ap_1")}
    entry = fleet.decide(50, **done)
    assert (entry.complete, entry.grants, entry.seen_through) == (True, (), ("r2", "r1"))
    assert entry.message == "release r2 is promoted in all clusters"


def test_what_every_cluster_has_promoted_before_is_seen_through():
    entry = Fleet(a_plan()).decide()
    assert (entry.release, entry.complete, entry.seen_through) == ("r1", True, ("r1",))


@pytest.mark.parametrize(
    "odd",
    [
        member(PROMOTED, "r0", 1),
        member(PROMOTED, "r1", 1, **SILENT),
        member(IDLE, "r1", 0),
        FleetMember(heard=True),
    ],
)
def test_nothing_is_seen_through_where_one_cluster_differs_or_is_not_known(odd):
    entry = Fleet(a_plan()).decide(us_1=odd)
    assert (entry.release, entry.seen_through) == ("", ())
    assert entry.message == "no release is under way"


def test_nothing_is_seen_through_of_which_no_release_is_known():
    assert Fleet(a_plan(FIRST)).everywhere(PROMOTED, "", 1).seen_through == ()


@pytest.mark.parametrize(
    ("unlike", "said"),
    [
        (member(PROMOTED, "r1", 1), "Promoted with release r1"),
        (member(PROMOTED, "", 1), "Promoted with release unknown"),
        (member(HELD), "Held"),
        (member(RUNNING), "Running"),
        (member(PROMOTED, **SILENT), "silent, last Promoted"),
        (member(PROMOTED, heard=False), "not heard of yet, last Promoted"),
        (FleetMember(heard=True), "it has no such Canary"),
        (FleetMember(reports=False), "it has never reported"),
    ],
)
def test_a_wave_does_not_open_for_anything_but_this_very_release_promoted_and_heard(unlike, said):
    fleet = Fleet(a_plan())
    fleet.everywhere(WAITING)
    entry = fleet.decide(10, test=unlike)
    assert set(granted(entry)) <= {"test"}
    assert f"wave one-box waits for test ({said}) to promote" in entry.message


def test_a_wave_bakes_from_when_the_one_before_is_over_and_then_waits_for_a_person():
    fleet = Fleet(a_plan(ONE_BOX, FIRST | {"bake": "1h", "approval": True}))
    fleet.everywhere(WAITING)
    entry = fleet.decide(60, test=member(PROMOTED))
    assert (granted(entry), entry.wave) == ([], "one-box")
    assert "wave first opens at 2026-01-01 01:01:00 UTC, after its bake" in entry.message
    entry = fleet.decide(60 + 3600)
    assert granted(entry) == []
    assert entry.message == (
        "wave first waits to be approved: tidegate fleet approve releases/shop first"
    )
    fleet.plan = approving(fleet.plan, an_approval("first", "r1"), an_approval("other"))
    assert granted(fleet.decide(3700)) == []
    fleet.plan = approving(fleet.plan, an_approval("first"))
    entry = fleet.decide(3800)
    assert granted(entry) == ["eu-1", "us-1"]
    approval = next(each for each in entry.approvals if each.wave == "first")
    assert (approval.by, approval.at) == ("alice: all well", at(3800))
    # What is recorded holds without the annotation, and is for this release only.
    fleet.plan = approving(fleet.plan)
    assert granted(fleet.decide(3900)) == ["eu-1", "us-1"]
    assert fleet.everywhere(WAITING, "r3", 3, seconds=4000).approvals == ()


def test_the_bake_of_the_first_wave_counts_from_the_release():
    fleet = Fleet(a_plan(FIRST | {"bake": "1m"}))
    assert granted(fleet.everywhere(WAITING)) == []
    assert granted(fleet.decide(60)) == ["eu-1", "us-1"]


@pytest.mark.parametrize(
    ("limit", "granted_at_once"), [(1, 1), (2, 2), ("50%", 1), ("70%", 2), ("100%", 3), (9, 3)]
)
def test_no_more_clusters_of_a_wave_run_at_once_than_it_says(limit, granted_at_once):
    fleet = Fleet(a_plan(REST | {"maxConcurrent": limit}))
    entry = fleet.everywhere(WAITING)
    assert granted(entry) == ["eu-2", "us-2", "ap-1"][:granted_at_once]
    assert len(granted(fleet.decide(10, eu_2=member(PROMOTED)))) == min(granted_at_once, 2)


def test_a_share_of_a_wave_is_of_the_clusters_that_are_its_own():
    fleet = Fleet(a_plan(FIRST, {**REST, "clusters": ["eu-1", "us-1", "eu-2", "us-2"]} | HALF))
    entry = fleet.everywhere(WAITING)
    assert granted(entry) == ["eu-1", "us-1"]
    entry = fleet.decide(10, eu_1=member(PROMOTED), us_1=member(PROMOTED))
    assert granted(entry) == ["eu-2"]


def test_what_runs_without_a_grant_counts_as_well():
    fleet = Fleet(a_plan(FIRST | {"maxConcurrent": 1}))
    assert granted(fleet.decide(eu_1=member(RUNNING), us_1=member(WAITING))) == []
    assert granted(fleet.decide(eu_1=member(PROMOTED))) == ["us-1"]


def test_a_cluster_that_two_waves_name_belongs_to_the_first():
    fleet = Fleet(a_plan(ONE_BOX, FIRST | {"clusters": ["test", "eu-1"]}))
    assert granted(fleet.everywhere(WAITING)) == ["test"]


def test_a_rollback_halts_the_release_until_there_is_a_newer_one():
    fleet = Fleet(a_plan(FIRST | {"maxConcurrent": 1}, REST))
    fleet.everywhere(WAITING)
    entry = fleet.decide(10, eu_1=member(ROLLED_BACK))
    assert (entry.halted, granted(entry)) == (True, [])
    assert entry.message == (
        "halted: release r2 was rolled back in eu-1, and wave first bears 0; release something "
        "newer, or go on in spite of it with tidegate fleet approve releases/shop first"
    )
    assert fleet.condition("Halted") == ("True", "too many clusters have rolled back shop/cart")
    assert fleet.decide(20, eu_1=member(ROLLED_BACK, **SILENT)).halted
    entry = fleet.everywhere(WAITING, "r3", 3, seconds=30)
    assert (entry.halted, entry.failures, granted(entry)) == (False, (), ["eu-1"])


def test_a_halt_withdraws_what_has_not_begun_and_keeps_what_has():
    fleet = Fleet(a_plan(REST))
    fleet.everywhere(WAITING)
    entry = fleet.decide(10, eu_2=member(ROLLED_BACK), us_2=member(RUNNING))
    assert granted(entry) == ["us-2"]


def test_a_person_goes_on_in_spite_of_the_rollbacks_that_they_saw_and_no_other():
    fleet = Fleet(a_plan(FIRST | {"maxConcurrent": 1}, REST))
    fleet.everywhere(WAITING)
    fleet.decide(10, eu_1=member(ROLLED_BACK))
    forgiving = an_approval("first", forgiven={CART: ("eu-1/2", "eu-1/9")})
    fleet.plan = approving(fleet.plan, forgiving)
    entry = fleet.decide(20)
    assert (entry.halted, granted(entry)) == (False, ["us-1"])
    assert entry.excuses[0].reason == "it has rolled back, and goes on by alice: all well"
    assert fleet.decide(30, us_1=member(ROLLED_BACK)).halted
    assert fleet.decide(35, us_1=member(WAITING, "r2", 3)).halted
    entry = fleet.decide(40, us_1=member(PROMOTED, "r2", 3))
    assert (entry.halted, granted(entry)) == (False, ["eu-2", "us-2", "ap-1"])
    assert entry.message.startswith("wave rest waits for eu-2 (Waiting)")


def test_an_approval_of_nobody_is_a_persons_all_the_same():
    fleet = Fleet(a_plan(FIRST))
    fleet.everywhere(ROLLED_BACK)
    fleet.decide(eu_1=member(WAITING, "r2", 2), us_1=member(ROLLED_BACK))
    unsigned = replace(an_approval("first", forgiven={CART: ("us-1/2",)}), by="")
    fleet.plan = approving(fleet.plan, unsigned)
    entry = fleet.decide(10)
    assert [each.forgiven for each in entry.failures] == ["a person"]


def test_a_plan_bears_as_many_rollbacks_in_a_wave_as_it_says():
    fleet = Fleet(a_plan(FIRST, REST, maxFailures=1))
    fleet.everywhere(WAITING)
    entry = fleet.decide(10, eu_1=member(ROLLED_BACK), us_1=member(PROMOTED))
    assert (entry.halted, granted(entry)) == (False, ["eu-2", "us-2", "ap-1"])
    assert entry.excuses[0].reason == "it has rolled back, which the plan bears"
    done = {name: member(PROMOTED) for name in ("eu_2", "us_2", "ap_1")}
    entry = fleet.decide(20, **done)
    assert entry.message == "release r2 is promoted in all clusters, but for eu-1"
    # A retry there is a run like any other, and the wave waits for it.
    entry = fleet.decide(30, eu_1=member(WAITING, "r2", 3))
    assert (granted(entry), entry.complete) == (["eu-1"], False)


def test_a_plan_that_skips_silent_clusters_goes_on_without_them():
    fleet = Fleet(a_plan(FIRST | {"maxConcurrent": 1}, REST, onUnreachable="Skip"))
    fleet.everywhere(WAITING)
    entry = fleet.decide(10, eu_1=member(WAITING, heard=False))
    assert granted(entry) == ["eu-1"]
    entry = fleet.decide(20, eu_1=member(WAITING, **SILENT))
    assert granted(entry) == ["us-1"]
    assert entry.excuses[0].reason == "it is silent, and onUnreachable is Skip"
    assert fleet.status.silent == ("eu-1",)
    # One that has begun keeps its grant, and takes no place while it is silent.
    fleet.decide(30, us_1=member(RUNNING))
    entry = fleet.decide(40, us_1=member(RUNNING, **SILENT))
    assert granted(entry) == ["us-1", "eu-2", "us-2", "ap-1"]
    everybody = {name: member(PROMOTED, **SILENT) for name in ("eu_2", "us_2", "ap_1")}
    entry = fleet.decide(50, **everybody)
    assert (entry.complete, entry.message) == (False, "no cluster has promoted release r2")


def test_a_skipped_cluster_that_comes_back_is_granted_by_its_wave():
    fleet = Fleet(a_plan(FIRST, onUnreachable="Skip"))
    fleet.everywhere(WAITING)
    entry = fleet.decide(10, eu_1=member(*OLD, **SILENT), us_1=member(PROMOTED))
    assert (entry.complete, entry.since) == (True, at(0))
    entry = fleet.decide(20, eu_1=member(WAITING))
    assert (granted(entry), entry.complete, entry.since) == (["eu-1"], False, at(0))


def test_a_newer_release_withdraws_what_has_not_begun():
    fleet = Fleet(a_plan(FIRST))
    fleet.everywhere(WAITING)
    fleet.decide(10, eu_1=member(RUNNING))
    entry = fleet.decide(20, us_1=member(WAITING, "r3", 3))
    assert entry.release == "r3"
    assert [(each.cluster, each.release) for each in entry.grants] == [
        ("eu-1", "r2"),
        ("us-1", "r3"),
    ]
    assert entry.former == ("r2",)


def test_a_cluster_that_is_late_with_an_overtaken_release_changes_nothing():
    fleet = Fleet(a_plan(FIRST))
    fleet.everywhere(WAITING)
    fleet.decide(10, us_1=member(WAITING, "r3", 3))
    # eu-1 still waits with r2.
    entry = fleet.decide(20)
    assert (entry.release, granted(entry)) == ("r3", ["us-1"])
    # One that has come to the newest and goes back to r2 means it.
    entry = fleet.decide(30, us_1=member(WAITING, "r2", 4))
    assert (entry.release, entry.way_back) == ("r2", False)
    assert entry.former == ("r3",)


def test_of_two_releases_at_once_the_younger_one_is_followed_and_stays():
    fleet = Fleet(a_plan(FIRST))
    fleet.decide()
    entry = fleet.decide(
        10,
        eu_1=member(reported(WAITING, "a", since=at(1))),
        us_1=member(reported(WAITING, "b", since=at(2))),
    )
    assert (entry.release, entry.former) == ("b", ("a",))


def test_a_release_that_was_seen_through_is_a_way_back_and_begins_everywhere_at_once():
    fleet = Fleet(a_plan(ONE_BOX, REST | {"maxConcurrent": 1, "bake": "1h", "approval": True}))
    fleet.decide()
    fleet.everywhere(WAITING, seconds=10)
    fleet.decide(20, test=member(ROLLED_BACK))
    entry = fleet.everywhere(WAITING, "r1", 3, seconds=30)
    assert (entry.release, entry.way_back) == ("r1", True)
    assert granted(entry) == ["test", "eu-2", "us-2", "ap-1"]
    assert entry.message == "wave one-box waits for test (Waiting) to promote release r1"
    # A rollback on the way back keeps no other cluster from going back.
    entry = fleet.decide(40, test=member(ROLLED_BACK, "r1", 3))
    assert (entry.halted, len(granted(entry))) == (False, 3)
    entry = fleet.everywhere(PROMOTED, "r1", 3, seconds=50)
    assert (entry.complete, entry.seen_through) == (True, ("r1",))


def test_a_way_back_goes_by_waves_where_the_plan_says_so():
    fleet = Fleet(a_plan(ONE_BOX, REST, wayBack="Waves"))
    fleet.decide()
    fleet.everywhere(WAITING, seconds=10)
    entry = fleet.everywhere(WAITING, "r1", 3, seconds=30)
    assert (entry.release, entry.way_back, granted(entry)) == ("r1", False, ["test"])


def test_a_release_that_begins_again_goes_by_waves_again():
    """A ConfigMap has changed, and no image."""
    fleet = Fleet(a_plan(ONE_BOX, REST | {"bake": "1h"}))
    fleet.decide()
    entry = fleet.everywhere(WAITING, "r1", 2, seconds=7200)
    assert (entry.way_back, entry.since, granted(entry)) == (False, at(7200), ["test"])
    entry = fleet.decide(7300, test=member(PROMOTED, "r1", 2))
    assert granted(entry) == []


@pytest.mark.parametrize(("seen", "opens"), [(at(10), True), (at(0), False), (None, True)])
def test_an_approval_opens_no_wave_of_a_release_that_has_begun_again_since(seen, opens):
    fleet = Fleet(a_plan(ONE_BOX, REST | {"approval": True}))
    fleet.decide()
    fleet.everywhere(PROMOTED, "r1", 2, seconds=5)
    fleet.everywhere(WAITING, "r1", 3, seconds=10)
    since = {} if seen is None else {CART: seen.isoformat()}
    fleet.plan = approving(fleet.plan, an_approval("rest", "r1", since=since))
    assert FleetCanary(canary=CART).began == ""
    entry = fleet.decide(20, test=member(PROMOTED, "r1", 3))
    assert (granted(entry) == ["eu-2", "us-2", "ap-1"]) is opens
    assert entry.began == at(10).isoformat()


@pytest.mark.parametrize(
    "over",
    [
        member(PROMOTED),
        member(WAITING, "r2", 3),
        member(WAITING, "r1", 3),
        member(IDLE),
        member(reported(WAITING, uid="another")),
        FleetMember(heard=True),
    ],
)
def test_a_grant_ends_with_its_run(over):
    fleet = Fleet(a_plan(FIRST | {"maxConcurrent": 1}))
    fleet.everywhere(WAITING)
    fleet.decide(10, eu_1=member(RUNNING))
    runs = {(each.cluster, each.uid, each.run) for each in fleet.decide(20, eu_1=over).grants}
    assert ("eu-1", "u", 2) not in runs


@pytest.mark.parametrize(
    "unknown",
    [
        member(RUNNING, **SILENT),
        member(RUNNING, heard=False),
        member(PROMOTED, "r1", 1),
        FleetMember(silent=True),
        FleetMember(heard=True, reports=False),
    ],
)
def test_a_grant_that_has_begun_is_kept_while_its_end_is_not_known(unknown):
    fleet = Fleet(a_plan(FIRST | {"maxConcurrent": 1}))
    fleet.everywhere(WAITING)
    fleet.decide(10, eu_1=member(RUNNING))
    entry = fleet.decide(20, eu_1=unknown)
    assert entry.grants[0].is_of("eu-1", "u", 2)
    assert granted(entry) == ["eu-1"]
    fleet.plan = a_plan(FIRST, stop=True)
    entry = fleet.decide(30)
    assert granted(entry) == ["eu-1"]
    assert entry.message == "the plan is stopped: its spec.stop is true"


def test_a_stop_withdraws_what_has_not_begun():
    fleet = Fleet(a_plan(FIRST))
    fleet.everywhere(WAITING)
    fleet.plan = a_plan(FIRST, stop=True)
    assert granted(fleet.decide(10)) == []


def test_a_cluster_that_the_plan_no_longer_names_has_no_grant():
    fleet = Fleet(a_plan(FIRST))
    fleet.everywhere(WAITING)
    fleet.plan = a_plan(FIRST | {"clusters": ["eu-1"]})
    assert granted(fleet.decide(10)) == ["eu-1"]


def test_a_canary_is_forgotten_when_all_clusters_are_heard_and_none_has_it():
    fleet = Fleet(a_plan(FIRST))
    fleet.everywhere(WAITING)
    gone = FleetMember(heard=True)
    assert fleet.decide(10, eu_1=gone, us_1=FleetMember(silent=True)).canary == CART
    fleet.members["us-1"] = gone
    assert decide_fleet(fleet.plan, fleet.status, fleet.members, at(20)).canaries == ()


def test_each_canary_is_decided_by_itself():
    both = {
        name: FleetMember(
            canaries={
                CART: reported(state),
                "shop/api": reported(WAITING, "a2").but(canary="shop/api"),
            },
            heard=True,
        )
        for name, state in (("eu-1", ROLLED_BACK), ("us-1", WAITING))
    }
    status = decide_fleet(a_plan(FIRST), FleetPlanStatus(), both, at(0))
    assert [(each.canary, each.halted, granted(each)) for each in status.canaries] == [
        ("shop/api", False, ["eu-1", "us-1"]),
        ("shop/cart", True, []),
    ]


def test_the_conditions_say_what_stands_still_and_since_when():
    fleet = Fleet(a_plan(FIRST))
    fleet.members["us-1"] = FleetMember(reports=False)
    fleet.decide(0, eu_1=member(WAITING))
    assert fleet.condition("Initialized") == ("False", "us-1 have never reported to this plan")
    assert fleet.condition("Progressing")[0] == "True"
    assert fleet.condition("Halted") == ("False", "")
    fleet.everywhere(PROMOTED, seconds=60)
    assert fleet.condition("Initialized") == ("True", "every cluster has reported")
    assert fleet.condition("Progressing") == ("False", "no release is under way")
    since = {each.type: each.last_transition_time for each in fleet.status.conditions}
    assert since == {"Initialized": at(60), "Progressing": at(60), "Halted": at(0)}
    assert fleet.status.observed_generation == 3


def test_a_plan_that_cannot_be_acted_on_grants_nothing_and_takes_back_nothing_that_began():
    fleet = Fleet(a_plan(FIRST))
    fleet.everywhere(WAITING)
    fleet.decide(10, eu_1=member(RUNNING))
    refused = refuse_plan(fleet.status, "spec.waves: none", 4, at(20))
    (entry,) = refused.canaries
    assert granted(entry) == ["eu-1"]
    assert entry.message == "the plan cannot be acted on: spec.waves: none"
    found = {each.type: (each.status, each.reason) for each in refused.conditions}
    assert found["Initialized"] == ("False", "Invalid")
    assert refuse_plan(refused, "spec.waves: none", 4, at(30)) == refused
    said = {each.type: each for each in refuse_plan(refused, "another", 4, at(40)).conditions}
    assert said["Initialized"].last_transition_time == at(20)
    assert said["Initialized"].last_update_time == at(40)


LONG = "r" * 250


def _after(decided: FleetPlanStatus) -> FleetPlanStatus:
    """Read what was decided, as the next round does."""
    return read_plan_status(decided.model_dump(mode="json", by_alias=True, exclude_none=True))


def test_what_is_decided_of_long_words_reads_back_as_it_was_written():
    wave = {"name": "all", "clusters": [f"{each}{'x' * 60}" for each in "abcd"]}
    fleet = Fleet(a_plan(wave))
    fleet.everywhere(RUNNING, LONG)
    *_, last = fleet.members
    fleet.decide(**{last: member(RUNNING, f"{LONG}2")})
    assert fleet.status == _after(fleet.status)
    fleet.decide(**{last: member(ROLLED_BACK, f"{LONG}2")})
    seen = WaveApproval(
        wave="all",
        by="alice: " + "because " * 200,
        releases={CART: f"{LONG}2"},
        forgiven={CART: (f"{last}/2",)},
    )
    fleet.plan = approving(fleet.plan, seen)
    fleet.decide()
    assert fleet.status == _after(fleet.status)
    refused = refuse_plan(fleet.status, "spec.waves: " + "none, " * 300, 4, at(20))
    assert refused == _after(refused)
    assert refuse_plan(_after(refused), "spec.waves: " + "none, " * 300, 4, at(30)) == refused


def test_what_is_remembered_of_releases_is_bounded():
    fleet = Fleet(a_plan(ONE_BOX))
    for run in range(30):
        fleet.everywhere(WAITING, f"bad-{run}", 2 * run + 2)
    assert len(fleet.decide().former) == MOST_FORMER
    for run in range(20):
        fleet.everywhere(WAITING, f"good-{run}", 100 + run)
        fleet.everywhere(PROMOTED, f"good-{run}", 100 + run)
    assert fleet.decide().seen_through[:2] == ("good-19", "good-18")
    assert len(fleet.decide().seen_through) == MOST_SEEN_THROUGH


def test_a_status_is_read_whatever_it_holds():
    status = Fleet(a_plan())
    status.everywhere(WAITING)
    written = status.status.model_dump(mode="json", by_alias=True)
    assert read_plan_status(written) == status.status
    assert read_plan_status({"canaries": 7, "silent": ["a"]}).silent == ("a",)
    assert read_plan_status("none") == FleetPlanStatus()


def test_an_approval_is_read_as_it_was_written_and_nothing_else_is_one():
    approval = an_approval("first", forgiven={CART: ("eu-1/2",)})
    assert approval.key == "tidegate.dev/approve-first"
    assert list(read_approvals({approval.key: approval.value})) == [approval]
    odd = {"tidegate.dev/approve-a": "{", "tidegate.dev/approve-b": 7, "other": approval.value}
    assert list(read_approvals(odd)) == []
    assert list(read_approvals({"tidegate.dev/approve-c": "x" * 70000})) == []
    (empty,) = read_approvals({"tidegate.dev/approve-d": '{"releases": 7, "forgiven": {"a": 1}}'})
    assert (empty.wave, empty.releases, empty.forgiven) == ("d", {}, {"a": ()})


# ------------------------------------------------------------------------------------ the walk

WALKED = (ONE_BOX, FIRST | {"maxConcurrent": 1, "bake": "1m"}, REST | {"maxConcurrent": "70%"})
STATES = (*FleetState,)


def _wave_of(plan: PlanInHand, cluster: str) -> FleetWave:
    return next(each for each in plan.spec.waves if cluster in each.clusters)


def _is_over(grant: FleetGrant, member: FleetMember) -> bool:
    seen = member.canaries.get(CART)
    if seen is None:
        return member.heard and member.reports
    ended = seen.run == grant.run and seen.state in {PROMOTED, ROLLED_BACK, IDLE}
    return seen.uid != grant.uid or seen.run > grant.run or ended


def _hold_all(
    plan: PlanInHand,
    members: Mapping[str, FleetMember],
    before: FleetCanary,
    after: FleetCanary,
    now: datetime,
) -> None:
    """Check F1 to F6 on one decision."""
    skips = plan.spec.on_unreachable.value == "Skip"
    skipped = {name for name, each in members.items() if skips and each.silent}
    excused = {each.cluster for each in after.excuses}
    old = {(each.cluster, each.uid, each.run) for each in before.grants}
    new = [each for each in after.grants if (each.cluster, each.uid, each.run) not in old]
    waves = {each.name: index for index, each in enumerate(plan.spec.waves)}
    for each in new:
        seen = members[each.cluster].canaries[CART]
        assert members[each.cluster].heard
        assert (seen.state, seen.release, seen.run) == (WAITING, after.release, each.run)
        if after.way_back:
            assert after.release in before.seen_through
            continue
        for earlier in plan.spec.waves[: waves[each.wave]]:
            for cluster in earlier.clusters:
                said = members[cluster].canaries.get(CART)
                promoted = said is not None and (said.state, said.release) == (
                    PROMOTED,
                    after.release,
                )
                assert (promoted and members[cluster].heard) or cluster in excused, "F1"
        bake = plan.spec.waves[waves[each.wave]].bake or timedelta()
        assert after.since is not None
        assert now >= after.since + bake, "F1"
    for wave in plan.spec.waves:
        mine = set(wave.clusters)
        failing = {e.cluster for e in after.failures if not e.forgiven} & mine
        if len(failing) > plan.spec.max_failures and not after.way_back:
            assert after.halted, "F3"
        busy = {e.cluster for e in after.grants} & mine
        busy |= {
            name
            for name in mine
            if members[name].heard
            and CART in members[name].canaries
            and members[name].canaries[CART].state is RUNNING
        }
        if any(e.wave == wave.name for e in new) and not after.way_back:
            assert len(busy - skipped) <= wave.limit(len(mine)), "F2"
    if after.halted or plan.spec.stop:
        assert not new, "F3"
        assert all(each.begun for each in after.grants)
    for cluster in excused:
        said = members[cluster].canaries.get(CART)
        assert cluster in skipped or (said is not None and said.state is ROLLED_BACK), "F4"
    assert all(each.begun or each.release == after.release for each in after.grants), "F5"
    kept = {(each.cluster, each.uid, each.run) for each in after.grants if each.begun}
    for each in before.grants:
        if each.begun and not _is_over(each, members[each.cluster]):
            assert (each.cluster, each.uid, each.run) in kept, "F6"
    if after.complete:
        assert all(
            name in excused
            or (CART in each.canaries and each.canaries[CART].release == after.release)
            for name, each in members.items()
        )


@settings(max_examples=examples(60))
@given(seed=st.integers(0, 2**32), honest=st.booleans())
def test_whatever_is_lost_late_or_a_lie_f1_to_f6_hold(seed, honest):
    """Clusters follow releases of one Git, with losses; some lie, the clock jumps, links are cut."""
    chance = Random(seed)
    plan = a_plan(
        *WALKED,
        maxFailures=chance.choice([0, 1]),
        onUnreachable=chance.choice(["Hold", "Skip"]),
        wayBack=chance.choice(["Immediate", "Waves"]),
    )
    names = [name for wave in plan.spec.waves for name in wave.clusters]
    truth = {name: reported(PROMOTED, "r0", 0, uid=name) for name in names}
    members = {name: member(truth[name]) for name in names}
    status, seconds, release = FleetPlanStatus(), 0.0, 0
    for _ in range(40):
        seconds += chance.choice([1, 20, 90, -30])
        entry = status.find(CART) or FleetCanary(canary=CART)
        if chance.random() < 0.1:
            release = chance.randint(0, release + 1)
        for name in names:
            seen = truth[name]
            may = entry.grant(name, name, seen.run) is not None
            if seen.release != f"r{release}" and chance.random() < 0.5:
                truth[name] = reported(WAITING, f"r{release}", seen.run + 1, uid=name)
            elif seen.state is WAITING and (may or chance.random() < 0.01):
                truth[name] = seen.but(state=RUNNING)
            elif seen.state is RUNNING and chance.random() < 0.5:
                ends = PROMOTED if chance.random() < 0.8 else ROLLED_BACK
                truth[name] = seen.but(state=ends)
            elif seen.state is ROLLED_BACK and chance.random() < 0.1:
                truth[name] = seen.but(state=WAITING, run=seen.run + 1)
            told = truth[name] if chance.random() < 0.7 else members[name].canaries.get(CART)
            if not honest and chance.random() < 0.1:
                told = reported(
                    chance.choice(STATES),
                    f"r{chance.randint(0, release + 1)}",
                    chance.randint(0, 9),
                )
            there = chance.choice([{"heard": True}] * 6 + [SILENT, {"heard": False}])
            members[name] = (
                FleetMember(**there)
                if told is None or (not honest and chance.random() < 0.02)
                else member(told, **there)
            )
        now = at(seconds)
        decided = decide_fleet(plan, status, members, now)
        after = decided.find(CART)
        if after is not None:
            _hold_all(plan, members, entry, after, now)
        assert decide_fleet(plan, decided, members, now) == decided
        status = decided


@settings(max_examples=examples(20))
@given(seed=st.integers(0, 2**32))
def test_where_nothing_is_lost_a_good_release_reaches_every_cluster(seed):
    chance = Random(seed)
    fleet = Fleet(a_plan(*WALKED))
    fleet.decide()
    fleet.everywhere(WAITING, seconds=1)
    for second in range(2, 40_000, 20):
        entry = fleet.decide(second)
        if entry.complete:
            break
        for name, each in list(fleet.members.items()):
            seen = each.canaries[CART]
            if seen.state is RUNNING and chance.random() < 0.6:
                fleet.members[name] = member(seen.but(state=PROMOTED))
            elif seen.state is WAITING and entry.grant(name, "u", seen.run):
                fleet.members[name] = member(seen.but(state=RUNNING))
    assert fleet.decide(50_000).complete
