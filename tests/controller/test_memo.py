"""What was computed is given again for equal inputs only, and old values make room."""

from canary.controller.memo import Memo


def test_a_value_is_given_again_while_its_inputs_are_the_same():
    memo: Memo[str] = Memo()
    assert memo.recall("a", (1, b"x")) is None
    memo.keep("a", (1, b"x"), "computed")
    assert memo.recall("a", (1, bytes(bytearray(b"x")))) == "computed"
    assert memo.recall("a", (2, b"x")) is None
    assert memo.recall("b", (1, b"x")) is None


def test_the_value_used_longest_ago_makes_room():
    memo: Memo[str] = Memo(most=2)
    memo.keep("a", (), "first")
    memo.keep("b", (), "second")
    assert memo.recall("a", ()) == "first"
    memo.keep("c", (), "third")
    assert [memo.recall(each, ()) for each in "abc"] == ["first", None, "third"]


def test_a_place_that_is_forgotten_knows_nothing():
    memo: Memo[str] = Memo()
    memo.keep("a", (), "first")
    memo.forget("a")
    memo.forget("a")
    assert memo.recall("a", ()) is None
