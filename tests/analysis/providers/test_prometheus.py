"""Provider `prometheus`: how it asks, and what it makes of each kind of answer."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from analysis.asking import Providers
from analysis.engine import analyse
from analysis.errors import AnalysisError, LoginRefused, ProviderUnavailable, QueryError
from analysis.model import Ask, Bounds, Metric, NoData, Outcome, ProviderSpec, Sample, Verdict
from analysis.providers.prometheus import PrometheusProvider
from tests.analysis.servers import data, overflows, says, vector
from tests.certificates import authority_pem

NOW = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AUTHORITY = authority_pem()


def a_spec(address: str, **fields) -> ProviderSpec:
    return ProviderSpec(type="prometheus", address=address, **fields)


async def asked(spec: ProviderSpec, query: str = "up") -> Outcome:
    async with asyncio.timeout(180):
        provider = PrometheusProvider(spec)
        try:
            return await provider.query(query, NOW, MINUTE)
        finally:
            await provider.close()


async def refused(spec: ProviderSpec, query: str = "up") -> AnalysisError:
    with pytest.raises(AnalysisError) as error:
        await asked(spec, query)
    return error.value


async def test_it_asks_at_the_moment_and_for_no_longer_than_its_time_limit(serve):
    server = await serve(says(vector("1")))
    await asked(a_spec(server.address, timeout=timedelta(seconds=7)), "sum(up{a='b c+d'})")
    assert server.requests[0].path == "/api/v1/query"
    assert server.requests[0].method == "GET"
    assert server.parameters == [
        {"query": "sum(up{a='b c+d'})", "time": f"{NOW.timestamp():.3f}", "timeout": "7000ms"}
    ]


@pytest.mark.parametrize("path", ["/prometheus", "/prometheus/"])
async def test_an_address_may_have_a_path(path, serve):
    server = await serve(says(vector("1")))
    await asked(a_spec(server.address + path))
    assert server.requests[0].path == "/prometheus/api/v1/query"


async def test_a_long_query_is_posted(serve):
    server = await serve(says(vector("1")))
    query = "sum(up) + " * 1000 + "1"
    assert await asked(a_spec(server.address), query) == Sample(value=1, at=NOW)
    assert server.requests[0].method == "POST"
    assert server.parameters[0]["query"] == query


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        pytest.param(vector("99.5"), 99.5, id="one series is a value"),
        pytest.param(vector("1e3"), 1000, id="an exponent is a value"),
        pytest.param(vector("+Inf"), inf, id="infinity is a value"),
        pytest.param(vector("-Inf"), -inf, id="negative infinity is a value"),
        pytest.param(data("scalar", [1, "5"]), 5, id="a scalar is a value"),
    ],
)
async def test_a_value(answer, value, serve):
    server = await serve(says(answer))
    assert await asked(a_spec(server.address)) == Sample(value=value, at=NOW)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(vector(), "the query found no series", id="no series is no data"),
        pytest.param(vector("NaN"), "NaN, as of 0 / 0", id="NaN is no data"),
        pytest.param(data("scalar", [1, "NaN"]), "NaN, as of 0 / 0", id="a scalar NaN is no data"),
        pytest.param(vector(warnings=["store b is gone"]), "warning: store b is gone", id="a warning is part of the reason"),
    ],
)  # fmt: skip
async def test_no_data(answer, reason, serve):
    server = await serve(says(answer))
    outcome = await asked(a_spec(server.address))
    assert isinstance(outcome, NoData)
    assert reason in outcome.reason


async def test_warnings_are_kept_a_few_and_short(serve):
    told = ["partial response", "x" * 5000, *"abcdef"]
    server = await serve(says(vector("1", warnings=told, infos=["not a counter"])))
    outcome = await asked(a_spec(server.address))
    assert isinstance(outcome, Sample)
    assert outcome.warnings[0] == "partial response"
    assert len(outcome.warnings) == 5
    assert all(len(warning) <= 300 for warning in outcome.warnings)


async def test_notes_are_kept_with_the_warnings(serve):
    server = await serve(says(vector("1", warnings=None, infos=["not a counter"])))
    assert await asked(a_spec(server.address)) == Sample(
        value=1, at=NOW, warnings=("not a counter",)
    )


@pytest.mark.parametrize(
    ("answer", "says_so"),
    [
        pytest.param(vector("1", "2", "3"), "3 series where one is expected; aggregate them", id="several series"),
        pytest.param(data("matrix", [{"metric": {}, "values": [[1, "1"]]}]), "a range of values where one number", id="a range"),
        pytest.param(data("matrix", []), "a range of values where one number", id="an empty range"),
        pytest.param(data("string", [1, "x"]), "a text where one number", id="a text"),
        pytest.param(data("vector", [{"metric": {}, "histogram": [1, {}]}]), "histogram_quantile()", id="a native histogram"),
        pytest.param({"status": "error"}, "no answer of Prometheus", id="an error with status 200"),
        pytest.param("<html>", "that is no JSON", id="a web page"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_value_is_refused_by_name(answer, says_so, serve):
    server = await serve(says(answer))
    error = await refused(a_spec(server.address))
    assert isinstance(error, QueryError)
    assert says_so in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind", "says_so"),
    [
        pytest.param(400, {"status": "error", "errorType": "bad_data", "error": "1:5: parse error"}, QueryError, "400 (bad_data: 1:5: parse error): correct the query", id="a query that cannot be parsed"),
        pytest.param(422, {"status": "error", "errorType": "execution", "error": "too many"}, QueryError, "422 (execution: too many)", id="a query that cannot be executed"),
        pytest.param(422, {"status": "error", "errorType": "timeout", "error": "expanding series"}, ProviderUnavailable, "422 (timeout)", id="a query that there was no time for"),
        pytest.param(401, "who are you?", LoginRefused, "401 (12 bytes of application/json): check the credentials", id="no credentials"),
        pytest.param(403, "", LoginRefused, "403: check the credentials", id="wrong credentials"),
        pytest.param(404, "404 page not found", QueryError, "root of a Prometheus API", id="another API"),
        pytest.param(302, "", QueryError, "redirects are not followed", id="a redirect"),
        pytest.param(503, {"status": "error", "errorType": "timeout", "error": "query timed out"}, ProviderUnavailable, "503 (timeout: query timed out)", id="a query that took too long"),
        pytest.param(500, "a\n\n  b" + "x" * 5000, ProviderUnavailable, "500 (5006 bytes of application/json)", id="a server's own failure"),
        pytest.param(500, [1], ProviderUnavailable, "500 (3 bytes of application/json)", id="JSON of another shape"),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_in_the_server_s_words(status, body, kind, says_so, serve):
    server = await serve(says(body, status=status))
    error = await refused(a_spec(server.address))
    assert type(error) is kind
    assert says_so in str(error)
    assert len(str(error)) < 500


async def test_a_name_that_does_not_resolve_is_named():
    error = await refused(a_spec("http://no-such-host.invalid:9090"))
    assert isinstance(error, ProviderUnavailable)
    assert "http://no-such-host.invalid:9090/api/v1/query cannot be resolved" in str(error)


async def test_an_answer_without_an_end_is_left(serve):
    server = await serve(overflows)
    error = await refused(a_spec(server.address, timeout=timedelta(seconds=15)))
    assert isinstance(error, ProviderUnavailable)
    assert "more than 64 MiB" in str(error)


async def test_a_certificate_of_a_given_authority_is_trusted(serve):
    server = await serve(says(vector("1")), tls=True)
    assert await asked(a_spec(server.address, ca_bundle=AUTHORITY)) == Sample(value=1, at=NOW)


async def test_a_certificate_of_an_unknown_authority_is_refused_with_the_remedy(serve):
    server = await serve(says(vector("1")), tls=True)
    error = await refused(a_spec(server.address))
    assert isinstance(error, ProviderUnavailable)
    assert f"the certificate of {server.address}/api/v1/query is not trusted" in str(error)
    assert "caBundle" in str(error)
    assert not server.requests


async def test_a_certificate_for_another_name_is_refused(serve):
    server = await serve(says(vector("1")), tls=True)
    error = await refused(
        a_spec(server.address.replace("127.0.0.1", "127.0.0.2"), ca_bundle=AUTHORITY)
    )
    assert isinstance(error, ProviderUnavailable)
    assert "refuses connections" in str(error) or "not trusted" in str(error)


async def test_any_certificate_is_taken_where_that_is_asked_for(serve):
    server = await serve(says(vector("1")), tls=True)
    spec = a_spec(server.address, insecure_skip_verify=True)
    assert await asked(spec) == Sample(value=1, at=NOW)


async def test_plain_http_behind_https_is_named(serve):
    server = await serve(says(vector("1")))
    error = await refused(a_spec(server.address.replace("http:", "https:")))
    assert isinstance(error, ProviderUnavailable)
    assert "does not speak TLS" in str(error)


@pytest.mark.parametrize("bundle", ["no certificate", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", ""])  # fmt: skip
async def test_a_bundle_that_holds_no_certificate_is_refused(bundle, serve):
    server = await serve(says(vector("1")), tls=True)
    error = await refused(a_spec(server.address, ca_bundle=bundle))
    assert "caBundle" in str(error)
    if bundle:
        assert isinstance(error, QueryError)


async def test_values_pass_from_the_server_to_the_report(serve):
    server = await serve(says(vector("97.3123")))
    metric = Metric(
        name="request-success-rate",
        asks=(Ask(query="q"),),
        provider=a_spec(server.address),
        interval=MINUTE,
        threshold_range=Bounds(min=99),
        unit="%",
    )
    async with Providers() as providers:
        report = await analyse([metric, replace(metric, name="other")], providers, NOW)
    assert report.verdict is Verdict.FAIL
    assert report.checks[0].message == "request success rate 97.31 % is below 99 %"
    assert len(server.requests) == 1


def test_the_certificates_of_these_tests_are_whole():
    context = ssl.create_default_context(cadata=AUTHORITY)
    assert context.cert_store_stats()["x509_ca"] == 1
