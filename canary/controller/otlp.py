"""The owner of opentelemetry: runs are sent as traces to a collector, by OTLP over HTTP.

Best effort: a collector that is down or slow holds up nothing. What it does not take is dropped and
counted. Settings are the standard `OTEL_*` variables; without an endpoint nothing is imported.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from canary.api.status import CanaryStatus
from canary.controller.canaries import CanaryKey, CanaryObject
from canary.controller.listeners import Listener
from canary.tracing.context import SpanContext as Named
from canary.tracing.span import RunSpan
from canary.tracing.spans import Traced, spans_between

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger(__name__)

_OF_TRACES, _OF_ALL = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
QUEUED = 1000
"""So many spans wait for the collector; what comes beyond is dropped."""
_AT_ONCE = 100
_LAST_SECONDS = 2.0


class Export(Protocol):
    """Sends spans; runs in a thread."""

    def __call__(self, spans: Sequence[RunSpan], /) -> bool:
        """Send them; tell whether they were taken."""

    def close(self) -> None:
        """Let the connection go."""


def exporter_of(environ: Mapping[str, str], *, version: str, cluster_name: str) -> Export | None:
    """Make what sends spans, where the environment names a collector; None where it does not."""
    endpoint = environ.get(_OF_TRACES) or _traces_of(environ.get(_OF_ALL, ""))
    if not endpoint or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        return _OtlpExport(endpoint, version=version, cluster_name=cluster_name)
    except ImportError as error:
        log.warning(
            "no traces are sent to the collector of %s: %s is not installed; install it with: "
            "pip install 'tidegate[otel]'",
            _OF_TRACES if environ.get(_OF_TRACES) else _OF_ALL,
            error.name,
        )
        return None


def _traces_of(collector: str) -> str:
    """Give the address for traces of a collector that takes everything."""
    return f"{collector.rstrip('/')}/v1/traces" if collector else ""


class Traces(Listener):
    """Hears of decisions, and sends what has ended in a run as spans."""

    def __init__(
        self,
        export: Export,
        *,
        dropped: Callable[[int], None],
        dashboard: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        queued: int = QUEUED,
    ) -> None:
        self._export = export
        self._dropped = dropped
        self._dashboard = dashboard
        self._clock = clock
        self._longest = queued
        self._seen: dict[CanaryKey, CanaryStatus] = {}
        """The last status of each Canary that is in a run."""
        self._queue: deque[RunSpan] = deque()
        self._filled = asyncio.Event()

    def decided(self, record: CanaryObject) -> None:
        """Make spans of what has ended since the status that was seen before."""
        before, after = self._seen.get(record.key), record.status
        if after.run is not None:
            self._seen[record.key] = after
        else:
            self._seen.pop(record.key, None)
        if before is None:
            return
        traced = Traced(uid=record.uid, dashboard=self._dashboard, **record.key._asdict())
        for span in spans_between(traced, before, after, self._clock()):
            self.put(span)

    def awaiting(self, record: CanaryObject) -> None:
        """Know a Canary that is met in the middle of a run, after a restart."""
        if record.status.run is not None:
            self._seen.setdefault(record.key, record.status)

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of a Canary that is gone."""
        self._seen.pop(key, None)

    async def run(self) -> None:
        """Send what is queued, a few at a time, for as long as the controller lives."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                await self._send()

    async def close(self) -> None:
        """Send what is left, for a short time, and let the connection go."""
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                while self._queue:
                    await self._send()
        except TimeoutError:
            self._dropped(len(self._queue))
        await asyncio.to_thread(self._export.close)

    def put(self, span: RunSpan) -> None:
        """Queue a span; where too many wait already it is dropped."""
        if len(self._queue) >= self._longest:
            self._dropped(1)
            return
        self._queue.append(span)
        self._filled.set()

    async def _send(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(_AT_ONCE, len(self._queue)))]
        if not await asyncio.to_thread(self._export, batch):
            self._dropped(len(batch))


class _OtlpExport:
    """Sends spans by opentelemetry's own exporter, which reads the rest of its settings itself."""

    def __init__(self, endpoint: str, *, version: str, cluster_name: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import SpanExportResult

        cluster = {"k8s.cluster.name": cluster_name} if cluster_name else {}
        self._resource = Resource.create(
            {"service.name": "tidegate", "service.version": version, **cluster}
        )
        self._exporter = OTLPSpanExporter(endpoint=endpoint)
        self._success = SpanExportResult.SUCCESS

    def __call__(self, spans: Sequence[RunSpan], /) -> bool:
        """Send them; a collector that does not take them in its time is a failure."""
        return self._exporter.export([self._written(span) for span in spans]) is self._success

    def close(self) -> None:
        """Let the connection go."""
        self._exporter.shutdown()

    def _written(self, span: RunSpan) -> "ReadableSpan":
        from opentelemetry.sdk.trace import Event, ReadableSpan
        from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

        def context(named: Named, *, remote: bool = False) -> SpanContext:
            return SpanContext(
                trace_id=named.trace_id,
                span_id=named.span_id,
                is_remote=remote,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            )

        start = _nanoseconds(span.start)
        return ReadableSpan(
            name=span.name,
            context=context(span.context),
            parent=None if span.parent is None else context(span.parent),
            resource=self._resource,
            attributes=dict(span.attributes),
            events=[
                Event(each.name, attributes=dict(each.attributes), timestamp=_nanoseconds(each.at))
                for each in span.events
            ],
            links=[Link(context(each, remote=True)) for each in span.links],
            kind=SpanKind[span.kind],
            status=Status(StatusCode.ERROR, span.failure) if span.failure else Status(),
            start_time=start,
            # A status tells seconds: what begins and ends in one has a length all the same, because
            # Jaeger warns of a span without.
            end_time=max(_nanoseconds(span.end), start + 1),
        )


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
