"""Notifying: telling what a decision left to be told, at least once, without holding up a run.

A notice is in the status until it is delivered: an event on the object, calls of event and
post-rollout hooks, and alerts. Each of them is delivered by itself, so that a receiver that is
down delays no other.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from analysis.secrecy import origin
from canary.api.people import AlertReference
from canary.api.status import Notice, Severity
from canary.cluster.cluster import Cluster
from canary.cluster.connection import NotLeader
from canary.controller.about import about_run
from canary.controller.alerts import AlertSender
from canary.controller.canaries import CanaryKey, CanaryObject
from canary.controller.events import EventRecorder
from canary.controller.hearers import Hearers
from canary.controller.listeners import Listener
from canary.controller.messages import undelivered
from canary.controller.outbox import Outbox
from canary.controller.receivers import EVENT_TYPE, HOOK_TYPE, Receiver, destination
from canary.controller.references import References
from canary.controller.threads import RunThreads
from canary.core.notices import forgotten_alone
from canary.notifiers import NotDelivered

log = logging.getLogger(__name__)

FORGET_SECONDS = 2.0
"""Several notices are delivered in a row, and are forgotten in one write."""
REFUSED_SECONDS = 30.0
"""After so long a notice is offered again that the outbox had no place for."""

Deliver = Callable[[], Awaitable[None]]


class Channel(NamedTuple):
    """One way to tell of one Canary; what goes this way keeps its order."""

    canary: CanaryKey
    name: str

    def __str__(self) -> str:
        return str(self.canary)


class _Way(NamedTuple):
    """How one receiver gets a notice, and what becomes of it where no attempt succeeds."""

    deliver: Deliver
    destination: str
    type: str
    """What receives it: `event`, `hook`, or the type of an AlertProvider."""
    given_up: Callable[[Exception], None] = lambda _: None


class NoticeDispatcher(Listener):
    """Delivers the notices of Canaries."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        hearers: Hearers,
        alerts: AlertSender,
        threads: RunThreads,
        references: References,
        acts: Callable[[], bool],
        wake: Callable[[CanaryKey], None],
        observed: Callable[[str, float, str], None],
        give_up_after: timedelta = timedelta(hours=1),
    ) -> None:
        self._events = EventRecorder(cluster)
        self._outbox = Outbox[Channel](
            on_delivered=self._on_delivered, give_up_after=give_up_after, observed=observed
        )
        self._hearers = hearers
        self._alerts = alerts
        self._threads = threads
        self._references = references
        self._acts = acts
        self._wake = wake
        self._delivered: defaultdict[CanaryKey, set[str]] = defaultdict(set)
        self._open: defaultdict[CanaryKey, dict[str, set[str]]] = defaultdict(dict)
        """The names of the channels that each notice has still to go through."""
        self._forgotten_alone: set[CanaryKey] = set()
        """Canaries whose notices are forgotten in a write of their own."""

    def decided(self, record: CanaryObject) -> None:
        """Have the notices of a Canary delivered that are not on their way yet."""
        key, notices = record.key, record.status.notices
        if not notices:
            self.forget(key)
            return
        if forgotten_alone(record.status):
            self._forgotten_alone.add(key)
        else:
            self._forgotten_alone.discard(key)
        current = {notice.id for notice in notices}
        self._delivered[key] &= current
        refused = False
        for notice in notices:
            if notice.id in self._delivered[key]:
                continue
            ways = dict(self._ways(record, notice))
            if notice.id not in self._open[key]:
                _log(record, notice)
                self._open[key][notice.id] = set(ways)
                self._close_delivered(key, notice.id)
            for name in self._open[key].get(notice.id, set()) & ways.keys():
                way = ways[name]
                refused |= not self._outbox.submit(
                    Channel(key, name),
                    notice.id,
                    partial(self._deliver, way.deliver),
                    name=f"{notice.reason} to {name}",
                    destination=way.destination,
                    type_=way.type,
                    given_up=way.given_up,
                )
        if refused:
            self._wake_in(key, REFUSED_SECONDS)

    def delivered(self, key: CanaryKey) -> frozenset[str]:
        """Give the ids of the notices that were delivered."""
        return frozenset(self._delivered.get(key, ()))

    def _on_delivered(self, channel: Channel, notice_id: str) -> None:
        """Remember that a notice went through a channel, or was given up there."""
        key = channel.canary
        left = self._open.get(key, {}).get(notice_id)
        if left is None:
            return
        left.discard(channel.name)
        self._close_delivered(key, notice_id)

    def _close_delivered(self, key: CanaryKey, notice_id: str) -> None:
        """Count a notice as delivered that has no way left to go."""
        if not self._open[key][notice_id]:
            del self._open[key][notice_id]
            self._delivered[key].add(notice_id)
            if not self._open[key] and key in self._forgotten_alone:
                asyncio.get_running_loop().call_later(FORGET_SECONDS, self._have_forgotten, key)

    def _have_forgotten(self, key: CanaryKey) -> None:
        """Wake a Canary to forget its notices, unless another write has forgotten them since."""
        if self._delivered.get(key) and key in self._forgotten_alone:
            self._wake(key)

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of the notices of a Canary; those on their way go on."""
        self._delivered.pop(key, None)
        self._open.pop(key, None)
        self._forgotten_alone.discard(key)

    async def close(self, limit: timedelta) -> None:
        """Try each notice that waits once more; what is not delivered stays in the status."""
        await self._outbox.close(limit)

    def stand_down(self, keys: AbstractSet[CanaryKey]) -> None:
        """Leave what is not delivered of Canaries to the replica that acts on them from now on."""
        self._outbox.drop(lambda channel: channel.canary in keys)
        for key in keys:
            self.forget(key)

    def _wake_in(self, key: CanaryKey, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake, key)

    async def _deliver(self, way: Deliver) -> None:
        if not self._acts():
            raise NotLeader("another replica acts")
        await way()

    def _ways(self, record: CanaryObject, notice: Notice) -> Iterator[tuple[str, _Way]]:
        """List the receivers of a notice, and how each gets it."""
        if notice.event:
            yield "event", _Way(partial(self._events.record, record, notice), "events", EVENT_TYPE)
        for place, hook in enumerate(self._hearers.of(record, notice)):
            call = partial(self._hearers.call, record, notice, hook)
            yield f"hook/{place}/{hook.name}", _Way(call, origin(hook.url or ""), HOOK_TYPE)
        for name, receiver in self._alerts.receivers(record, notice).items():
            deliver = partial(self._alert, record, notice, name, receiver)
            given_up = partial(self._alert_given_up, record, notice, receiver)
            type_ = self._alerts.type_of(record.key, receiver)
            yield (
                f"alert/{name}",
                _Way(deliver, destination(record.key, receiver), type_, given_up),
            )

    async def _alert(
        self, record: CanaryObject, notice: Notice, name: str, receiver: Receiver
    ) -> None:
        """Send an alert; where no attempt can succeed, an event on the Canary says why.

        Raises:
            NotDelivered: it was not taken; says whether it may be later.
            ClusterError: the receiver's secret can't be read, or the event not be written, now.
        """
        try:
            await self._threads.tell(record, notice, name, receiver)
        except NotDelivered as error:
            if not error.retryable:
                await self._events.record(
                    record, undelivered(record, notice, _name(receiver), error)
                )
            raise
        if isinstance(receiver, AlertReference) and self._references.taken(record.key, receiver):
            self._wake(record.key)

    def _alert_given_up(
        self, record: CanaryObject, notice: Notice, receiver: Receiver, error: Exception
    ) -> None:
        """Have the Canary say that a receiver could not be told."""
        if isinstance(receiver, AlertReference):
            self._references.refused(record, receiver, error)
            self._wake(record.key)
        if isinstance(error, NotDelivered) and not error.retryable:
            return  # The attempt itself has recorded the event.
        told = undelivered(record, notice, _name(receiver), error)
        record_event = partial(self._deliver, partial(self._events.record, record, told))
        channel = Channel(record.key, "undelivered")
        name = f"{told.reason} to event"
        self._outbox.submit(channel, told.id, record_event, name=name, type_=EVENT_TYPE)


def _log(record: CanaryObject, notice: Notice) -> None:
    level = logging.INFO if notice.severity is Severity.INFO else logging.WARNING
    place = about_run(record, notice.run, notice.revision)
    log.log(level, notice.message, extra=place | {"phase": notice.phase, "reason": notice.reason})


def _name(receiver: Receiver) -> str:
    return receiver.name if isinstance(receiver, AlertReference) else "of the default receiver"
