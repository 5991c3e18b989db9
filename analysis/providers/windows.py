"""The window that a question is about: closed, and so far back that its data are whole.

A store fills its newest points late: a window that ends now would show too few requests, and each
store another part of them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time from `start` until just before `end`."""

    start: datetime
    end: datetime

    def holds(self, seconds: float, *, length: float = 0.0) -> bool:
        """Tell whether a point is of this window, and whole: it begins at a Unix time.

        A point that stands for a time longer than the window ends in it.
        """
        start, end = self.start.timestamp(), self.end.timestamp()
        if length == 0:
            return start <= seconds < end
        return start < seconds + length <= end


def closed(at: datetime, interval: timedelta, *, settle: timedelta, bucket: timedelta) -> Window:
    """Give the newest window whose data are whole at a moment.

    `settle` is how long data take to be whole, `bucket` the time that one point of the store stands
    for: windows begin and end with a point, so that equal questions ask for equal windows.
    """
    end = _EPOCH + (at - settle - _EPOCH) // bucket * bucket
    return Window(start=end + -interval // bucket * bucket, end=end)
