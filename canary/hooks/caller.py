"""Calling hooks: one hook is one POST, repeated while that may help."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from analysis.authentication import bearer, header
from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.errors import Busy
from analysis.http.exchange import host_of
from analysis.http.posting import Reply, post
from analysis.http.transport import Client, guarded_client, trust
from analysis.secrecy import origin
from analysis.turns import Turns
from canary.api.people import Webhook
from canary.cluster.backoff import grown
from canary.hooks.payload import HookPayload, HookResult

#: Calls of one host that are under way at once, half of them at most for one namespace; the others
#: wait for their turn.
CALLS_A_HOST = 16
#: Calls of one host that may wait for their turn, for one namespace. A call beyond is not made, and not
#: counted.
WAITING_CALLS_A_HOST = 1000
FIRST_WAIT_SECONDS = 1.0
#: The longest wait between two attempts, whatever a receiver asks for.
LONGEST_WAIT_SECONDS = 30.0
#: A header's value of this length in a spec may be a key to something.
SHORTEST_KEY = 8
#: The key of a Secret that becomes a bearer token; every other key is a header.
TOKEN = "token"  # noqa: S105 - a key, not a token
#: These tell receivers which call this is.
_OURS = ("Idempotency-Key", "X-Tidegate-Attempt")


Observed = Callable[[Webhook, HookPayload, HookResult, float], None]
"""Called after every call: the hook, what was sent, what it answered, and the seconds it took."""


def _unobserved(
    _hook: Webhook, _payload: HookPayload, _result: HookResult, _seconds: float
) -> None:
    """Call nothing."""


class HookCaller:
    """Calls hooks; whatever a receiver does is a value. Owns the connections.

    Once it has its turn a call takes at most (retries + 1) times its hook's time limit, which is an
    hour where it is more than one attempt, and the waits between the attempts. A host's calls come in
    turn, those of one namespace after those of another: to wait is no answer of the host, and takes
    nothing from the time limit. `egress` says where hooks may lead, and `bodies` of which hosts what
    they answer is shown; of all where it is left out.
    """

    def __init__(
        self,
        *,
        egress: EgressPolicy = UNRESTRICTED,
        bodies: Callable[[str], bool] | None = None,
        observed: Observed = _unobserved,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._egress = egress
        self._bodies = bodies
        self._observed = observed
        self._sleep = sleep
        self._clients: dict[tuple[bool, EgressPolicy], Client] = {}
        self._turns: dict[str, Turns] = {}
        self._closed = False

    async def call(
        self,
        hook: Webhook,
        payload: HookPayload,
        *,
        key: str,
        secret: Mapping[str, str] | None,
        trusted: bool = False,
        traceparent: str = "",
    ) -> HookResult:
        """Call a hook that has a URL; `key` names the call for receivers that drop repeats.

        `traceparent` is the span that the receiver may add to; a header of the hook's own wins.

        A hook that the administrator has named is `trusted`: it may lead anywhere.

        Raises:
            Busy: too many calls of its host wait already; this one was not made.
        """
        egress = UNRESTRICTED if trusted else self._egress
        party = payload.namespace
        call = _Call(hook, payload.as_json(), key, secret or {}, egress, traceparent, party)
        result = _result(await self._persist(call))
        self._observed(hook, payload, result, call.seconds)
        return result

    @property
    def waiting(self) -> int:
        """Count the calls that wait for their turn."""
        return sum(turn.waiting for turn in self._turns.values())

    async def close(self) -> None:
        """Close every connection; a call after this does not pass."""
        self._closed = True
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    async def _persist(self, call: "_Call") -> Reply:
        hook, secret = call.hook, call.secret
        try:
            headers = _headers(hook, call.key, secret, call.traceparent)
        except ValueError as problem:
            return Reply(status=None, body="", reason=str(problem), transient=False)
        # A short value of a header is rather a word than a key, and hiding it would garble texts.
        keys = (value for value in hook.headers.values() if len(value) >= SHORTEST_KEY)
        secrets = (*secret.values(), *keys)
        attempts = AsyncRetrying(
            sleep=self._sleep,
            stop=stop_after_attempt(hook.attempts),
            wait=_wait,
            retry=retry_if_result(lambda reply: reply.transient),
            retry_error_callback=_last,
        )
        numbers = count(1)

        async def attempt() -> Reply:
            numbered = {**headers, "X-Tidegate-Attempt": str(next(numbers))}
            return await self._attempt(call, numbered, secrets)

        return await attempts(attempt)

    async def _attempt(
        self, call: "_Call", headers: Mapping[str, str], secrets: tuple[str, ...]
    ) -> Reply:
        hook, address = call.hook, call.hook.url or ""
        async with self._turn(origin(address), call.party):
            if self._closed:
                return _no_answer("the controller is shutting down", transient=False)
            started = time.monotonic()
            try:
                return await post(
                    self._client(verify=not hook.disable_tls, egress=call.egress),
                    address,
                    content=call.content,
                    headers=headers,
                    limit=hook.call_limit,
                    secrets=secrets,
                    shown=self._bodies is None or self._bodies(host_of(address)),
                )
            finally:
                call.seconds += time.monotonic() - started

    @asynccontextmanager
    async def _turn(self, host: str, party: str) -> AsyncIterator[None]:
        """Wait until a host may be called once more: its namespaces take turns."""
        turns = self._turns.setdefault(host, Turns(CALLS_A_HOST))
        if turns.waiting_of(party) >= WAITING_CALLS_A_HOST:
            raise Busy(f"{host}: {WAITING_CALLS_A_HOST} calls wait for their turn already")
        try:
            async with turns.place(party):
                yield
        finally:
            if turns.idle:
                self._turns.pop(host, None)

    def _client(self, *, verify: bool, egress: EgressPolicy) -> Client:
        """Give the client of a policy that checks certificates, or the one that does not."""
        key = (verify, egress)
        if key not in self._clients:
            self._clients[key] = guarded_client(
                egress, verify=trust() if verify else False, kept=CALLS_A_HOST
            )
        return self._clients[key]


@dataclass(slots=True)
class _Call:
    """A call, and the seconds that its attempts have taken so far."""

    hook: Webhook
    content: bytes
    key: str
    secret: Mapping[str, str]
    egress: EgressPolicy
    traceparent: str
    party: str
    """Whose turn it takes: the namespace of the Canary."""
    seconds: float = 0.0


def _headers(
    hook: Webhook, key: str, secret: Mapping[str, str], traceparent: str
) -> dict[str, str]:
    """Put the headers of a call together: the Secret's win over the hook's.

    Raises:
        ValueError: a header is one that the call sets itself.
    """
    headers: dict[str, tuple[str, str]] = {"content-type": ("Content-Type", "application/json")}
    if traceparent:
        headers["traceparent"] = ("traceparent", traceparent)
    for name, value in hook.headers.items():
        headers[name.lower()] = (name, value)
    for name, value in secret.items():
        sent = bearer(value) if name == TOKEN else header(name, value)
        headers[sent[0].lower()] = sent
    for name in _OURS:
        if name.lower() in headers:
            raise ValueError(f"the header {name} is set by the call itself; remove it")
    headers["idempotency-key"] = ("Idempotency-Key", key)
    return dict(headers.values())


def _wait(state: RetryCallState) -> float:
    """Wait longer after each attempt, and as long as the receiver asks, within bounds."""
    delay = grown(
        state.attempt_number - 1,
        first_seconds=FIRST_WAIT_SECONDS,
        longest_seconds=LONGEST_WAIT_SECONDS,
    )
    return min(LONGEST_WAIT_SECONDS, max(delay, _last(state).retry_after or 0.0))


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
