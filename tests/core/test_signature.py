"""What a command's annotation says of who gave it, and why."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.core.signature import LONGEST, Signature

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "signature"),
    [
        ("alice: smoke test", Signature(reason="alice: smoke test")),
        ("", Signature()),
        ("@alice", Signature(reason="@alice")),
        (
            "@alice via cli at 2026-01-02T03:04:05Z",
            Signature(user="alice", tool="cli", at="2026-01-02T03:04:05Z"),
        ),
        (
            "@system:serviceaccount:ci:robot via argocd at 2026-01-02T03:04:05Z: it: is\nfine",
            Signature(
                user="system:serviceaccount:ci:robot",
                tool="argocd",
                at="2026-01-02T03:04:05Z",
                reason="it: is\nfine",
            ),
        ),
        (
            "@O=Acme, CN=bob via slack at 2026-01-02T03:04:05Z for confirm-promotion/41/50: go",
            Signature(
                user="O=Acme, CN=bob",
                tool="slack",
                at="2026-01-02T03:04:05Z",
                subject="confirm-promotion/41/50",
                reason="go",
            ),
        ),
    ],
)
def test_an_annotation_is_read(value, signature):
    assert Signature.read(value) == signature


@given(st.text())
def test_whatever_an_annotation_holds_it_is_read(value):
    assert Signature.read(value).shown.startswith("by ")


def test_a_signature_is_read_back_as_it_was_written():
    signed = Signature.of("alice", "cli", MOMENT, subject="confirm-promotion/1/50", reason="a: b")
    assert str(signed) == (
        "@alice via cli at 2026-01-02T03:04:05.678Z for confirm-promotion/1/50: a: b"
    )
    assert Signature.read(str(signed)) == signed


def test_who_signs_for_no_gate_names_none():
    assert str(Signature.of("alice", "cli", MOMENT)) == "@alice via cli at 2026-01-02T03:04:05.678Z"


def test_a_signature_is_no_longer_than_what_is_kept_of_it():
    assert len(str(Signature.of("alice", "cli", MOMENT, reason="x" * 1000))) == LONGEST


def test_a_long_name_is_cut_in_a_sentence():
    assert Signature(user="x" * 300).shown == f"by {'x' * 63}…"
