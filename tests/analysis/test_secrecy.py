"""No secret is in a text that others wrote, however the text ends."""

from datetime import UTC, datetime, timedelta

import pytest

from analysis.model import Credentials, ProviderSpec
from analysis.providers import secret_keys
from analysis.providers.prometheus import PrometheusProvider
from analysis.secrecy import hide_suspicious, shown_address, shown_text, userinfo
from canary.settings import Settings
from tests.analysis.servers import says

TOKEN = "token-value-that-is-long-enough-to-be-cut"


async def test_a_secret_that_the_end_of_an_error_cuts_in_two_is_hidden(serve):
    body = f'{{"status": "error", "errorType": "x", "error": "{"e" * 275}{TOKEN}"}}'
    server = await serve(says(body, status=500))
    spec = ProviderSpec(
        type="prometheus", address=server.address, credentials=Credentials(token=TOKEN)
    )
    provider = PrometheusProvider(spec)
    with pytest.raises(Exception, match="answers 500") as caught:
        await provider.query("up", datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1))
    await provider.close()
    assert "token-value" not in str(caught.value)
    assert "***" in str(caught.value)


def test_of_a_text_that_was_cut_off_the_rest_of_a_secret_is_hidden():
    assert "token" not in shown_text(f"you sent {TOKEN[:-4]}", (TOKEN,), cut=True)


@pytest.mark.parametrize(
    "unit", ["x", "a.", "://", "a://b", "eyj1234-", "token = ", "basic ", "cookie:"]
)
def test_a_long_text_is_looked_through_once(unit: str):
    """Looked through from each of its characters, this would take minutes."""
    text = hide_suspicious("x: " + unit * (200_000 // len(unit)))
    assert len(text) > 1000 or "***" in text


def test_an_address_gives_its_password_away_in_no_form():
    address = "https://ada:pass%20word@host:9090/path?key=x"
    assert shown_address(address) == "https://host:9090/path"
    assert shown_text("ada:pass%20word pass word YWRhOnBhc3Mgd29yZA==", userinfo(address)) == (
        "*** *** ***"
    )


def test_flags_read_the_durations_that_manifests_hold():
    assert Settings.read({"TIDEGATE_DRAIN": "2000000us"}, {}).drain == timedelta(seconds=2)


def test_the_values_of_keys_that_a_provider_names_are_secrets_too():
    spec = ProviderSpec(type="any", credentials=Credentials(others=(("api-key", TOKEN),)))
    assert spec.redact(f"you sent {TOKEN}") == "you sent ***"
    assert TOKEN not in repr(spec)
    assert "api-key" in repr(spec)


def test_a_provider_that_names_no_keys_gets_those_of_prometheus():
    assert secret_keys("scrape") == ("token", "username", "password")
