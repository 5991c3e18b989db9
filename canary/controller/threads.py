"""Threads: a run is one thread of a receiver, whose first message shows how the run goes.

Where a thread is belongs in the status, and gets there with the write that forgets the notices by
which it came to be. If that is lost, the next alert begins another thread: no alert depends on it.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from canary.api.status import REFERENCE, Notice, Thread
from canary.controller.about import about
from canary.controller.alerts import AlertSender
from canary.controller.canaries import CanaryKey, CanaryObject
from canary.controller.edits import PAUSE_SECONDS, Edits
from canary.controller.listeners import Listener
from canary.controller.receivers import Receiver, destination
from canary.notifiers import MessageGone
from canary.views.thread import RunMessage, run_message

log = logging.getLogger(__name__)

REPLACEMENTS = 3
"""How often the first message of a run is written again: a receiver may lose every one of them."""


class _Place(NamedTuple):
    """A run's thread of one receiver."""

    canary: CanaryKey
    receiver: str
    run: int

    def __str__(self) -> str:
        return str(self.canary)


@dataclass(slots=True, kw_only=True)
class _Followed:
    """A thread, and what this process has shown in it."""

    ref: str
    ours: bool = False
    """Whether this process has written its first message."""
    shown: RunMessage | None = None
    replaced: int = 0


class RunThreads(Listener):
    """Sends alerts into the threads of their runs, and edits the first message of each."""

    def __init__(
        self,
        *,
        alerts: AlertSender,
        acts: Callable[[], bool],
        pause_seconds: float = PAUSE_SECONDS,
        observed: Callable[[str, float, str], None] = lambda *_: None,
    ) -> None:
        self._alerts = alerts
        self._acts = acts
        self._edits = Edits[_Place](pause_seconds=pause_seconds, observed=observed)
        self._followed: defaultdict[CanaryKey, dict[_Place, _Followed]] = defaultdict(dict)
        self._opened: dict[CanaryKey, tuple[Thread, ...]] = {}
        """What no status has yet."""

    def opened(self, key: CanaryKey) -> tuple[Thread, ...]:
        """Give the threads of a Canary that its status does not have yet."""
        return self._opened.get(key, ())

    async def tell(
        self, record: CanaryObject, notice: Notice, name: str, receiver: Receiver
    ) -> None:
        """Send an alert: as a reply where the run has a thread, else to begin one.

        Raises:
            NotDelivered: it was not taken; says whether it may be later.
            ClusterError: the receiver's secret can't be read now.
        """
        place = _Place(record.key, name, notice.run)
        if not (notice.run and self._alerts.threaded(record.key, receiver)):
            await self._alerts.send(record, notice, receiver)
            return
        followed = self._find(place)
        if followed is not None:
            try:
                await self._alerts.send(record, notice, receiver, thread=followed.ref)
            except MessageGone as gone:
                log.info("another thread begins: %s", gone, extra=about(record))
            else:
                return
        self._open(place, await self._alerts.send(record, notice, receiver))

    def decided(self, record: CanaryObject) -> None:
        """Keep in mind which threads there are, and show in them how their runs go."""
        key, status = record.key, record.status
        opened = tuple(
            each
            for each in self.opened(key)
            if each not in status.threads and each.run >= status.runs - 1
        )
        if not (opened or status.threads):
            self.forget(key)
            return
        self._opened[key] = opened
        before = self._followed.pop(key, {})
        for thread in (*status.threads, *opened):
            place = _Place(key, thread.receiver, thread.run)
            followed = before.get(place) or _Followed(ref=thread.ref)
            followed.ref = thread.ref
            self._followed[key][place] = followed
        self._show(record)

    def _show(self, record: CanaryObject) -> None:
        """Have each first message edited that no longer says how its run goes."""
        status, receivers = record.status, self._alerts.named(record)
        for place, followed in self._followed[record.key].items():
            message = run_message(status, place.run)
            receiver = receivers.get(place.receiver)
            if receiver is None or message is None or message == followed.shown:
                continue
            goes_on = status.run is not None and place.run == status.runs
            # Of a run that had ended before this process came nothing more is shown.
            if not (goes_on or followed.ours or any(n.run == place.run for n in status.notices)):
                continue
            if not self._alerts.edited(record.key, receiver):
                continue
            followed.ours, followed.shown = True, message
            self._edits.submit(
                place,
                partial(self._edit, record, place, receiver, message, datetime.now(UTC)),
                destination=destination(record.key, receiver),
                type_=self._alerts.type_of(record.key, receiver),
            )

    async def _edit(
        self,
        record: CanaryObject,
        place: _Place,
        receiver: Receiver,
        message: RunMessage,
        at: datetime,
    ) -> None:
        """Edit the first message of a thread; one that is gone is written again.

        Raises:
            NotDelivered: it was not taken; the next change is another edit.
            ClusterError: the receiver's secret can't be read now.
        """
        followed = self._find(place)
        if followed is None or not self._acts():
            return
        show = partial(self._alerts.show, record, message, receiver, run=place.run, at=at)
        try:
            await show(thread=followed.ref)
        except MessageGone:
            if followed.replaced == REPLACEMENTS:
                raise
            followed.replaced += 1
            self._open(place, await show())

    def _find(self, place: _Place) -> _Followed | None:
        return self._followed.get(place.canary, {}).get(place)

    def _open(self, place: _Place, ref: str | None) -> None:
        """Keep in mind where a thread is, if the receiver has said so."""
        if ref is None or not re.fullmatch(REFERENCE, ref):
            return
        opened = Thread(receiver=place.receiver, run=place.run, ref=ref)
        self._opened[place.canary] = (*self.opened(place.canary), opened)
        followed = self._followed[place.canary].setdefault(place, _Followed(ref=ref))
        followed.ref, followed.ours = ref, True

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of the threads of a Canary."""
        self.stand_down(frozenset({key}))

    def stand_down(self, keys: AbstractSet[CanaryKey]) -> None:
        """Leave threads to the replica that acts on their Canaries from now on."""
        if keys.isdisjoint(self._followed):
            return
        self._edits.drop(lambda place: place.canary in keys)
        for key in keys:
            self._followed.pop(key, None)
            self._opened.pop(key, None)

    async def close(self) -> None:
        """Edit nothing from now on."""
        await self._edits.close()
