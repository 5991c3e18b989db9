"""Grants: never more runs at once than a policy allows, nobody forgotten, in the order of the line."""

from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.policy_status import (
    MOST_GRANTS,
    DeliveryPolicyStatus,
    Grant,
    read_policy_status,
)
from canary.core.grants import Claim, Line, decide_grants, doubtful
from canary.core.peers import CanaryName
from tests.builders import at
from tests.sampling import examples

POLICY = "ops/limit"


def a_claim(name: str, **fields: object) -> Claim:
    """Build the claim of a Canary that asks for its first run."""
    made = Claim(
        canary=CanaryName("shop", name),
        uid=name,
        run=1,
        underway=True,
        started=False,
        asks=POLICY,
        since=at(0),
    )
    return replace(made, **fields)  # type: ignore[arg-type] - fields of a claim


def started(name: str, **fields: object) -> Claim:
    return a_claim(name, started=True, asks="", **fields)


def over(name: str, **fields: object) -> Claim:
    return a_claim(name, underway=False, asks="", **fields)


def granted(*names: str, run: int = 1) -> DeliveryPolicyStatus:
    return DeliveryPolicyStatus(
        running=tuple(Grant(canary=f"shop/{name}", uid=name, run=run) for name in names)
    )


def decided(limit: int | None, status: DeliveryPolicyStatus, *claims: Claim) -> Line:
    return decide_grants(POLICY, limit, status, claims)


def running(line: Line) -> list[str]:
    return [each.uid for each in line.status.running]


def test_as_many_are_granted_as_may_run_at_once_and_the_others_wait():
    line = decided(2, granted(), a_claim("a"), a_claim("b"), a_claim("c"))
    assert running(line) == ["a", "b"]
    assert (line.status.queued, [each.uid for each in line.waiting]) == (1, ["c"])
    assert line.status.running[0] == Grant(canary="shop/a", uid="a", run=1)


def test_the_line_is_by_priority_then_age_then_name_and_says_who_is_before():
    line = decided(
        1,
        granted("z"),
        started("z"),
        a_claim("low", priority=-1, since=at(0)),
        a_claim("b", since=at(10)),
        a_claim("a", since=at(10)),
        a_claim("old", since=at(5)),
        a_claim("high", priority=5, since=at(20)),
    )
    assert [each.uid for each in line.waiting] == ["high", "old", "a", "b", "low"]
    assert line.before == {
        "high": "",
        "old": "shop/high",
        "a": "shop/old",
        "b": "shop/a",
        "low": "shop/b",
    }


@pytest.mark.parametrize(
    "holder",
    [
        over("a"),
        over("a", run=2),
        a_claim("a", run=2, asks=""),
        started("a", bound=False),
    ],
)
def test_a_place_is_free_when_its_run_is_over_or_no_longer_bound(holder):
    line = decided(1, granted("a"), holder, a_claim("b"))
    assert running(line) == ["b"]


def test_a_place_is_free_when_its_canary_is_gone():
    assert running(decided(1, granted("a"), a_claim("b"))) == ["b"]


@pytest.mark.parametrize("holder", [started("a"), a_claim("a"), a_claim("a", asks="")])
def test_a_place_is_kept_until_its_run_is_over_whatever_that_waits_for(holder):
    line = decided(1, granted("a"), holder, a_claim("b"))
    assert (running(line), line.status.queued) == (["a"], 1)


def test_what_runs_without_a_grant_counts_as_well():
    line = decided(2, granted(), started("expedited"), a_claim("a"), a_claim("b"))
    assert (running(line), line.status.queued) == (["a"], 1)
    assert line.under_way == ("shop/a", "shop/expedited")


def test_a_lower_limit_takes_no_place_away():
    line = decided(1, granted("a", "b"), started("a"), started("b"), a_claim("c"))
    assert (running(line), line.status.queued) == (["a", "b"], 1)


def test_names_as_long_as_kubernetes_has_them_are_kept_whole():
    long = a_claim("a", canary=CanaryName("n" * 63, "c" * 253))
    (grant,) = decided(1, granted(), long).status.running
    assert grant.canary == f"{'n' * 63}/{'c' * 253}"


def test_a_policy_without_a_limit_has_no_grants():
    assert decided(None, granted("a"), started("a"), a_claim("b")).status == DeliveryPolicyStatus()


def test_only_the_line_of_this_policy_counts():
    line = decided(1, granted(), a_claim("a", asks="ops/other"), a_claim("b", bound=False))
    assert line == Line(status=DeliveryPolicyStatus())


def test_the_members_of_a_group_have_one_place_so_none_waits_for_another_one():
    group = ("shop", "checkout", "r2")
    line = decided(
        1,
        granted("a"),
        started("a", together=group),
        a_claim("x", priority=9),
        a_claim("b", together=group),
        a_claim("c", together=("shop", "checkout", "r3")),
    )
    assert running(line) == ["a", "b"]
    assert [each.uid for each in line.waiting] == ["x", "c"]


def test_a_status_holds_so_many_grants_and_no_more():
    group = ("shop", "checkout", "r2")
    claims = [a_claim(f"m{number:03}", together=group) for number in range(MOST_GRANTS + 5)]
    line = decided(1, granted(), *claims)
    assert (len(line.status.running), line.status.queued) == (MOST_GRANTS, 5)


def test_who_is_not_known_or_known_by_an_older_run_is_read_before_its_place_is_free():
    status = granted("gone", "old", "new", run=2)
    claims = {"old": started("old"), "new": over("new", run=2)}
    assert [each.uid for each in doubtful(status, claims)] == ["gone", "old"]


@pytest.mark.parametrize(
    ("raw", "queued"),
    [
        (None, 0),
        ("text", 0),
        ({"running": "all", "queued": 3}, 3),
        ({"running": [{"uid": 1}], "queued": -1}, 0),
    ],
)
def test_a_status_that_somebody_has_edited_is_read_as_far_as_it_can_be(raw, queued):
    assert read_policy_status(raw) == DeliveryPolicyStatus(queued=queued)


# --------------------------------------------------------------------------------- the protocol


@dataclass(kw_only=True)
class Stored:
    """An API server: every version of every object, so that caches can lag."""

    policy: list[tuple[int, DeliveryPolicyStatus]] = field(
        default_factory=lambda: [(1, DeliveryPolicyStatus())]
    )
    limits: list[int] = field(default_factory=lambda: [2])
    """The limit at each version of the policy."""
    canaries: dict[str, list[Claim | None]] = field(default_factory=dict)
    """Every version of each Canary; None where it is deleted."""
    by_grant: set[str] = field(default_factory=set)
    """Those whose runs under way were started with a grant."""

    def put(self, version: int, status: DeliveryPolicyStatus) -> bool:
        """Write the grants on a version; False is a conflict."""
        if version != len(self.policy):
            return False
        self.policy.append((version + 1, status))
        self.limits.append(self.limits[-1])
        return True

    def change(self, name: str, version: int, claim: Claim | None) -> bool:
        """Write a Canary on a version; False is a conflict."""
        if version != len(self.canaries[name]):
            return False
        self.canaries[name].append(claim)
        return True


class Replica:
    """A controller whose caches show each object at some version, never an older one than before."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self.policy = 1
        self.canaries = dict.fromkeys(stored.canaries, 1)

    def hear(self, chance: Random) -> None:
        """Take in some of the events that are under way."""
        if chance.random() < 0.5:
            self.policy = chance.randint(self.policy, len(self.stored.policy))
        for name in chance.sample(NAMES, 3):
            self.canaries[name] = chance.randint(
                self.canaries[name], len(self.stored.canaries[name])
            )

    def hear_all(self) -> None:
        self.policy = len(self.stored.policy)
        self.canaries = {name: len(all_) for name, all_ in self.stored.canaries.items()}

    def grant(self) -> None:
        """Decide the grants, as the shell does: who is in doubt is read first."""
        version, status = self.stored.policy[self.policy - 1]
        limit = self.stored.limits[self.policy - 1]
        for each in doubtful(status, self.claims()):
            name = each.canary.partition("/")[2]
            self.canaries[name] = len(self.stored.canaries[name])
        line = decide_grants(POLICY, limit, status, self.claims().values())
        if line.status != status and self.stored.put(version, line.status):
            self.policy = len(self.stored.policy)

    def claims(self) -> dict[str, Claim]:
        seen = (self.stored.canaries[name][number - 1] for name, number in self.canaries.items())
        return {each.uid: each for each in seen if each is not None}

    def start(self, name: str) -> None:
        """Start a run that waits in line, where the policy as it is known here has granted it."""
        number = self.canaries[name]
        claim = self.stored.canaries[name][number - 1]
        if claim is None or not claim.asks:
            return
        _, status = self.stored.policy[self.policy - 1]
        if not status.grants(claim.uid, claim.run):
            return
        begun = replace(claim, started=True, asks="")
        if self.stored.change(name, number, begun):
            self.canaries[name] = len(self.stored.canaries[name])
            self.stored.by_grant.add(name)


NAMES = tuple(f"app-{number}" for number in range(6))


class World:
    """Replicas, of which any may grant at any moment, and what people do meanwhile."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.stored = Stored()
        for name in NAMES:
            together = (
                ("shop", "pair", "r1") if name in NAMES[:2] and chance.random() < 0.3 else None
            )
            self.stored.canaries[name] = [over(name, run=0, together=together)]
        self.replicas = [Replica(self.stored) for _ in range(3)]

    def people(self) -> None:
        """Release, cancel, finish, pause, or delete: whatever happens to a Canary."""
        name = self.chance.choice(NAMES)
        versions = self.stored.canaries[name]
        now = versions[-1]
        if now is None:
            # Another one of that name.
            uid = f"{name}/{len(versions)}"
            versions.append(replace(over(name, run=0), uid=uid))
            return
        fresh = replace(
            now,
            run=now.run + 1,
            underway=True,
            started=False,
            asks=POLICY,
            since=at(len(versions)),
            priority=self.chance.choice((0, 0, 5)),
        )
        gone = replace(now, underway=False, started=False, asks="")
        after: Claim | None = fresh
        if now.underway:
            paused = replace(now, asks="" if now.asks or now.started else POLICY)
            after = self.chance.choice((fresh, gone, gone, paused, None))
        versions.append(after)
        if after is None or not after.started:
            self.stored.by_grant.discard(name)

    def step(self) -> None:
        replica = self.chance.choice(self.replicas)
        match self.chance.choices(HAPPENINGS, WEIGHTS)[0]:
            case "hear":
                replica.hear(self.chance)
            case "grant":
                replica.grant()
            case "start":
                replica.start(self.chance.choice(NAMES))
            case "people":
                self.people()
            case "edit":
                # Somebody else writes the policy, and perhaps another limit.
                number, status = self.stored.policy[-1]
                self.stored.policy.append((number + 1, status))
                self.stored.limits.append(self.chance.choice((2, 2, 3)))
            case "death":
                self.replicas.remove(replica)
                self.replicas.append(Replica(self.stored))

    def check(self) -> None:
        """See that no more run by grants than any limit so far has allowed."""
        places = {
            claim.place
            for name in self.stored.by_grant
            if (claim := self.stored.canaries[name][-1]) is not None
        }
        assert len(places) <= max(self.stored.limits), places

    def settle(self) -> None:
        """Let events arrive, and runs end: everyone who asks runs at some point."""
        waiting = {
            name
            for name in NAMES
            if (claim := self.stored.canaries[name][-1]) is not None and claim.asks
        }
        for _ in range(4 * len(NAMES)):
            for replica in self.replicas:
                replica.hear_all()
                replica.grant()
                replica.hear_all()
                for name in NAMES:
                    replica.start(name)
                    self.check()
            for name in NAMES:
                claim = self.stored.canaries[name][-1]
                if claim is not None and not claim.asks and claim.underway:
                    waiting.discard(name)
                    ended = replace(claim, underway=False, started=False)
                    self.stored.canaries[name].append(ended)
                    self.stored.by_grant.discard(name)
        assert not waiting, f"{waiting} are forgotten"
        assert not self.stored.policy[-1][1].queued
        self.replicas[0].hear_all()
        self.replicas[0].grant()
        assert self.stored.policy[-1][1] == DeliveryPolicyStatus()


HAPPENINGS = ("hear", "grant", "start", "people", "edit", "death")
WEIGHTS = (40, 25, 40, 12, 1, 2)


@settings(max_examples=examples(60))
@given(seed=st.integers(0, 2**32))
def test_no_more_run_than_the_limit_and_nobody_is_forgotten_whoever_grants_by_old_news(seed: int):
    world = World(Random(seed))
    for _ in range(400):
        world.step()
        world.check()
    world.settle()
