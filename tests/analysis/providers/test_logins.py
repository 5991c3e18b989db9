"""Every way in which Prometheus and its kin let a request in, as one seam."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analysis.errors import AnalysisError, LoginRefused, ProviderUnavailable, QueryError
from analysis.model import Credentials, Outcome, ProviderSpec, Sample
from analysis.providers import check, places
from analysis.providers.history import History
from analysis.providers.prometheus import PrometheusProvider
from tests.analysis.servers import in_turn, says, vector
from tests.certificates import authority_pem, client_pair

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLIENT = {"client_id": "shop", "client_secret": "s3cr3t"}
AWS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "s3cr3t"}
TOKEN = says({"access_token": "t0ken", "expires_in": 3600})


def a_spec(address: str, keys=(), region: str = "", **options: str) -> ProviderSpec:
    return ProviderSpec(
        type="prometheus",
        address=address,
        region=region,
        options=tuple(sorted(options.items())),
        credentials=Credentials(others=tuple(dict(keys).items())),
    )


async def asked(spec: ProviderSpec, times: int = 1) -> list[Outcome | AnalysisError]:
    provider, found = PrometheusProvider(spec), []
    try:
        async with asyncio.timeout(180):
            for _ in range(times):
                try:
                    found.append(await provider.query("up", NOW, timedelta(minutes=1)))
                except AnalysisError as error:
                    found.append(error)
    finally:
        await provider.close()
    return found


async def test_a_client_s_token_is_fetched_once_and_presented_with_each_query(serve):
    store, issuer = await serve(says(vector("5"))), await serve(TOKEN)
    spec = a_spec(
        store.address, CLIENT, auth="oauth2", tokenUrl=f"{issuer.address}/token", scope="read"
    )
    spec = replace(spec, headers=(("X-Scope-OrgID", "a"),))
    assert await asked(spec, times=2) == [Sample(value=5, at=NOW)] * 2
    assert [each.headers["Authorization"] for each in store.requests] == ["Bearer t0ken"] * 2
    assert issuer.parameters == [{"grant_type": "client_credentials", "scope": "read"}]
    assert "X-Scope-OrgID" not in issuer.requests[0].headers


async def test_a_token_that_the_store_refuses_is_fetched_again_for_the_next_query(serve):
    store = await serve(in_turn([says("", status=401), says(vector("5"))]))
    issuer = await serve(TOKEN)
    spec = a_spec(store.address, CLIENT, auth="oauth2", tokenUrl=issuer.address)
    refused, answered = await asked(spec, times=2)
    assert isinstance(refused, LoginRefused)
    assert answered == Sample(value=5, at=NOW)
    assert len(issuer.requests) == 2


async def test_where_no_token_is_given_the_store_is_not_asked(serve):
    store = await serve(says(vector("5")))
    issuer = await serve(says({"error": "invalid_client"}, status=401))
    spec = a_spec(store.address, CLIENT, auth="oauth2", tokenUrl=issuer.address)
    (outcome,) = await asked(spec)
    assert isinstance(outcome, LoginRefused)
    assert "invalid_client" in str(outcome)
    assert not store.requests


async def test_where_tokens_come_from_the_certificates_of_the_store_count_for_nothing(serve):
    store, issuer = await serve(says(vector("5"))), await serve(TOKEN, tls=True)
    spec = a_spec(store.address, CLIENT, auth="oauth2", tokenUrl=issuer.address)
    for each in (
        replace(spec, insecure_skip_verify=True),
        replace(spec, ca_bundle=authority_pem()),
    ):
        (outcome,) = await asked(each)
        assert isinstance(outcome, ProviderUnavailable)
        assert "is not trusted" in str(outcome)
    assert not store.requests


async def test_a_query_is_signed_for_managed_prometheus(serve):
    store = await serve(says(vector("5")))
    spec = a_spec(store.address, AWS, region="eu-west-1", auth="sigv4")
    assert await asked(spec) == [Sample(value=5, at=NOW)]
    authorization = store.requests[0].headers["Authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/aps/aws4_request" in authorization


async def test_a_certificate_of_the_secret_is_presented(serve):
    store = await serve(says(vector("5")), tls=True, mutual=True)
    certificate, key = client_pair()
    spec = replace(a_spec(store.address), ca_bundle=authority_pem())
    (refused,) = await asked(spec)
    assert isinstance(refused, AnalysisError)
    pair = Credentials(others=(("tls.crt", certificate), ("tls.key", key)))
    assert await asked(replace(spec, credentials=pair)) == [Sample(value=5, at=NOW)]


@pytest.mark.parametrize("keys", [{"tls.crt": "no"}, {"tls.key": "no"}])
def test_what_is_no_certificate_with_its_key_is_said_without_showing_it(keys):
    with pytest.raises(QueryError, match="are no certificate with its key"):
        PrometheusProvider(a_spec("https://127.0.0.1", keys))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (a_spec("http://a", auth="kerberos"), "auth: write one of azure, google, oauth2, sigv4"),
        (a_spec("http://a", scope="read"), "scope: it is read with the option auth alone"),
        (a_spec("http://a", CLIENT, auth="oauth2"), "tokenUrl: oauth2 needs one"),
        (a_spec("http://a", auth="oauth2", tokenUrl="http://b"), "needs the key client_id"),
        (a_spec("http://a", auth="sigv4"), "provider.region: sigv4 needs one"),
        (a_spec("https://evil.example", auth="google"), r"for https://monitoring\.googleapis\.com"),
        (a_spec("http://monitoring.googleapis.com", auth="google"), r"for https://"),
        (a_spec("https://[::1", auth="google"), r"for https://"),
        (a_spec("https://storage.googleapis.com", auth="google"), r"for https://"),
        (a_spec("https://evil.eastus.cloudapp.azure.com", auth="azure"), r"for https://\*"),
        (a_spec("https://evilazure.com", auth="azure"), r"for https://\*"),
        (a_spec("https://evil.example", auth="azure"), r"for https://\*\.prometheus"),
        (a_spec("http://a", {"client_id": "a"}, auth="azure"), "no key tenant_id"),
    ],
)
def test_what_a_way_in_lacks_is_known_before_anything_is_asked(spec, told):
    with pytest.raises(QueryError, match=told):
        check(spec)


@pytest.mark.parametrize(
    "spec",
    [
        a_spec("http://a"),
        a_spec("http://a", {"serviceAccountKey": "{}"}, auth="google"),
        a_spec("https://monitoring.googleapis.com", auth="google"),
        a_spec("https://shop.eastus.prometheus.monitor.azure.com", auth="azure"),
        a_spec("http://a", {**CLIENT, "tenant_id": "t"}, auth="azure"),
    ],
)
def test_what_has_all_that_it_needs_is_let_through(spec):
    check(spec)


def test_a_secret_goes_to_the_store_and_to_where_tokens_come_from():
    spec = a_spec("http://a", CLIENT, auth="oauth2", tokenUrl="http://b/token")
    assert places(spec) == ("http://a", "http://b/token")
    assert places(a_spec("http://a")) == ("http://a",)


async def test_history_says_that_it_presents_no_tokens_that_expire():
    with pytest.raises(QueryError, match="the option auth"):
        History(a_spec("http://a", AWS, region="a", auth="sigv4"))
