"""Links that answer a gate: only what was made with the key is read, and only as it was made."""

import base64
import hmac
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from canary.core.gate_link import LONGEST, LONGEST_VALIDITY, GateLink
from canary.core.gate_reference import GateReference
from tests.builders import at

KEY, OTHER = b"k" * 32, b"o" * 32
REFERENCE = GateReference.of(
    group="tidegate.dev",
    namespace="shop",
    name="cart",
    uid="0b5e-17",
    gate="confirm-promotion/41/2",
)
LINK = GateLink(reference=REFERENCE, verb="approve", person="bob@partner.example", ends=at(3600))
TOKEN = LINK.signed(KEY)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def made(said: Any, *, key: bytes = KEY, purpose: bytes = b"tidegate gate link 1\n") -> str:
    """Make a link by hand, of whatever it says."""
    content = json.dumps(said).encode()
    return f"{encoded(content)}.{encoded(hmac.new(key, purpose + content, sha256).digest())}"


SAID = ["approve", str(REFERENCE), "bob@partner.example", int(at(3600).timestamp())]


def test_a_link_says_what_it_was_made_of():
    assert GateLink.read(TOKEN, KEY) == LINK
    assert set(TOKEN) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert GateLink.read(made(SAID), KEY) == LINK


def test_the_longest_names_fit_into_a_link():
    longest = GateReference.of(
        group="tidegate.dev",
        namespace="n" * 63,
        name="c" * 253,
        uid="u" * 64,
        gate="confirm-traffic-increase/999999999/99",
    )
    link = GateLink(reference=longest, verb="reject", person="p" * 128, ends=at(0))
    assert len(link.signed(KEY)) < LONGEST
    assert GateLink.read(link.signed(KEY), KEY) == link


@pytest.mark.parametrize("place", range(0, len(TOKEN), 3))
def test_a_link_with_another_letter_is_none(place):
    other = "A" if TOKEN[place] != "A" else "B"
    assert GateLink.read(TOKEN[:place] + other + TOKEN[place + 1 :], KEY) is None


FORGED = {
    "another key": LINK.signed(OTHER),
    "an empty key": LINK.signed(b""),
    "another purpose": made(SAID, purpose=b""),
    "the proof of another link": TOKEN.partition(".")[0]
    + "."
    + GateLink(reference=REFERENCE, verb="reject", person="x", ends=at(0))
    .signed(KEY)
    .partition(".")[2],
    "no proof": TOKEN.partition(".")[0],
    "an empty proof": f"{TOKEN.partition('.')[0]}.",
    "a short proof": TOKEN[:-1],
    "more behind": f"{TOKEN}.{TOKEN}",
    "padding": TOKEN.replace(".", "=."),
    "blanks": f" {TOKEN}",
    "a line break": f"{TOKEN}\n",
    "nothing": "",
    "a dot": ".",
    "no ASCII": f"{TOKEN}ü",
    "half a letter": "A.A",
    "too long": "A" * (LONGEST + 1),
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED)
def test_what_was_not_made_with_the_key_is_no_link(text):
    assert GateLink.read(text, KEY) is None


@pytest.mark.parametrize("verb", ["promote", "abort", "skip", "", "Approve"])
def test_a_link_answers_a_gate_and_gives_no_other_command(verb):
    assert GateLink.read(made([verb, *SAID[1:]]), KEY) is None


def test_a_link_about_no_gate_is_none():
    assert GateLink.read(made([SAID[0], "shop/cart", *SAID[2:]]), KEY) is None


@pytest.mark.parametrize(
    ("now", "refusal"),
    [
        (LINK.ends - timedelta(seconds=1), ""),
        (LINK.ends, "it has ended"),
        (LINK.ends + timedelta(days=1), "it has ended"),
        (LINK.ends - LONGEST_VALIDITY, ""),
        (LINK.ends - LONGEST_VALIDITY - timedelta(seconds=1), "it would last longer than 24 h"),
    ],
)
def test_a_link_counts_until_its_end_and_no_longer_than_a_day(now, refusal):
    assert LINK.refusal(now) == refusal
