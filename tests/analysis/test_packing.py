"""Numbers are kept as base85 has them, and damage is noticed."""

import struct
from base64 import b85decode, b85encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.packing import packed, rounded, unpacked

NUMBERS = st.lists(st.floats(width=32, allow_nan=False), max_size=40)


@given(NUMBERS)
def test_what_is_kept_is_read_again(numbers):
    assert list(unpacked(packed(numbers))) == numbers


@given(NUMBERS)
def test_texts_are_those_of_base64(numbers):
    written = struct.pack(f"<{len(numbers)}f", *numbers)
    assert packed(numbers) == b85encode(written).decode()
    assert b85decode(packed(numbers)) == written


@given(st.lists(st.floats(-1e30, 1e30)))
def test_numbers_are_rounded_as_they_are_kept(numbers):
    assert rounded(numbers) == unpacked(packed(numbers))


@pytest.mark.parametrize(
    "damaged", ["0", "0000", "0000 ", "0000ä", '0000"', "~~~~~", "|NsC1", "0000\udcff"]
)  # fmt: skip
def test_damage_is_noticed(damaged):
    with pytest.raises(ValueError, match=r"no numbers in base85|surrogates"):
        unpacked(damaged)


def test_what_four_bytes_cannot_tell_is_refused():
    with pytest.raises(OverflowError):
        packed([1e300])
