"""Identities: tokens that expire, requests that are signed, and where the controller's own may go."""

import asyncio
import hmac
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from analysis.errors import AnalysisError, LoginRefused, ProviderUnavailable, QueryError
from analysis.http.exchange import HttpAnswer, Outgoing
from analysis.identities import entra, google, oauth2
from analysis.identities.aws import AwsSigner
from analysis.identities.tokens import Token, TokenSigner, read_token
from analysis.model import Credentials, ProviderSpec
from analysis.providers.connection import ProviderConnection
from tests.analysis.servers import FakeServer, says

REQUEST = Outgoing(
    method="POST",
    url="https://monitoring.eu-west-1.amazonaws.com/?a=b",
    headers={"content-type": "application/json", "user-agent": "x", "x-amz-target": "T"},
    content=b"{}",
)
AWS_KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "s3cr3t"}


def posts_to(server: FakeServer):
    """Give what posts a form to a server, as a provider does."""
    connection = ProviderConnection(ProviderSpec(type="any", address=server.address), presented=())

    async def post(address, form, headers=None) -> HttpAnswer:
        return await connection.fetch(address, form=form, headers=headers)

    return post, connection


def issues(seconds: object = 3600) -> object:
    return says({"access_token": "t0ken", "token_type": "Bearer", "expires_in": seconds})


async def test_a_token_is_fetched_once_for_all_who_ask_together():
    fetched = 0

    async def fetch() -> Token:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0)
        return Token("t0ken", 3600)

    sign = TokenSigner(fetch)
    headers = await asyncio.gather(*(sign(REQUEST) for _ in range(5)))
    assert headers == [{"Authorization": "Bearer t0ken"}] * 5
    assert fetched == 1
    sign.renew()
    await sign(REQUEST)
    assert fetched == 2


async def test_a_token_that_has_ended_is_fetched_again_and_a_failure_is_not_kept():
    answers = [Token("first", 0.0), ProviderUnavailable("down"), Token("second", 3600)]

    async def fetch() -> Token:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    sign = TokenSigner(fetch)
    assert await sign(REQUEST) == {"Authorization": "Bearer first"}
    with pytest.raises(ProviderUnavailable):
        await sign(REQUEST)
    assert await sign(REQUEST) == {"Authorization": "Bearer second"}


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (400, {"error": "invalid_client", "error_description": "s3cr3t"}, LoginRefused, "invalid_client"),
        (401, "no", LoginRefused, "answers 401"),
        (200, {}, ProviderUnavailable, "without a token"),
        (200, "<html>", ProviderUnavailable, "without a token"),
        (503, "", ProviderUnavailable, "answers 503"),
    ],
)  # fmt: skip
def test_what_is_no_token_is_an_error_that_shows_no_more_than_a_code(status, body, error, told):
    payload = body.encode() if isinstance(body, str) else orjson.dumps(body)
    answer = HttpAnswer(status=status, media_type="", body=payload)
    with pytest.raises(AnalysisError, match=told) as raised:
        read_token(answer, "https://issuer")
    assert type(raised.value) is error
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(("said", "seconds"), [(60, 60), (None, 300), ("soon", 300), (-1, 300)])
def test_a_token_that_does_not_say_how_long_it_is_good_is_good_for_a_short_while(said, seconds):
    body = orjson.dumps({"access_token": "t0ken", "expires_in": said})
    token = read_token(HttpAnswer(status=200, media_type="", body=body), "https://issuer")
    assert token == Token("t0ken", seconds)
    assert "t0ken" not in repr(token)


async def test_a_client_is_given_a_token_for_its_credentials(serve):
    server = await serve(issues())
    post, connection = posts_to(server)
    keys = {"client_id": "shop", "client_secret": "s3cr3t"}
    fetch = oauth2.client_credentials(keys, server.address, post, more={"scope": "metrics"})
    assert await fetch() == Token("t0ken", 3600)
    await connection.close()
    assert server.parameters == [{"grant_type": "client_credentials", "scope": "metrics"}]
    assert server.requests[0].headers["Authorization"] == "Basic c2hvcDpzM2NyM3Q="


async def test_an_application_of_azure_is_given_a_token_for_its_secret(serve):
    server = await serve(issues())
    post, connection = posts_to(server)
    keys = {"tenant_id": "tenant", "client_id": "shop", "client_secret": "s3cr3t"}
    await entra.source(keys, "https://resource", post, authority=server.address)()
    await connection.close()
    assert server.requests[0].path == "/tenant/oauth2/v2.0/token"
    assert server.parameters == [
        {
            "grant_type": "client_credentials",
            "scope": "https://resource/.default",
            "client_id": "shop",
            "client_secret": "s3cr3t",
        }
    ]


async def test_a_pod_of_azure_is_given_a_token_for_that_of_its_service_account(serve, tmp_path):
    server = await serve(issues())
    post, connection = posts_to(server)
    file = tmp_path / "token"
    environment = {
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "shop",
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
    }
    fetch = entra.source(
        {}, "https://resource", post, authority=server.address, environment=environment
    )
    with pytest.raises(ProviderUnavailable, match="No such file"):
        await fetch()
    file.write_text("of the pod\n")
    await fetch()
    await connection.close()
    assert server.parameters[0]["client_assertion"] == "of the pod"
    with pytest.raises(LoginRefused, match="federate its service account"):
        await entra.source({}, "https://resource", post, environment={})()


def a_key() -> str:
    """Make the key of a service account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    account = {
        "type": "service_account",
        "client_email": "shop@shop-1.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": pem,
        "token_uri": "http://169.254.169.254/steal",
    }
    return orjson.dumps(account).decode()


async def test_a_service_account_s_key_is_presented_to_google_wherever_it_points_itself(serve):
    server = await serve(issues())
    post, connection = posts_to(server)
    assert await google.of_key(a_key(), post, server.address)() == Token("t0ken", 3600)
    await connection.close()
    (form,) = server.parameters
    part = form["assertion"].split(".")[1]
    claims = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert claims["iss"] == "shop@shop-1.iam.gserviceaccount.com"
    assert claims["aud"] == server.address
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize("key", ["", "{}", "no", '{"client_email": "a", "private_key": "b"}'])
def test_what_is_no_key_of_a_service_account_is_said_without_showing_it(key):
    with pytest.raises(QueryError, match="no key of a service account"):
        google.signed(key, 0.0)


async def test_a_request_to_aws_is_signed_as_aws_verifies_it():
    headers = await AwsSigner(region="eu-west-1", service="monitoring", keys=AWS_KEYS)(REQUEST)
    moment = headers["X-Amz-Date"]
    names = "content-type;host;x-amz-date;x-amz-target"
    canonical = (
        "POST\n/\na=b\ncontent-type:application/json\n"
        f"host:monitoring.eu-west-1.amazonaws.com\nx-amz-date:{moment}\nx-amz-target:T\n\n"
        f"{names}\n{sha256(b'{}').hexdigest()}"
    )
    scope = f"{moment[:8]}/eu-west-1/monitoring/aws4_request"
    told = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4s3cr3t"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, told.encode(), "sha256").hex()
    assert headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    age = datetime.now(UTC) - datetime.strptime(moment + "+0000", "%Y%m%dT%H%M%SZ%z")
    assert abs(age.total_seconds()) < 600


@pytest.mark.parametrize(
    "url",
    [
        "http://monitoring.eu-west-1.amazonaws.com/",
        "https://evil.example/aps-workspaces.amazonaws.com",
        "https://amazonaws.com.evil.example/",
        "https://evilamazonaws.com/",
        "https://ec2-203-0-113-1.compute-1.amazonaws.com/",
    ],
)
async def test_the_controller_s_own_credentials_of_aws_go_to_aws_alone(url):
    sign = AwsSigner(region="eu-west-1", service="aps", keys={})
    with pytest.raises(QueryError, match="are for CloudWatch and Managed Prometheus"):
        await sign(replace(REQUEST, url=url))


def test_no_identity_shows_what_it_has():
    spec = ProviderSpec(
        type="cloudwatch", credentials=Credentials(others=tuple(AWS_KEYS.items())), region="a"
    )
    assert "s3cr3t" not in repr(spec)
