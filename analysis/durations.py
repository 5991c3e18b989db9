"""Durations as text: one parser and one writer, of what Go reads."""

import re
from datetime import timedelta

DURATION = r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+"
"""The pattern of a duration, for schemas."""
DURATION_LENGTH = 32

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(DURATION)
_UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_WRITTEN = (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1))


def parse_duration(text: str) -> float:
    """Read a Go duration (`90s`, `1m30s`, `2h`) as seconds; ValueError where it is none."""
    if len(text) > DURATION_LENGTH or _WHOLE.fullmatch(text) is None:
        raise ValueError(f"{text[:DURATION_LENGTH]!r} is not a duration such as 90s, 1m30s or 2h")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))


def format_duration(duration: timedelta) -> str:
    """Write a duration of zero or more as the shortest Go duration, to the microsecond."""
    rest = duration // timedelta(microseconds=1)
    text = ""
    for unit, size in _WRITTEN:
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
