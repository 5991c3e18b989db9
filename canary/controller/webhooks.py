"""Calling hooks: one hook is one POST, repeated while that may help.

When a hook is called and what its answer means belongs to `core/hooks.py`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import httpx
import orjson
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    stop_after_attempt,
    wait_exponential_jitter,
)

from canary.api.people import Webhook
from canary.notifiers.posting import Reply, origin, post, trust

#: How many calls of one host are under way at once; the others wait their turn.
CALLS_A_HOST = 8
#: The longest wait between two attempts, whatever a receiver asks for.
LONGEST_WAIT_SECONDS = 30.0
#: A header's value of this length in a spec may be a key to something.
SHORTEST_KEY = 8
#: The key of a Secret that becomes a bearer token; every other key is a header.
TOKEN = "token"  # noqa: S105 - a key, not a token
#: These tell receivers which call this is.
_OURS = ("Idempotency-Key", "X-Tidegate-Attempt")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPayload:
    """What a hook is told: the peer's fields, and where the run is."""

    name: str
    namespace: str
    phase: str
    checksum: str
    """Identifies a revision with its configs."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    weight: int
    """Percent of traffic to the canary."""
    step: int
    revision: str
    cluster: str

    def as_json(self) -> bytes:
        """Write the body of the call."""
        body = {
            "name": self.name,
            "namespace": self.namespace,
            "phase": str(self.phase),
            "checksum": self.checksum,
            "metadata": dict(self.metadata),
            "weight": self.weight,
            "step": self.step,
            "revision": self.revision,
            "cluster": self.cluster,
        }
        return orjson.dumps(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """What a hook said."""

    passed: bool
    """Whether the answer was any 2xx."""
    status: int | None = None
    """None where no whole answer came."""
    body: str = ""
    """The beginning of the answer's body as one printable line."""
    message: str = ""
    """Why it did not pass, in words; the body where it did."""

    @property
    def reachable(self) -> bool:
        """Whether the hook answered at all."""
        return self.status is not None


Observed = Callable[[Webhook, HookResult, float], None]
"""Told of every call: the hook, what it said, and how long it took, in seconds."""


def _unobserved(_hook: Webhook, _result: HookResult, _seconds: float) -> None:
    """Tell nobody."""


class HookCaller:
    """Calls hooks, whatever happens, without an exception; owns the connections.

    A call takes at most (retries + 1) times its hook's time limit, as long again to wait for its
    turn where a host is busy, and the waits between the attempts.
    """

    def __init__(
        self,
        *,
        observed: Observed = _unobserved,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._observed = observed
        self._sleep = sleep
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._turns: dict[str, _Turn] = {}
        self._closed = False

    async def call(
        self,
        hook: Webhook,
        payload: HookPayload,
        *,
        key: str,
        secret: Mapping[str, str] | None,
    ) -> HookResult:
        """Call a hook that has a URL; `key` names the call for receivers that drop repeats."""
        started = time.monotonic()
        result = _result(await self._persist(hook, payload.as_json(), key, secret or {}))
        self._observed(hook, result, time.monotonic() - started)
        return result

    async def close(self) -> None:
        """Close every connection; a call after this does not pass."""
        self._closed = True
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    async def _persist(
        self, hook: Webhook, content: bytes, key: str, secret: Mapping[str, str]
    ) -> Reply:
        try:
            headers = _headers(hook, key, secret)
        except ValueError as problem:
            return Reply(status=None, body="", reason=str(problem), transient=False)
        # A short value of a header is rather a word than a key, and hiding it would garble texts.
        keys = (value for value in hook.headers.values() if len(value) >= SHORTEST_KEY)
        secrets = (*secret.values(), *keys)
        attempts = AsyncRetrying(
            sleep=self._sleep,
            stop=stop_after_attempt(hook.retries + 1),
            wait=_wait,
            retry=retry_if_result(lambda reply: reply.transient),
            retry_error_callback=_last,
        )
        numbers = count(1)

        async def attempt() -> Reply:
            numbered = {**headers, "X-Tidegate-Attempt": str(next(numbers))}
            return await self._attempt(hook, content, numbered, secrets)

        return await attempts(attempt)

    async def _attempt(
        self, hook: Webhook, content: bytes, headers: Mapping[str, str], secrets: tuple[str, ...]
    ) -> Reply:
        if self._closed:
            return _no_answer("the controller is shutting down", transient=False)
        address = hook.url or ""
        host = origin(address)
        turn = self._turns.setdefault(host, _Turn())
        turn.users += 1
        try:
            if not await turn.take(hook.timeout):
                return _no_answer(f"{host} is still busy with {CALLS_A_HOST} earlier calls")
            try:
                return await post(
                    self._client(verify=not hook.disable_tls),
                    address,
                    content=content,
                    headers=headers,
                    limit=hook.timeout,
                    secrets=secrets,
                )
            finally:
                turn.give_back()
        finally:
            turn.users -= 1
            if not turn.users:
                self._turns.pop(host, None)

    def _client(self, *, verify: bool) -> httpx.AsyncClient:
        """Give the client that checks certificates, or the one that does not."""
        if verify not in self._clients:
            self._clients[verify] = httpx.AsyncClient(
                verify=trust() if verify else False,
                timeout=None,  # noqa: S113 - `post` holds the time limit
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=CALLS_A_HOST),
            )
        return self._clients[verify]


class _Turn:
    """Lets so many calls of one host be under way at once, first come first served."""

    def __init__(self) -> None:
        self.users = 0
        self._places = asyncio.Semaphore(CALLS_A_HOST)

    async def take(self, limit: timedelta) -> bool:
        """Wait for a place; tell whether there was one in time."""
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._places.acquire()
        except TimeoutError:
            return False
        return True

    def give_back(self) -> None:
        """Let the next one in."""
        self._places.release()


def _headers(hook: Webhook, key: str, secret: Mapping[str, str]) -> dict[str, str]:
    """Put the headers of a call together: the Secret's win over the hook's.

    Raises:
        ValueError: a header is one that the call sets itself.
    """
    headers: dict[str, tuple[str, str]] = {"content-type": ("Content-Type", "application/json")}
    for name, value in hook.headers.items():
        headers[name.lower()] = (name, value)
    for name, value in secret.items():
        # A value in a Secret often ends with a line break that nobody meant.
        if name == TOKEN:
            headers["authorization"] = ("Authorization", f"Bearer {value.strip()}")
        else:
            headers[name.lower()] = (name, value.strip())
    for name in _OURS:
        if name.lower() in headers:
            raise ValueError(f"the header {name} is set by the call itself; remove it")
    headers["idempotency-key"] = ("Idempotency-Key", key)
    return dict(headers.values())


_growing = wait_exponential_jitter(initial=1, max=LONGEST_WAIT_SECONDS, jitter=1)


def _wait(state: RetryCallState) -> float:
    """Wait longer after each attempt, and as long as the receiver asks, within bounds."""
    return min(LONGEST_WAIT_SECONDS, max(_growing(state), _last(state).retry_after or 0.0))


def _last(state: RetryCallState) -> Reply:
    """Give the answer to the last attempt."""
    assert state.outcome is not None
    reply: Reply = state.outcome.result()
    return reply


def _no_answer(reason: str, *, transient: bool = True) -> Reply:
    return Reply(status=None, body="", reason=reason, transient=transient)


def _result(reply: Reply) -> HookResult:
    return HookResult(
        passed=reply.succeeded, status=reply.status, body=reply.body, message=reply.reason
    )
