"""What every registered provider promises, whatever the other side does."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import orjson
import pytest

from analysis.asking import Providers
from analysis.errors import AnalysisError, FailureKind
from analysis.model import (
    Ask,
    Bounds,
    Credentials,
    Metric,
    NoData,
    Outcome,
    ProviderSpec,
    QueryFailure,
    Sample,
)
from analysis.providers import PROVIDERS, Provider
from tests.analysis.servers import (
    echoes_secrets,
    hangs,
    in_turn,
    resets,
    says,
    slams,
    trickles,
)
from tests.case import NOW, Asked, Login, ProviderCase, case_of, cases_of, provider_cases

MINUTE = timedelta(minutes=1)
PATIENCE = 60
SECRETS = ("s3cr3t-token", "us3rname", "pa55word", "key-value-1", "dXMzcm5hbWU6cGE1NXdvcmQ=")


every_provider = pytest.mark.parametrize("name", PROVIDERS.names())

GARBAGE = {
    "an empty body": b"",
    "a web page": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "text": b"hello, this is no metrics page",
    "half a JSON object": b'{"status": "succ',
    "a JSON list": b"[1, 2]",
    "JSON null": b"null",
    "an empty object": b"{}",
    "success without data": b'{"status": "success"}',
    "data of another shape": b'{"status": "success", "data": {"resultType": "vector", "result": 5}}',
    "a series of another shape": b'{"status":"success","data":{"resultType":"vector","result":[5]}}',
    "a value that is no number": b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"x"]}]}}',
    "an unknown result type": b'{"status":"success","data":{"resultType":"cloud","result":[]}}',
    "bytes that are no text": bytes(range(128, 256)) * 10,
    "zeros": b"\0" * 1000,
    "deep nesting": b"[" * 100_000,
    "a line without a value": b"up",
    "open braces": b'up{a="b" 5',
    "open quotes": b'up{a="b} 5',
    "labels without names": b'up{"",=} 5',
    "a value past all bounds": b"up 1" + b"0" * 5000 + b"x",
}  # fmt: skip


NO_ADDRESSES = (
    "http://",
    "nowhere:9090",
    "ftp://127.0.0.1",
    "http://[::1",
    "http://127.0.0.1:99999",
    "http://\0",
)


def a_case(name: str) -> ProviderCase:
    case: ProviderCase = case_of(PROVIDERS, name)
    return case


def is_five(outcome: Outcome | AnalysisError, at: datetime = NOW) -> bool:
    """Tell whether an answer is the value 5, of a window that is over."""
    return isinstance(outcome, Sample) and outcome.value == 5 and outcome.at <= at


def a_metric(spec: ProviderSpec, query: str) -> Metric:
    return Metric(
        name="m", asks=(Ask(query=query),), provider=spec, interval=MINUTE, threshold_range=Bounds()
    )


async def asked(spec: ProviderSpec, query: str) -> Outcome:
    """Ask through the pool, as an analysis does."""
    async with asyncio.timeout(PATIENCE), Providers() as providers:
        return await providers.ask(a_metric(spec, query), NOW)


async def asked_itself(spec: ProviderSpec, query: str) -> Outcome | AnalysisError:
    """Ask a provider without a pool around it; any other exception fails the test."""
    async with asyncio.timeout(PATIENCE):
        provider: Provider = PROVIDERS.load(spec.type)(spec)
        try:
            return await provider.query(query, NOW, MINUTE)
        except AnalysisError as error:
            return error
        finally:
            await provider.close()


@every_provider
async def test_a_value_is_a_sample_at_its_moment(name, serve):
    case = a_case(name)
    server = await serve(case.five)
    outcome = await asked(case.spec(server.address), case.query)
    assert is_five(outcome)
    assert isinstance(outcome, Sample)
    assert NOW - case.lag <= outcome.at


@every_provider
async def test_no_series_is_no_data(name, serve):
    case = a_case(name)
    server = await serve(case.nothing)
    outcome = await asked(case.spec(server.address), case.query)
    assert isinstance(outcome, NoData)
    assert not outcome.warming_up
    assert outcome.reason


@every_provider
async def test_nan_is_no_data(name, serve):
    case = a_case(name)
    server = await serve(case.nan)
    assert isinstance(await asked(case.spec(server.address), case.query), NoData)


@every_provider
@pytest.mark.parametrize("handler", [hangs, trickles])
async def test_the_time_limit_holds(name, handler, serve):
    case = a_case(name)
    server = await serve(handler)
    spec = replace(case.spec(server.address), timeout=timedelta(milliseconds=250))
    outcome = await asked(spec, case.query)
    assert isinstance(outcome, QueryFailure)
    assert outcome.retryable
    assert "did not answer within" in outcome.reason


@every_provider
@pytest.mark.parametrize("handler", [hangs, trickles])
async def test_the_time_limit_holds_without_a_pool(name, handler, serve):
    case = a_case(name)
    server = await serve(handler)
    spec = replace(case.spec(server.address), timeout=timedelta(milliseconds=250))
    outcome = await asked_itself(spec, case.query)
    assert isinstance(outcome, AnalysisError)
    assert "did not answer within" in str(outcome)


@every_provider
@pytest.mark.parametrize(
    ("handler", "says_so"), [(resets, "gave no whole answer"), (slams, "reset the connection")]
)
async def test_a_dropped_connection_may_be_tried_again(name, handler, says_so, serve):
    case = a_case(name)
    server = await serve(handler)
    outcome = await asked(case.spec(server.address), case.query)
    assert isinstance(outcome, QueryFailure)
    assert outcome.retryable
    assert says_so in outcome.reason


@every_provider
async def test_a_refused_connection_is_named(name, closed_port):
    case = a_case(name)
    outcome = await asked(case.spec(closed_port), case.query)
    assert isinstance(outcome, QueryFailure)
    assert outcome.retryable
    assert "refuses connections" in outcome.reason
    assert closed_port in outcome.reason


@every_provider
async def test_a_refusal_by_every_address_of_a_name_is_named(name, closed_port):
    case = a_case(name)
    outcome = await asked(case.spec(closed_port.replace("127.0.0.1", "localhost")), case.query)
    assert isinstance(outcome, QueryFailure)
    assert "refuses connections" in outcome.reason


@every_provider
async def test_a_server_that_fails_may_be_tried_again(name, serve):
    case = a_case(name)
    server = await serve(hangs)
    for status in (500, 502, 503, 429):
        server.handler = says("oh", status=status)
        outcome = await asked(case.spec(server.address), case.query)
        assert isinstance(outcome, QueryFailure)
        assert outcome.retryable
        assert str(status) in outcome.reason


@every_provider
async def test_any_other_status_is_a_failure_that_names_it(name, serve):
    case = a_case(name)
    server = await serve(hangs)
    for status in {301, 401, 403, 404, 204} - case.answers:
        server.handler = says("" if status == 204 else "oh", status=status)
        outcome = await asked(case.spec(server.address), case.query)
        assert isinstance(outcome, QueryFailure)
        assert str(status) in outcome.reason


@every_provider
async def test_garbage_is_never_a_value_and_never_a_foreign_exception(name, serve):
    case = a_case(name)
    server = await serve(hangs)
    for told, body in GARBAGE.items():
        server.handler = says(body)
        outcome = await asked_itself(case.spec(server.address), case.query)
        assert isinstance(outcome, NoData | QueryFailure | AnalysisError), told


@every_provider
async def test_a_body_that_is_not_what_its_encoding_says_is_a_failure(name, serve):
    async def half_packed(request):
        response = await says(b"\x1f\x8b nonsense")(request)
        response.headers["Content-Encoding"] = "gzip"
        return response

    case = a_case(name)
    server = await serve(half_packed)
    assert isinstance(await asked_itself(case.spec(server.address), case.query), AnalysisError)


@every_provider
async def test_an_address_that_is_none_is_a_failure(name):
    case = a_case(name)
    for address in NO_ADDRESSES:
        outcome = await asked(case.spec(address), case.query)
        assert isinstance(outcome, QueryFailure), address
        assert "address" in outcome.reason or "resolve" in outcome.reason


@every_provider
async def test_a_spec_without_any_address_is_refused(name):
    outcome = await asked(ProviderSpec(type=name), a_case(name).query)
    assert isinstance(outcome, QueryFailure)
    assert not outcome.retryable
    assert "write" in outcome.reason


@every_provider
async def test_it_recovers_when_the_other_side_does(name, serve):
    case = a_case(name)
    server = await serve(in_turn([says("oh", status=503), case.five]))
    spec = case.spec(server.address)
    async with asyncio.timeout(PATIENCE), Providers() as providers:
        for second in range(1000):
            at = NOW + timedelta(seconds=second)
            outcome = await providers.ask(a_metric(spec, case.query), at)
            if isinstance(outcome, Sample):
                break
            await asyncio.sleep(0.02)
        assert is_five(outcome, at)


def each_of(kind: str) -> pytest.MarkDecorator:
    """Give the answers of a kind, of all providers."""
    return pytest.mark.parametrize(
        ("case", "answer"),
        [
            pytest.param(case, answer, id=f"{name}: {told}")
            for name, case in provider_cases().items()
            for told, answer in getattr(case, kind).items()
        ],
    )


@each_of("values")
async def test_a_documented_answer_with_a_value_is_that_value(case, answer, serve):
    handler, value = answer
    server = await serve(handler)
    outcome = await asked_itself(case.spec(server.address), case.query)
    assert isinstance(outcome, Sample)
    assert outcome.value == pytest.approx(value)


@each_of("no_data")
async def test_a_documented_answer_without_a_value_is_no_data(case, answer, serve):
    server = await serve(answer)
    assert isinstance(await asked_itself(case.spec(server.address), case.query), NoData)


@each_of("failures")
async def test_a_documented_refusal_is_of_its_kind_and_never_a_value(case, answer, serve):
    handler, kind, told = answer
    server = await serve(handler)
    outcome = await asked(case.spec(server.address), case.query)
    assert isinstance(outcome, QueryFailure)
    assert outcome.kind is kind
    assert told in outcome.reason


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in provider_cases().items() if case.asked]
)
async def test_the_request_is_the_documented_one_and_its_answer_a_value(case, serve):
    server = await serve(case.five)
    assert is_five(await asked(case.spec(server.address), case.query))
    request, content = server.requests[0], server.contents[0]
    posted = b"" if request.content_type.endswith("form-urlencoded") else content
    with suppress(orjson.JSONDecodeError):
        posted = orjson.loads(posted)
    assert case.asked == Asked(
        method=request.method,
        path=request.path,
        parameters=server.parameters[0],
        content=posted.decode() or None if isinstance(posted, bytes) else posted,
    )


@pytest.mark.parametrize(
    ("case", "handler"),
    [
        pytest.param(case, handler, id=f"{name}: {told}")
        for name, case in provider_cases().items()
        for told, (handler, kind, _) in case.failures.items()
        if kind is FailureKind.THROTTLED
    ],
)
async def test_a_store_that_was_asked_too_often_is_left_alone_for_a_while(case, handler, serve):
    server = await serve(handler)
    metric = a_metric(case.spec(server.address), case.query)
    async with asyncio.timeout(PATIENCE), Providers() as providers:
        await providers.ask(metric, NOW)
        requests = len(server.requests)
        outcome = await providers.ask(metric, NOW + timedelta(seconds=5))
    assert isinstance(outcome, QueryFailure)
    assert outcome.kind is FailureKind.THROTTLED
    assert "no query for" in outcome.reason
    assert len(server.requests) == requests


@every_provider
async def test_a_cancelled_query_is_cancelled_and_harms_no_other(name, serve):
    arrived = asyncio.Event()
    case = a_case(name)

    async def takes_long(request):
        arrived.set()
        return await hangs(request)

    server = await serve(takes_long)
    provider: Provider = PROVIDERS.load(name)(case.spec(server.address))
    try:
        async with asyncio.timeout(PATIENCE):
            query = asyncio.create_task(provider.query(case.query, NOW, MINUTE))
            await arrived.wait()
            query.cancel()
            with pytest.raises(asyncio.CancelledError):
                await query
            server.handler = case.five
            while not isinstance(await tried(provider, case.query), Sample):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await provider.close()


async def tried(provider: Provider, query: str) -> Outcome | AnalysisError:
    try:
        return await provider.query(query, NOW, MINUTE)
    except AnalysisError as error:
        return error


@every_provider
async def test_preparing_a_query_leaves_it_to_be_asked(name, serve):
    case = a_case(name)
    server = await serve(case.five)
    metric = a_metric(case.spec(server.address), case.query)
    async with asyncio.timeout(PATIENCE), Providers() as providers:
        assert await providers.prepare([metric]) == ()
        assert is_five(await providers.ask(metric, NOW))


@every_provider
async def test_closing_twice_is_closing_once_and_a_closed_provider_says_so(name, serve):
    case = a_case(name)
    server = await serve(case.five)
    provider: Provider = PROVIDERS.load(name)(case.spec(server.address))
    await provider.query(case.query, NOW, MINUTE)
    await provider.close()
    await provider.close()
    outcome = await tried(provider, case.query)
    assert isinstance(outcome, AnalysisError)
    assert "closed" in str(outcome)


@every_provider
async def test_a_provider_that_was_never_asked_can_be_closed(name, serve):
    case = a_case(name)
    server = await serve(case.five)
    await PROVIDERS.load(name)(case.spec(server.address)).close()


every_login = pytest.mark.parametrize(
    ("name", "login"),
    [
        pytest.param(name, login, id=f"{name}-{way}")
        for name, case in cases_of(PROVIDERS).items()
        for way, login in case.logins.items()
    ],
)


def secretive(case: ProviderCase, address: str, login: Login) -> ProviderSpec:
    return replace(
        case.spec(address),
        credentials=login.credentials,
        headers=(("X-Custom-Key", "key-value-1"), ("X-Scope-OrgID", "a")),
    )


@every_login
async def test_credentials_and_headers_are_sent(name, login, serve):
    case = a_case(name)
    server = await serve(case.five)
    assert is_five(await asked(secretive(case, server.address, login), case.query))
    sent = server.requests[0].headers
    assert {key: sent[key] for key in login.sent} == login.sent
    assert sent["X-Custom-Key"] == "key-value-1"
    assert sent["X-Scope-OrgID"] == "a"


@every_login
@pytest.mark.parametrize("handler", [echoes_secrets, resets, says(b"<html>")])
async def test_no_secret_is_in_what_is_told(name, login, handler, serve):
    case = a_case(name)
    server = await serve(handler)
    spec = secretive(case, server.address, login)
    outcome = await asked_itself(spec, case.query)
    assert isinstance(outcome, AnalysisError)
    told = f"{outcome!r} {outcome} {spec!r} {await asked(spec, case.query)!r}"
    assert not any(secret in told for secret in SECRETS if secret != "us3rname")


@every_login
async def test_a_redirect_is_not_followed_and_takes_no_credentials_along(name, login, serve):
    case = a_case(name)
    elsewhere = await serve(case.five)
    location = {"Location": f"{elsewhere.address}/there"}
    server = await serve(says("", status=307, headers=location))
    outcome = await asked(secretive(case, server.address, login), case.query)
    assert isinstance(outcome, QueryFailure)
    assert not elsewhere.requests


def spoiled(credentials: Credentials, value: str) -> Credentials:
    """Put a value in the place of each secret."""
    return replace(
        credentials,
        token=value if credentials.token or not credentials.others else None,
        others=tuple((key, value if it in SECRETS else it) for key, it in credentials.others),
    )


@every_login
@pytest.mark.parametrize("value", ["two\nlines", "nul\0", "naïve"])
async def test_a_secret_that_http_cannot_carry_is_refused_without_showing_it(
    name, login, value, serve
):
    case = a_case(name)
    server = await serve(case.five)
    for spec in (
        replace(case.spec(server.address), credentials=spoiled(login.credentials, value)),
        replace(case.spec(server.address), headers=(("X-Key", value),)),
    ):
        outcome = await asked(spec, case.query)
        assert isinstance(outcome, QueryFailure)
        assert not outcome.retryable
        assert "character that HTTP cannot carry" in outcome.reason
        assert value not in outcome.reason
    assert not server.requests


@every_provider
async def test_a_header_whose_name_http_cannot_carry_is_refused(name, serve):
    case = a_case(name)
    server = await serve(case.five)
    spec = replace(case.spec(server.address), headers=(("X Key", "key-value-1"),))
    outcome = await asked(spec, case.query)
    assert isinstance(outcome, QueryFailure)
    assert "a header holds a character that HTTP forbids" in outcome.reason
    assert not server.requests
