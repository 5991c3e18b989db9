"""S16: whatever a hook, a metric store or a receiver of alerts answers, it is an answer or none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import orjson
import pytest
from aiohttp import web

from analysis.egress import EgressPolicy
from analysis.errors import AnalysisError
from analysis.providers import PROVIDERS
from canary.api.people import Webhook
from canary.hooks.caller import HookCaller
from canary.notifiers import NotDelivered, Notifier
from tests.analysis.providers.test_compliance import asked_itself
from tests.analysis.servers import FakeServer, Handler
from tests.case import NotifierCase, ProviderCase, case_of, notifier_cases, provider_cases
from tests.hooks.test_caller import PAYLOAD
from tests.notifiers.alerts import an_alert
from tests.receiver import Answer, receiving
from tests.sampling import seeds
from tests.security.mutants import ADDRESSES, TEXTS, junk, mutated_bytes, mutated_json

#: Of each store and receiver forty are tried, and of a hook two hundred.
ANSWERS = 10
every_round = pytest.mark.parametrize("seed", seeds(4))
#: Addresses as a header can hold them.
SENDABLE = tuple(each for each in ADDRESSES if each.isascii() and each.isprintable())


def damaged(handler: Handler, chance: Random) -> Handler:
    """Answer as a store does, with one to three places changed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        status = chance.choice((response.status, response.status, 200, 204, 299, 400, 500))
        body = mutated(chance, response.body)
        return web.Response(body=body, status=status, content_type=response.content_type)

    return answer


def mutated(chance: Random, body: bytes) -> bytes:
    """Change a body as a document where it is one, and as bytes where it is not."""
    if chance.random() < 0.3:
        return mutated_bytes(chance, body)
    try:
        document = orjson.loads(body)
        return orjson.dumps(mutated_json(chance, document))
    except (TypeError, ValueError):
        return mutated_bytes(chance, body)


@every_round
@pytest.mark.parametrize("case", provider_cases().values(), ids=provider_cases())
async def test_a_store_s_answer_is_an_outcome_or_an_error_of_its_own(case: ProviderCase, seed: int):
    chance = Random(f"{case.query} {seed}")
    server = FakeServer(damaged(case.five, chance))
    await server.start()
    try:
        for _ in range(ANSWERS):
            outcome = await asked_itself(case.spec(server.address), case.query)
            if isinstance(outcome, AnalysisError):
                assert str(outcome).isprintable()
    finally:
        await server.stop()


@every_round
@pytest.mark.parametrize("case", notifier_cases(), ids=lambda case: case.name)
async def test_a_receiver_s_answer_is_a_delivery_or_none(case: NotifierCase, seed: int):
    chance = Random(f"{case.name} {seed}")
    async with receiving() as receiver:
        notifier = case.make(receiver.url)
        for _ in range(ANSWERS):
            body = mutated(chance, case.success.body or b"{}")
            status = chance.choice((200, 204, 302, 400, 404))
            headers = {"Location": chance.choice(SENDABLE)} if status == 302 else {}
            receiver.answers(Answer(status=status, body=body, headers=headers))
            assert (await told_by(notifier)).isprintable()


async def told_by(notifier: Notifier) -> str:
    """Send an alert; give the reference of its message, or why there is none."""
    try:
        return await notifier.send(an_alert()) or ""
    except NotDelivered as refused:
        return str(refused)


HEADS = (
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200\r\n",
    b"HTTP/1.1 403 Forbidden\r\n",
    b"HTTP/1.1 999 \xff\xfe\r\n",
    b"HTTP/9.9 200 OK\r\n",
    b"HTTP/1.1 200 OK\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 20 OK\r\n",
    b"SSH-2.0-OpenSSH\r\n",
    b"",
)
HEADERS = (
    b"Content-Length: 3\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: zstd, br, deflate\r\n",
    b"Content-Type: text/\xff; charset=klingon\r\n",
    b"Content-Type: text/plain; charset=utf-7\r\n",
    b"Retry-After: Thu, 01 Jan 99999 00:00:00 GMT\r\n",
    b"Retry-After: 1e400\r\n",
    b"Location: http://[:::]/\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"X: " + b"y" * 100_000 + b"\r\n",
    b": no name\r\n",
    b"folded: a\r\n b\r\n",
    b"Set-Cookie: \x00\x01\r\n",
)
BODIES = (
    b"",
    b"yes",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nx",
    b"\x1f\x8b\x08\x00broken",
    b"\xff\xfe\x00\x00",
    b"{" * 5000,
    b"x" * 200_000,
)


@asynccontextmanager
async def answering(chance: Random) -> AsyncIterator[str]:
    """Run a server that answers each request with anything, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        headers = b"".join(chance.sample(HEADERS, chance.randint(0, 3)))
        text = chance.choice(TEXTS).encode(errors="replace")
        body = chance.choice((*BODIES, text, repr(junk(chance)).encode(errors="replace")))
        response = chance.choice(HEADS) + headers + b"\r\n" + body
        writer.write(mutated_bytes(chance, response) if chance.random() < 0.3 else response)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


@pytest.mark.parametrize("seed", seeds(20))
async def test_a_hook_s_answer_passes_or_does_not_and_is_told_in_one_line(seed):
    chance = Random(seed)
    hooks = HookCaller()
    async with answering(chance) as url:
        hook = Webhook.model_validate({"name": "gate", "type": "confirm-rollout", "url": url})
        for _ in range(ANSWERS):
            result = await hooks.call(hook, PAYLOAD, key="k", secret=None)
            assert result.passed is (result.status is not None and 200 <= result.status < 300)
            assert result.message.isprintable()
            assert len(result.message) <= 2048
    await hooks.close()


# ---------------------------------------------------------------------------------- the addresses

#: What a resource can say: the schema takes no lone surrogates.
WRITABLE = tuple(each for each in ADDRESSES if each.isprintable())
NOWHERE = EgressPolicy(deny=("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize("bodies", [None, NOWHERE.allows_by_rule])
async def test_a_hook_with_any_address_is_called_or_told_why_not(bodies):
    hooks = HookCaller(egress=NOWHERE, bodies=bodies)
    for address in WRITABLE:
        hook = Webhook.model_construct(name="gate", url=address)
        result = await hooks.call(hook, PAYLOAD, key="k", secret=None)
        assert not result.passed, address
        assert result.message.isprintable(), address
    await hooks.close()


@pytest.mark.parametrize("name", PROVIDERS.names())
async def test_a_store_with_any_address_is_asked_or_told_why_not(name):
    case: ProviderCase = case_of(PROVIDERS, name)
    for address in WRITABLE:
        outcome = await asked_itself(replace(case.spec(address), egress=NOWHERE), case.query)
        assert isinstance(outcome, AnalysisError), address
        assert str(outcome).isprintable(), address


@pytest.mark.parametrize("case", notifier_cases(), ids=lambda case: case.name)
async def test_a_receiver_with_any_address_is_told_or_refused(case: NotifierCase):
    for address in WRITABLE:
        notifier = case.make("", address=address, egress=NOWHERE)
        with pytest.raises(NotDelivered) as refused:
            await notifier.send(an_alert())
        assert str(refused.value).isprintable(), address
