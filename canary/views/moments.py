"""Moments and spans as people read them: the time of day, and the date where it is another one."""

from datetime import datetime, timedelta

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def moment(when: datetime, now: datetime) -> str:
    """Write a moment in the zone of `now`, with its date where that is not today's."""
    local = when.astimezone(now.tzinfo)
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M:%S}"


def day(when: datetime, now: datetime) -> str:
    """Write a moment of the past to the minute, always with its date."""
    return f"{when.astimezone(now.tzinfo):%Y-%m-%d %H:%M}"


def span(length: timedelta) -> str:
    """Write a span by its two largest units: 3d4h, 12m, 7s."""
    rest, written = int(length.total_seconds()), []
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            written.append(f"{count}{unit}")
    return "".join(written[:2]) or "0s"
