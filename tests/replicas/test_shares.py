"""Shares: every Canary falls to one member, evenly, and moves only where it must."""

from hypothesis import given
from hypothesis import strategies as st

from canary.replicas.shares import NO_MEMBERS, Share, owner

NAMES = st.text(alphabet="abcdefghij-0123456789", min_size=1, max_size=12)
MEMBERS = st.frozensets(NAMES, min_size=1, max_size=8)
CANARIES = [f"team-{number % 7}/app-{number}" for number in range(3000)]


def test_the_owner_of_a_canary_is_the_same_in_every_process_and_version():
    members = ("tidegate-a", "tidegate-b", "tidegate-c")
    owners = [owner(f"shop/app-{number}", members) for number in range(8)]
    assert "".join(str(each)[-1] for each in owners) == "bcccacba"


@given(canary=NAMES, members=MEMBERS)
def test_a_canary_falls_to_one_of_the_members_in_whatever_order(canary: str, members: frozenset):
    assert owner(canary, sorted(members)) == owner(canary, sorted(members, reverse=True))
    assert owner(canary, members) in members


@given(canary=NAMES, members=MEMBERS, other=NAMES)
def test_who_comes_takes_and_takes_only_for_itself(canary: str, members: frozenset, other: str):
    assert owner(canary, members | {other}) in {owner(canary, members), other}


@given(canary=NAMES, members=st.frozensets(NAMES, min_size=2, max_size=8), data=st.data())
def test_who_goes_leaves_what_others_own_where_it_is(canary: str, members: frozenset, data):
    gone = data.draw(st.sampled_from(sorted(members)))
    before = owner(canary, members)
    assert before == gone or owner(canary, members - {gone}) == before


def test_nobody_owns_anything_where_there_is_no_member():
    assert owner("shop/app", ()) is None


def test_members_own_about_equally_many():
    for size in (2, 3, 5):
        members = [f"tidegate-{number}" for number in range(size)]
        owners = [owner(canary, members) for canary in CANARIES]
        fair = len(CANARIES) / size
        assert all(0.85 * fair < owners.count(each) < 1.15 * fair for each in members)


def test_about_one_in_n_moves_where_one_of_n_comes():
    three = [f"tidegate-{number}" for number in range(3)]
    four = [*three, "tidegate-3"]
    moved = [each for each in CANARIES if owner(each, three) != owner(each, four)]
    assert 0.2 < len(moved) / len(CANARIES) < 0.3
    left = {owner(each, three) for each in moved}
    assert left == set(three)


class TestAShare:
    BOTH = frozenset({"a", "b"})

    def test_is_what_falls_to_its_member_in_every_membership(self):
        narrow = Share(member="a", memberships=(self.BOTH, self.BOTH | {"c"}))
        for canary in CANARIES[:200]:
            owners = {owner(canary, each) for each in narrow.memberships}
            assert (canary in narrow) == (owners == {"a"})

    def test_of_several_members_holds_each_canary_once(self):
        shares = [Share(member=each, memberships=(self.BOTH,)) for each in sorted(self.BOTH)]
        assert all(sum(canary in each for each in shares) == 1 for canary in CANARIES[:200])

    def test_is_empty_without_a_membership_without_members_and_for_a_stranger(self):
        for share in (
            Share(member="a"),
            Share(member="a", memberships=(NO_MEMBERS, self.BOTH)),
            Share(member="c", memberships=(self.BOTH,)),
        ):
            assert share.empty
            assert "shop/app" not in share
