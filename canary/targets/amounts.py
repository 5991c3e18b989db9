"""Amounts of pods in a workload's update strategy."""

from canary.core.facts import Amount


def amount(written: int | str | None, default: Amount) -> Amount:
    """Read a number of pods or a percentage; the default where none is set, or none is known."""
    if isinstance(written, str):
        number = written.removesuffix("%")
        return Amount(int(number), percent=True) if number.isdecimal() else default
    return default if written is None else Amount(written)
