"""Range data: how it is asked for, and what is made of the answers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analysis.errors import AnalysisError, ProviderUnavailable, QueryError
from analysis.model import Credentials, ProviderSpec
from analysis.providers.history import History, Series
from tests.analysis.servers import data, echoes_secrets, hangs, resets, says, trickles
from tests.certificates import authority_pem

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
END = START + timedelta(minutes=2)
STEP = timedelta(seconds=30)
MATRIX = data("matrix", [{"metric": {}, "values": [[START.timestamp(), "1.5"], [START.timestamp() + 30, "NaN"], [START.timestamp() + 60, "+Inf"]]}])  # fmt: skip


def a_spec(address: str, **fields) -> ProviderSpec:
    return ProviderSpec(type="prometheus", address=address, **fields)


async def read(spec: ProviderSpec, query: str = "up", end: datetime = END, step=STEP) -> Series:
    async with asyncio.timeout(180):
        return await History(spec).read(query, START, end, step)


async def refused(spec: ProviderSpec, **fields) -> AnalysisError:
    with pytest.raises(AnalysisError) as error:
        await read(spec, **fields)
    return error.value


async def test_a_range_is_its_points_without_those_that_have_no_value(serve):
    server = await serve(says(MATRIX))
    series = await read(a_spec(server.address + "/"), "sum(up)")
    assert series.points == (
        (START, 1.5),
        (START + timedelta(minutes=1), float("inf")),
    )
    assert server.requests[0].path == "/api/v1/query_range"
    assert server.parameters[0] == {
        "query": "sum(up)",
        "start": f"{START.timestamp():.0f}",
        "end": f"{END.timestamp():.0f}",
        "step": "30",
    }


async def test_no_series_is_an_empty_range(serve):
    server = await serve(says(data("matrix", [])))
    assert await read(a_spec(server.address)) == Series()


async def test_several_series_are_refused_by_name(serve):
    server = await serve(says(data("matrix", [{"values": []}, {"values": []}])))
    error = await refused(a_spec(server.address))
    assert isinstance(error, QueryError)
    assert "2 series where one is expected" in str(error)


@pytest.mark.parametrize(
    ("credentials", "authorization"),
    [
        (Credentials(token="s3cr3t-token"), "Bearer s3cr3t-token"),
        (Credentials(username="u", password="pässword"), "Basic dTpww6Rzc3dvcmQ="),
        (Credentials(token="s3cr3t-token", username="u"), "Bearer s3cr3t-token"),
        (Credentials(), None),
    ],
)
async def test_credentials_and_headers_are_sent(credentials, authorization, serve):
    server = await serve(says(MATRIX))
    await read(a_spec(server.address, credentials=credentials, headers=(("X-Key", "key"),)))
    sent = server.requests[0].headers
    assert sent.get("Authorization") == authorization
    assert sent["X-Key"] == "key"


async def test_no_secret_is_in_an_error(serve):
    server = await serve(echoes_secrets)
    credentials = Credentials(token="s3cr3t-token")
    error = await refused(a_spec(server.address, credentials=credentials))
    assert "400" in str(error)
    assert "s3cr3t-token" not in str(error)


@pytest.mark.parametrize("handler", [hangs, trickles])
async def test_the_time_limit_holds(handler, serve):
    server = await serve(handler)
    spec = a_spec(server.address, timeout=timedelta(milliseconds=250))
    error = await refused(spec)
    assert isinstance(error, ProviderUnavailable)
    assert "did not answer within 0.25 s" in str(error)


async def test_nothing_is_asked_twice(serve):
    server = await serve(says("oh", status=503))
    error = await refused(a_spec(server.address))
    assert isinstance(error, ProviderUnavailable)
    assert "503 (2 bytes of application/json)" in str(error)
    assert len(server.requests) == 1


async def test_a_redirect_is_not_followed(serve):
    async def redirects(request):
        response = await says("", status=302)(request)
        response.headers["Location"] = "/elsewhere"
        return response

    server = await serve(redirects)
    assert isinstance(await refused(a_spec(server.address)), AnalysisError)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    ["<html>", "{}", "[]", "null", b"\xff\xfe", data("matrix", 5), data("matrix", [5]), data("matrix", [{"values": [[1, "x"]]}]), data("matrix", [{"values": [5]}]), data("matrix", [{"values": [[1e300, "1"]]}])],
)  # fmt: skip
async def test_garbage_is_a_refusal(body, serve):
    server = await serve(says(body))
    assert isinstance(await refused(a_spec(server.address)), AnalysisError)


async def test_a_dropped_connection_may_be_tried_again(serve):
    server = await serve(resets)
    assert isinstance(await refused(a_spec(server.address)), ProviderUnavailable)


async def test_a_refused_connection_is_named(closed_port):
    error = await refused(a_spec(closed_port))
    assert isinstance(error, ProviderUnavailable)
    assert "refuses connections" in str(error)


@pytest.mark.parametrize("address", ["", "nowhere:9090", "http://", "http://[::1", "http://127.0.0.1:99999"])  # fmt: skip
async def test_an_address_that_is_none_is_refused(address):
    assert isinstance(await refused(a_spec(address)), AnalysisError)


@pytest.mark.parametrize(
    ("end", "step"),
    [
        pytest.param(START - STEP, STEP, id="an end before the start"),
        pytest.param(END, timedelta(0), id="no step"),
        pytest.param(START + timedelta(days=30), timedelta(seconds=1), id="more points than a server gives"),
    ],
)  # fmt: skip
async def test_a_range_that_is_none_is_refused(end, step, closed_port):
    error = await refused(a_spec(closed_port), end=end, step=step)
    assert isinstance(error, QueryError)
    assert "write" in str(error)


# Whoever takes any certificate is warned by urllib3; here that is meant.
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
async def test_trust_is_that_of_the_spec(serve):
    server = await serve(says(MATRIX), tls=True)
    spec = a_spec(server.address)
    assert "is not trusted" in str(await refused(spec))
    bundle = authority_pem()
    assert (await read(replace(spec, ca_bundle=bundle))).points
    assert (await read(replace(spec, insecure_skip_verify=True))).points


async def test_reads_run_at_the_same_time_in_threads(serve):
    together = asyncio.Barrier(3)

    async def answer(request):
        await together.wait()
        return await says(MATRIX)(request)

    server = await serve(answer)
    async with asyncio.timeout(180):
        history = History(a_spec(server.address))
        await asyncio.gather(*(history.read(f"q{n}", START, END, STEP) for n in range(3)))
