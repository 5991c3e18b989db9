"""Sharing is safe and ends well: members with clocks of their own, that freeze, die, come and go.

A model of an API server, and of controllers of which each does a round in small steps: a request is
sent, served and answered at three moments, between which anything may happen. All rules under test
are those of the product; the model only carries requests.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.replicas.membership import (
    Acknowledgement,
    Agreement,
    LeaseSnapshot,
    MemberLease,
    SharedLease,
    Standing,
)
from canary.replicas.shares import owner
from tests.sampling import examples

LEASE, RENEW, RETRY = 15.0, 10.0, 2.0
CANARIES = tuple(f"shop/app-{number}" for number in range(8))
START = datetime(2026, 11, 28, tzinfo=UTC)
SLACK = (RENEW + LEASE) / 0.9 + 1
"""An owner goes on for a while after its last renewal, by its own clock; and in a group that has just
begun, one may have acted and died before another has seen that all had agreed."""


@dataclass(kw_only=True)
class Server:
    """Leases, each request at one moment: what Kubernetes promises."""

    now: float = 0.0
    version: int = 0
    epoch: int = 0
    members: dict[str, MemberLease] = field(default_factory=dict)
    holder: str = ""
    shared: SharedLease | None = None

    @property
    def moment(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def next(self) -> str:
        self.version += 1
        return str(self.version)

    def write(self, name: str, acknowledged: Acknowledgement, version: str) -> str | None:
        """Create a member's Lease, or renew it on a version; None is a conflict."""
        before = self.members.get(name)
        if (before.version if before else "") != version:
            return None
        lease = MemberLease(
            version=self.next(),
            lease_seconds=LEASE,
            acknowledged=acknowledged,
            renewed=self.moment,
        )
        self.members[name] = lease
        return lease.version

    def delete(self, name: str, version: str) -> None:
        if name in self.members and self.members[name].version == version:
            del self.members[name]

    def list(self) -> LeaseSnapshot:
        shared = self.shared
        if shared is not None and shared.holder != "members":
            shared = replace(shared, agreement=None)
        return LeaseSnapshot(shared=shared, members=dict(self.members))

    @property
    def generation(self) -> int:
        """The generation of the last agreement, also where a single controller has come since."""
        return self.shared.agreement.generation if self.shared and self.shared.agreement else 0

    def share(self, version: str, holder: str, agreement: Agreement | None) -> str | None:
        """Write the shared Lease on a version, with a new agreement where one is given."""
        before = self.shared
        if (before.version if before else "") != version:
            return None
        if before is None:
            self.epoch += 1
        if agreement is not None:
            agreement = replace(agreement, epoch=str(self.epoch))
        elif before is not None:
            agreement = before.agreement
        self.shared = SharedLease(
            version=self.next(),
            lease_seconds=LEASE,
            holder=holder,
            agreement=agreement,
            renewed=self.moment,
        )
        return self.shared.version


class Controller:
    """One controller with a clock that runs too fast or too slow, and starts anywhere."""

    def __init__(self, server: Server, name: str, chance: Random) -> None:
        self.server = server
        self.name = name
        self.rate = chance.uniform(0.9, 1.1)
        self.offset = chance.uniform(-1e6, 1e6)
        self.retry = RETRY
        self.lives = 0
        self.asleep_until = 0.0
        self.chance = chance
        self.acknowledged = Acknowledgement()
        self.standing = self.stranger()
        self.steps = self.life()

    @property
    def clock(self) -> float:
        return self.offset + self.rate * self.server.now

    def stranger(self) -> Standing:
        self.lives += 1
        self.acknowledged = Acknowledgement()
        return Standing(member=f"{self.name}-{self.lives}", renew_seconds=RENEW)

    def acts(self, canary: str) -> bool:
        return canary in self.standing.share(self.clock)

    def lost(self) -> bool:
        return self.chance.random() < 0.03

    def life(self) -> Iterator[None]:
        while True:
            yield from self.round()
            rest = self.retry * self.chance.uniform(0.7, 1.3)
            until = self.server.now + (rest if self.standing.settled else rest / 4)
            while self.server.now < until:
                yield

    def round(self) -> Iterator[None]:
        if self.standing.lapsed(self.clock):
            self.standing = self.stranger()
        if not self.standing.version:
            yield from self.renew("")
        started = self.clock
        yield
        snapshot = self.server.list()
        yield
        self.standing = self.standing.listed(snapshot, started=started, now=self.clock)
        mine = snapshot.members.get(self.standing.member)
        if mine is None or self.standing.lapsed(self.clock):
            return
        yield from self.renew(mine.version)
        yield from self.agree(snapshot)
        for name, version in self.standing.expired(self.clock).items():
            yield
            self.server.delete(name, version)

    def renew(self, version: str) -> Iterator[None]:
        started, agreement = self.clock, self.standing.agreement
        if agreement is not None and self.chance.random() < 0.8:
            self.acknowledged = Acknowledgement(
                epoch=agreement.epoch, generation=agreement.generation
            )
        acknowledged = self.acknowledged
        yield
        written = self.server.write(self.standing.member, acknowledged, version)
        yield
        if written is not None and not self.lost():
            self.standing = self.standing.renewed(written, started=started, now=self.clock)

    def agree(self, snapshot: LeaseSnapshot) -> Iterator[None]:
        started, generation = self.clock, self.server.generation
        agreement = self.standing.agreement_due(started, generation=generation)
        if agreement is None:
            return
        yield
        version = snapshot.shared.version if snapshot.shared else ""
        written = self.server.share(version, "members", agreement)
        yield
        if written is not None and not self.lost():
            self.standing = self.standing.shared_written(written, started=started)


class Single(Controller):
    """A controller that shares nothing: it acts on all Canaries while it holds the shared Lease."""

    until = float("-inf")
    seen = ("", 0.0)

    def acts(self, canary: str) -> bool:
        return self.clock < self.until

    def round(self) -> Iterator[None]:
        yield
        shared = self.server.list().shared
        yield
        version = shared.version if shared else ""
        if version != self.seen[0]:
            self.seen = (version, self.clock)
        free = shared is None or shared.holder in {"", self.name}
        if not free and self.clock <= self.seen[1] + LEASE:
            return
        started = self.clock
        yield
        written = self.server.share(version, self.name, None)
        yield
        if written is not None and not self.lost():
            self.until = started + RENEW

    def leave(self) -> None:
        self.until = float("-inf")
        if self.server.shared and self.server.holder == self.name:
            self.server.share(self.server.shared.version, "", None)


@dataclass(kw_only=True)
class Play:
    """A schedule of all that may happen."""

    chance: Random
    retry: float = RETRY
    server: Server = field(default_factory=Server)
    living: list[Controller] = field(default_factory=list)
    acted: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """From when to when each Canary was seen to have an owner."""
    actors: dict[str, str] = field(default_factory=dict)
    absences: dict[str, datetime | None] = field(default_factory=dict)
    """Since when nobody had acted on each Canary, as who took it over last has said."""
    born: int = 0

    def birth(self, kind: type[Controller] = Controller) -> None:
        self.born += 1
        one = kind(self.server, f"c{self.born}", self.chance)
        one.retry = self.retry
        self.living.append(one)

    def death(self) -> None:
        one = self.chance.choice(self.living)
        self.living.remove(one)
        if self.chance.random() < 0.5:
            # In order: it stops, and takes its Lease away.
            if isinstance(one, Single):
                one.leave()
            elif one.standing.version:
                self.server.members.pop(one.standing.member, None)

    def step(self) -> None:
        awake = [each for each in self.living if each.asleep_until <= self.server.now]
        if awake:
            next(self.chance.choice(awake).steps)

    def pass_time(self) -> None:
        self.server.now += self.chance.choice((0.01, 0.05, 0.2, 0.5))

    def freeze(self) -> None:
        """Stop one, or all but one, in the middle of whatever they do."""
        one = self.chance.choice(self.living)
        others = [each for each in self.living if each is not one]
        for each in self.chance.choice(([one], others)):
            each.asleep_until = self.server.now + self.chance.choice((1.0, 5.0, 12.0, 30.0))

    def check(self) -> None:
        for canary in CANARIES:
            actors = [each for each in self.living if each.acts(canary)]
            assert len(actors) <= 1, f"{[each.name for each in actors]} act on {canary}"
            before = self.actors.pop(canary, None)
            if not actors:
                continue
            if before != actors[0].name:
                self.taken_over(canary, actors[0])
            spans = self.acted.setdefault(canary, [])
            begun = spans.pop()[0] if before is not None else self.server.now
            spans.append((begun, self.server.now))
            self.actors[canary] = actors[0].name

    def taken_over(self, canary: str, by: Controller) -> None:
        """See that hardly any time in which it had an owner is told as an absence."""
        since = by.standing.absent_since(canary)
        self.absences[canary] = since
        if since is not None:
            told = (since - START).total_seconds()
            spans = self.acted.get(canary, ())
            assert sum(max(0, end - max(begun, told)) for begun, end in spans) <= SLACK

    def until_settled(self) -> int:
        """Let everybody who lives go on; give the seconds until every Canary has its owner."""
        begun = self.server.now
        while self.server.now - begun < 200:
            for each in self.living:
                next(each.steps)
            self.server.now += 0.05
            self.check()
            if all(any(each.acts(canary) for each in self.living) for canary in CANARIES):
                return int(self.server.now - begun)
        raise AssertionError("some Canary is nobody's")


@settings(max_examples=examples(10))
@given(seed=st.integers(0, 2**32), singles=st.booleans())
def test_never_two_act_on_a_canary_and_soon_somebody_does(seed: int, singles: bool):
    chance = Random(seed)
    # Those who look often find every moment in which too much is held true.
    play = Play(chance=chance, retry=chance.choice((RETRY / 20, RETRY / 4, RETRY)))
    for _ in range(chance.randint(1, 4)):
        play.birth()
    for _ in range(6000):
        happening = chance.choices(HAPPENINGS, WEIGHTS)[0]
        match happening:
            case "step":
                play.step()
            case "time":
                play.pass_time()
            case "freeze" if play.living:
                play.freeze()
            case "death" if len(play.living) > 1:
                play.death()
            case "birth" if len(play.living) < 5:
                play.birth()
            case "odd" if singles and len(play.living) < 6:
                # A replica with other settings, as there is one while they are rolled out.
                play.birth(Single)
            case "odd" if not singles:
                # Somebody deletes the shared Lease.
                play.server.shared = None
        if happening != "step" or chance.random() < 0.3:
            play.check()
    play.living = [each for each in play.living if not isinstance(each, Single)]
    if not play.living:
        play.birth()
    assert play.until_settled() <= 4 * LEASE


HAPPENINGS = ("step", "time", "freeze", "death", "birth", "odd")
WEIGHTS = (900, 100, 6, 2, 3, 2)


@pytest.fixture
def settled() -> Play:
    play = Play(chance=Random(1))
    for _ in range(3):
        play.birth()
    play.until_settled()
    return play


def owners(play: Play) -> dict[str, str]:
    return {
        canary: next(each.name for each in play.living if each.acts(canary)) for canary in CANARIES
    }


def test_who_stays_goes_on_with_what_it_keeps_while_another_comes(settled: Play):
    before = owners(settled)
    settled.birth()
    names = [each.standing.member for each in settled.living]
    kept = {canary for canary, name in before.items() if owner(canary, names) == f"{name}-1"}
    assert 0 < len(kept) < len(CANARIES)
    newcomer = settled.living[-1]
    while not any(newcomer.acts(canary) for canary in CANARIES):
        for each in settled.living:
            next(each.steps)
        settled.server.now += 0.05
        settled.check()
        actors = {
            canary
            for canary in kept
            if settled.living
            and any(each.acts(canary) and each.name == before[canary] for each in settled.living)
        }
        assert actors == kept


def test_what_one_leaves_in_order_is_taken_over_without_waiting_for_its_lease(settled: Play):
    gone = settled.living.pop(0)
    settled.server.members.pop(gone.standing.member)
    assert settled.until_settled() <= 3 * RETRY


def test_what_one_leaves_by_its_death_is_taken_over_after_its_lease(settled: Play):
    settled.living.pop(0)
    assert settled.until_settled() <= LEASE + 5 * RETRY


class TestTheTimeInWhichACanaryHadNoOwner:
    """Begins with the last renewal of who acted on it, and ends when it is taken over."""

    def seconds(self, play: Play, canaries: Iterable[str]) -> list[float]:
        spans = [play.absences[canary] for canary in canaries]
        return [(since - START).total_seconds() for since in spans if since is not None]

    def let_another_take_over(self, play: Play) -> None:
        play.birth()
        play.absences.clear()
        while not any(play.living[-1].acts(canary) for canary in CANARIES):
            for each in play.living:
                next(each.steps)
            play.server.now += 0.05
            play.check()
        assert play.absences

    def test_is_known_when_one_of_several_dies(self, settled: Play):
        orphans = [name for name, one in owners(settled).items() if one == "c1"]
        died, _ = settled.server.now, settled.living.pop(0)
        settled.absences.clear()
        settled.until_settled()
        assert settled.absences.keys() == set(orphans)
        assert len(self.seconds(settled, orphans)) == len(orphans)
        assert all(died - 2 * RETRY <= each <= died for each in self.seconds(settled, orphans))

    def test_is_known_when_all_die_and_others_come_much_later(self, settled: Play):
        died = settled.server.now
        settled.living.clear()
        settled.server.now += 3600
        settled.birth()
        settled.birth()
        settled.until_settled()
        known = self.seconds(settled, CANARIES)
        assert len(known) == len(CANARIES)
        assert all(died - 2 * RETRY <= each <= died for each in known)

    @pytest.mark.parametrize("births", [1, 2, 3])
    def test_is_known_when_all_leave_in_order_and_others_come_much_later(
        self, settled: Play, births: int
    ):
        left = settled.server.now
        settled.living.clear()
        settled.server.members.clear()
        assert settled.server.shared is not None
        settled.server.share(settled.server.shared.version, "", None)
        settled.server.now += 3600
        for _ in range(births):
            settled.birth()
        settled.until_settled()
        assert self.seconds(settled, CANARIES) == pytest.approx([left] * len(CANARIES))
        # And it is told once: who comes later takes over from these.
        self.let_another_take_over(settled)
        assert self.seconds(settled, settled.absences) == []

    def test_is_none_where_the_last_owner_hands_over(self, settled: Play):
        self.let_another_take_over(settled)
        assert self.seconds(settled, settled.absences) == []


def test_who_was_frozen_for_longer_than_its_lease_never_acts_under_its_name_again(settled: Play):
    frozen = settled.living[0]
    settled.server.now += 2 * RENEW
    assert not any(frozen.acts(canary) for canary in CANARIES)
    assert frozen.standing.lapsed(frozen.clock)
    name = frozen.standing.member
    settled.until_settled()
    assert frozen.standing.member != name


def test_a_member_that_stays_idle_costs_a_list_and_a_renewal_a_period(settled: Play):
    settled.check()
    before, now = settled.server.version, settled.server.now
    while settled.server.now < now + 100 * RETRY:
        for each in settled.living:
            next(each.steps)
        settled.server.now += 0.05
    written = settled.server.version - before
    # Of the shared Lease one renewal a period, whoever is first.
    assert written <= 100 * (len(settled.living) + 1.5)


class TestAHold:
    """Nothing is held for longer than the renew deadline, counted from before the request."""

    ALONE = frozenset({"a"})

    def snapshot(self, version: str, *, holder: str = "members", epoch: str = "1") -> LeaseSnapshot:
        agreement = Agreement(epoch="1", generation=1, members=self.ALONE)
        mine = MemberLease(
            version="7",
            lease_seconds=LEASE,
            acknowledged=Acknowledgement(epoch=epoch, generation=1),
        )
        shared = SharedLease(
            version=version,
            lease_seconds=LEASE,
            holder=holder,
            agreement=agreement if holder == "members" else None,
        )
        return LeaseSnapshot(shared=shared, members={"a": mine})

    @pytest.fixture
    def acting(self) -> Standing:
        """Give a member that has looked, and written both Leases, at 0."""
        standing = Standing(member="a", renew_seconds=RENEW)
        standing = standing.renewed("7", started=0, now=0)
        standing = standing.listed(self.snapshot("1"), started=0, now=0)
        return standing.shared_written("2", started=0)

    def test_ends_at_the_deadline(self, acting: Standing):
        assert not acting.share(9.9).empty
        assert acting.share(10).empty

    def test_of_the_own_lease_is_not_enough(self, acting: Standing):
        acting = acting.renewed("8", started=9, now=9)
        assert not acting.share(9.9).empty
        assert acting.share(10).empty

    def test_of_the_shared_lease_is_not_enough(self, acting: Standing):
        acting = acting.shared_written("3", started=9)
        assert not acting.share(9.9).empty
        assert acting.share(10).empty

    def test_that_another_renewed_counts_from_the_look_before(self, acting: Standing):
        acting = acting.renewed("8", started=9, now=9)
        acting = acting.listed(self.snapshot("2"), started=3, now=3.5)
        acting = acting.listed(self.snapshot("3"), started=6, now=6.5)
        assert not acting.share(12.9).empty
        assert acting.share(13).empty

    def test_that_nobody_renewed_goes_on_no_longer(self, acting: Standing):
        acting = acting.renewed("8", started=9, now=9)
        acting = acting.listed(self.snapshot("2"), started=8, now=8)
        assert acting.shared_due
        assert acting.share(10).empty

    def test_ends_at_once_where_one_that_shares_nothing_has_the_lease(self, acting: Standing):
        acting = acting.listed(self.snapshot("3", holder="c-1234"), started=2, now=2)
        assert acting.share(2).empty
        assert acting.proposal(2 + LEASE) is None
        assert acting.proposal(2.1 + LEASE) == self.ALONE

    def test_counts_from_before_a_slow_renewal(self, acting: Standing):
        acting = acting.renewed("8", started=1, now=9).shared_written("3", started=9)
        assert acting.share(11).empty

    def test_that_has_ended_is_not_revived_by_an_answer_that_comes_late(self, acting: Standing):
        late = acting.renewed("8", started=9, now=10.5)
        assert late.lapsed(10.5)
        assert late.share(10.5).empty

    def test_ends_where_the_own_lease_is_deleted(self, acting: Standing):
        gone = acting.listed(LeaseSnapshot(shared=None, members={}), started=1, now=1)
        assert gone.lapsed(1)
        assert gone.share(1).empty
        assert gone.proposal(1) is None

    def test_needs_an_acknowledgement_of_this_very_lease(self):
        standing = Standing(member="a", renew_seconds=RENEW).renewed("7", started=0, now=0)
        standing = standing.listed(self.snapshot("1", epoch="0"), started=0, now=0)
        assert standing.shared_written("2", started=0).share(1).empty
