"""What a button is for is read as it was written, and nothing else is read at all."""

import pytest

from canary.core.gate_reference import GateReference

WRITTEN = "tidegate.dev/shop/cart/4c0ffee0-1/confirm-traffic-increase/41/2"


def test_a_reference_is_read_as_it_was_written() -> None:
    reference = GateReference.of(
        group="tidegate.dev",
        namespace="shop",
        name="cart",
        uid="4c0ffee0-1",
        gate="confirm-traffic-increase/41/2",
    )
    assert str(reference) == WRITTEN
    assert GateReference.read(WRITTEN) == reference
    assert reference.run == 41


@pytest.mark.parametrize(
    "text",
    [
        "",
        "approve",
        WRITTEN.replace("/41", ""),
        WRITTEN.replace("41", "forty"),
        WRITTEN.replace("confirm-traffic-increase", "rollout"),
        WRITTEN.replace("/cart", ""),
        WRITTEN.replace("cart", "../secrets"),
        WRITTEN.replace("cart", "c%20t"),
        f"{WRITTEN}/",
        f"{WRITTEN}\n",
        f" {WRITTEN}",
        WRITTEN.replace("41", "4" * 19),
        WRITTEN.replace("41", "٤١"),
    ],
    ids=repr,
)
def test_any_other_text_is_no_reference(text: str) -> None:
    assert GateReference.read(text) is None
