"""Load at a steady rate over real connections, and what came of it.

Nothing is sent twice: an answer that does not come is a failure, and is reported with its cause.
"""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import urlsplit

from tidegate_embedded.mesh.routes import CLUSTER_HEADER
from tidegate_embedded.outcomes import NO_STATUS, Failure, LoadStats, Reply, Window

_KEPT_FAILURES = 20
_LATEST_START_SECONDS = 1.0


class Load:
    """Requests at a rate to a host behind an address, for as long as the context is open.

    `host` is the name that the proxy routes by. A cluster whose name holds `canary_mark` is the
    canary's. At most `connections` requests are under way; those that can't be sent in time because
    of it are left out, not saved up.
    """

    def __init__(
        self,
        url: str,
        *,
        host: str,
        rate: float = 100.0,
        connections: int = 16,
        path: str = "/",
        headers: Mapping[str, str] = MappingProxyType({}),
        timeout_seconds: float = 10.0,
        window_seconds: float = 3.0,
        canary_mark: str = "-canary.",
    ) -> None:
        address = urlsplit(url)
        self._address = (address.hostname or "", address.port or 80)
        fields = {"Host": host, "User-Agent": "load"} | dict(headers)
        lines = (f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items()))
        self._request = "\r\n".join((*lines, "", "")).encode()
        self._rate = rate
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._window_seconds = window_seconds
        self._canary_mark = canary_mark
        self._tasks: list[asyncio.Task[None]] = []
        self._started = 0.0
        self._turns = itertools.count()
        self._stopping = asyncio.Event()
        self._counted = asyncio.Event()
        self._recent: deque[Reply] = deque()
        self._failures: deque[Failure] = deque(maxlen=_KEPT_FAILURES)
        self._losses: deque[Failure] = deque(maxlen=_KEPT_FAILURES)
        self._counted_from = 0.0
        self._requests = self._failed = self._lost = 0
        self._by_status: Counter[int] = Counter()
        self._by_version: Counter[str] = Counter()
        self._by_cluster: Counter[str] = Counter()
        self._failed_by_cluster: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._started = time.monotonic()
        self._tasks = [
            asyncio.create_task(self._work(), name=f"load {number}")
            for number in range(self._connections)
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Send no more; what is under way is waited for, for it would count as lost otherwise."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    def stats(self) -> LoadStats:
        """Tell what came of all requests so far."""
        return LoadStats(
            requests=self._requests,
            failed=self._failed,
            lost=self._lost,
            by_status=dict(sorted(self._by_status.items())),
            by_version=dict(sorted(self._by_version.items())),
            by_cluster=dict(sorted(self._by_cluster.items())),
            failed_by_cluster=dict(sorted(self._failed_by_cluster.items())),
            failures=tuple(self._failures),
            losses=tuple(self._losses),
            window=self._window(),
        )

    async def reaches(self, requests: int) -> LoadStats:
        """Wait until so many requests more have been answered; tell what came of all."""
        wanted = self._requests + requests
        while self._requests < wanted:
            self._counted.clear()
            await self._counted.wait()
        return self.stats()

    def restart(self) -> None:
        """Forget everything seen so far, and the requests that are still under way."""
        self._counted_from = time.monotonic()
        self._recent.clear()
        self._failures.clear()
        self._losses.clear()
        self._requests = self._failed = self._lost = 0
        for counter in (
            self._by_status,
            self._by_version,
            self._by_cluster,
            self._failed_by_cluster,
        ):
            counter.clear()

    def _window(self) -> Window:
        now = time.monotonic()
        self._forget(now)
        routed = [each for each in self._recent if each.cluster]
        canary = sum(self._canary_mark in each.cluster for each in routed)
        latencies = sorted(each.seconds * 1000 for each in self._recent)
        seconds = min(self._window_seconds, now - self._started)
        return Window(
            requests=len(self._recent),
            failed=sum(each.failed for each in self._recent),
            rate=len(self._recent) / seconds if seconds > 0 else 0.0,
            canary_share=100 * canary / len(routed) if routed else None,
            median_ms=_quantile(latencies, 0.5),
            p99_ms=_quantile(latencies, 0.99),
        )

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0].at < now - self._window_seconds:
            self._recent.popleft()

    async def _work(self) -> None:
        """Send requests over one connection, in turns with the others."""
        connection = _Connection(self._address)
        try:
            while not self._stopping.is_set():
                due = self._started + next(self._turns) / self._rate
                late = time.monotonic() - due
                if late > _LATEST_START_SECONDS:
                    self._turns = itertools.count(int((due + late - self._started) * self._rate))
                    continue
                if late < 0 and await _happens(self._stopping, -late):
                    return
                self._count(await self._answer(connection))
        finally:
            connection.close()

    async def _answer(self, connection: "_Connection") -> Reply:
        started = time.monotonic()
        status, headers, trouble = NO_STATUS, dict[str, str](), ""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status, headers, body = await connection.exchange(self._request)
            if status >= 500 and "x-hostname" not in headers:
                trouble = body.decode(errors="replace").strip() or "answered by the proxy"
        except TimeoutError:
            connection.close()
            trouble = f"no answer within {self._timeout_seconds:g} s"
        except (OSError, EOFError, ValueError) as error:
            connection.close()
            trouble = f"{type(error).__name__}: {error}"
        now = time.monotonic()
        return Reply(
            at=now,
            seconds=now - started,
            status=status,
            version=headers.get("x-version", ""),
            cluster=headers.get(CLUSTER_HEADER, ""),
            trouble=trouble,
        )

    def _count(self, answer: Reply) -> None:
        if answer.at - answer.seconds < self._counted_from:
            return
        self._recent.append(answer)
        self._forget(answer.at)
        self._requests += 1
        self._counted.set()
        self._by_status[answer.status] += 1
        if answer.version:
            self._by_version[answer.version] += 1
        if answer.cluster:
            self._by_cluster[answer.cluster] += 1
            self._failed_by_cluster[answer.cluster] += answer.failed
        self._lost += bool(answer.trouble)
        if answer.failed:
            self._failed += 1
            after = answer.at - self._started
            trouble = answer.trouble or f"answered by version {answer.version}"
            failure = Failure(after_seconds=after, status=answer.status, trouble=trouble)
            self._failures.append(failure)
            if answer.trouble:
                self._losses.append(failure)


class _Connection:
    """One connection, opened when it is needed, kept while the other side keeps it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a request; return status, headers with lower-case names, and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        if "content-length" not in headers:
            raise ValueError("an answer without Content-Length")
        body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(first.split(" ")[1]), headers, body

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most so long; tell whether it came."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None
