"""Moderated wake-ups: what happens within a moment is worked on together.

A run is a hundred small things: answers, events of watches, timers. To be woken for each of them
costs more than to work on it, because what was asleep finds the processor's caches filled by
others. None of them is in such a hurry.
"""

import selectors
import time
from collections.abc import Callable

MODERATION_SECONDS = 0.1
"""The least time between two wake-ups. What is asked of the cluster comes at most so much later."""


class ModeratedSelector(selectors.DefaultSelector):
    """Wakes its event loop once in a while at most; what comes after a longer sleep, at once.

    A loop that has something to do does not wait, and is not held up; nor is one while `hurried`
    says that others queue for what it waits for.
    """

    def __init__(
        self,
        seconds: float = MODERATION_SECONDS,
        *,
        hurried: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._hurried = hurried
        self._clock = clock
        self._sleep = sleep
        self._woken = clock() - seconds

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events for at most so many seconds, without end for None."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        pause = self._woken + self._seconds - self._clock()
        if pause > 0 and not self._hurried():
            if timeout is not None:
                pause = min(pause, timeout)
                timeout -= pause
            self._sleep(pause)
        found = super().select(timeout)
        self._woken = self._clock()
        return found
