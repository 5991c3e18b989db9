"""What every registered provider promises, whatever the other side does."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analysis.asking import Providers
from analysis.errors import AnalysisError
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
from tests.case import ProviderCase, case_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
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


def a_case(name: str) -> ProviderCase:
    case: ProviderCase = case_of(PROVIDERS, name)
    return case


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
    assert outcome == Sample(value=5, at=NOW)


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
@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_server_that_fails_may_be_tried_again(name, status, serve):
    case = a_case(name)
    server = await serve(says("oh", status=status))
    outcome = await asked(case.spec(server.address), case.query)
    assert isinstance(outcome, QueryFailure)
    assert outcome.retryable
    assert str(status) in outcome.reason


@every_provider
@pytest.mark.parametrize("status", [301, 401, 403, 404, 204])
async def test_any_other_status_is_a_failure_that_names_it(name, status, serve):
    case = a_case(name)
    server = await serve(says("" if status == 204 else "oh", status=status))
    outcome = await asked(case.spec(server.address), case.query)
    assert isinstance(outcome, QueryFailure)
    assert str(status) in outcome.reason


@every_provider
@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_is_never_a_value_and_never_a_foreign_exception(name, body, serve):
    case = a_case(name)
    server = await serve(says(body))
    outcome = await asked_itself(case.spec(server.address), case.query)
    assert isinstance(outcome, NoData | QueryFailure | AnalysisError)


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
@pytest.mark.parametrize(
    "address",
    ["http://", "nowhere:9090", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:99999", "http://\0"],
)  # fmt: skip
async def test_an_address_that_is_none_is_a_failure(name, address):
    case = a_case(name)
    outcome = await asked(case.spec(address), case.query)
    assert isinstance(outcome, QueryFailure)
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
        assert outcome == Sample(value=5, at=at)


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
        assert await providers.ask(metric, NOW) == Sample(value=5, at=NOW)


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


CREDENTIALS = {
    "token": Credentials(token="s3cr3t-token"),
    "basic": Credentials(username="us3rname", password="pa55word"),
}


def secretive(case: ProviderCase, address: str, credentials: str) -> ProviderSpec:
    return replace(
        case.spec(address),
        credentials=CREDENTIALS[credentials],
        headers=(("X-Api-Key", "key-value-1"), ("X-Scope-OrgID", "a")),
    )


@every_provider
@pytest.mark.parametrize(
    ("credentials", "authorization"),
    [("token", "Bearer s3cr3t-token"), ("basic", "Basic dXMzcm5hbWU6cGE1NXdvcmQ=")],
)
async def test_credentials_and_headers_are_sent(name, credentials, authorization, serve):
    case = a_case(name)
    server = await serve(case.five)
    outcome = await asked(secretive(case, server.address, credentials), case.query)
    assert outcome == Sample(value=5, at=NOW)
    sent = server.requests[0].headers
    assert sent["Authorization"] == authorization
    assert sent["X-Api-Key"] == "key-value-1"
    assert sent["X-Scope-OrgID"] == "a"


@every_provider
@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("handler", [echoes_secrets, resets, says(b"<html>")])
async def test_no_secret_is_in_what_is_told(name, credentials, handler, serve):
    case = a_case(name)
    server = await serve(handler)
    spec = secretive(case, server.address, credentials)
    outcome = await asked_itself(spec, case.query)
    assert isinstance(outcome, AnalysisError)
    told = f"{outcome!r} {outcome} {spec!r} {await asked(spec, case.query)!r}"
    assert not any(secret in told for secret in SECRETS if secret != "us3rname")


@every_provider
@pytest.mark.parametrize("value", ["two\nlines", "nul\0", "naïve"])
async def test_a_secret_that_http_cannot_carry_is_refused_without_showing_it(name, value, serve):
    case = a_case(name)
    server = await serve(case.five)
    for spec in (
        replace(case.spec(server.address), credentials=Credentials(token=value)),
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
