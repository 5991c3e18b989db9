"""Taking turns: places that several parties share, so that one that fills its own delays no other."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """So many places. A party holds half of them at most, and those that wait are served in turn.

    Within a party it is first come, first served.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._most = max(1, places // 2)
        self._held: Counter[str] = Counter()
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        """Those that wait, by party; the party that is served next comes first."""

    @property
    def waiting(self) -> int:
        """Count those that wait for a place."""
        return sum(map(len, self._lines.values()))

    @property
    def idle(self) -> bool:
        """Whether no place is held, and none is waited for."""
        return not self._held and not self._lines

    def waiting_of(self, party: str) -> int:
        """Count those of a party that wait for a place."""
        return len(self._lines.get(party, ()))

    @asynccontextmanager
    async def place(self, party: str) -> AsyncIterator[None]:
        """Hold a place, as soon as it is the party's turn."""
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(party, deque()).append(turn)
        self._serve()
        try:
            await turn
            yield
        finally:
            if turn.cancelled():
                self._leave(party, turn)
            else:
                self._free += 1
                self._held[party] -= 1
                if not self._held[party]:
                    del self._held[party]
            self._serve()

    def _leave(self, party: str, turn: "asyncio.Future[None]") -> None:
        line = self._lines.get(party, deque())
        if turn in line:
            line.remove(turn)
        if not line:
            self._lines.pop(party, None)

    def _serve(self) -> None:
        """Give free places to those that wait, a party after the other."""
        while self._free and (party := self._next()) is not None:
            line = self._lines.pop(party)
            turn = line.popleft()
            if line:
                # The party that was served comes last.
                self._lines[party] = line
            if turn.done():
                continue  # cancelled, and about to leave
            self._free -= 1
            self._held[party] += 1
            turn.set_result(None)

    def _next(self) -> str | None:
        open_to = (each for each in self._lines if self._held[each] < self._most)
        return next(open_to, None)
