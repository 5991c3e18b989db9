"""What the notifier for webhooks sends besides its body."""

import hmac
import json
import re

import pytest

from canary.notifiers import NotDelivered, NotifierConfig
from canary.notifiers.payload import payload, whole_payload
from canary.notifiers.posting import as_sent
from canary.notifiers.webhook import WebhookNotifier
from canary.notifiers.whole import NOTHING_MORE
from tests.notifiers.alerts import TOKEN, an_alert
from tests.receiver import Receiver


async def test_the_id_of_an_alert_is_the_idempotency_key_of_each_repeat(receiver: Receiver) -> None:
    notifier = WebhookNotifier(NotifierConfig(address=receiver.url))
    await notifier.send(an_alert(id="a/1"))
    await notifier.send(an_alert(id="a/1"))
    assert [each.headers["Idempotency-Key"] for each in receiver.requests] == ["a/1", "a/1"]


async def test_a_token_is_sent_as_a_bearer_token(receiver: Receiver) -> None:
    await WebhookNotifier(NotifierConfig(address=receiver.url, token=f"{TOKEN}\n")).send(an_alert())
    assert receiver.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


async def test_without_a_token_there_is_no_authorization(receiver: Receiver) -> None:
    await WebhookNotifier(NotifierConfig(address=receiver.url)).send(an_alert())
    assert "Authorization" not in receiver.requests[0].headers


async def test_with_a_key_the_body_is_signed_as_its_page_says(receiver: Receiver) -> None:
    config = NotifierConfig(address=receiver.url, signing_key="k3y")
    alert = an_alert()
    await WebhookNotifier(config).send(alert)
    (sent,) = receiver.requests
    signature = sent.headers["X-Tidegate-Signature"]
    moment, digest = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", signature).groups()
    signed = hmac.new(b"k3y", f"{moment}.".encode() + sent.body, "sha256").hexdigest()
    assert (int(moment), digest) == (int(alert.at.timestamp()), signed)
    other = WebhookNotifier(NotifierConfig(address=receiver.url, signing_key="other"))
    await other.send(alert)
    assert receiver.requests[1].headers["X-Tidegate-Signature"] != signature


async def test_version_1_is_what_is_sent_where_nothing_is_chosen_byte_for_byte(
    receiver: Receiver,
) -> None:
    for settings in ({}, {"version": 1}, {"version": 2}):
        config = NotifierConfig(address=receiver.url, settings=settings)
        await WebhookNotifier(config).send(an_alert())
    first, second, third = (each.body for each in receiver.requests)
    assert first == second == as_sent(payload(an_alert()))
    assert third == as_sent(whole_payload(an_alert()))
    added = {"version", "previous", "links", "view"}
    assert json.loads(third).keys() - json.loads(first).keys() == added


async def test_version_2_outside_of_a_run_and_without_what_came_before_says_so(
    receiver: Receiver,
) -> None:
    config = NotifierConfig(address=receiver.url, settings={"version": 2})
    await WebhookNotifier(config).send(an_alert(whole=NOTHING_MORE, run=0))
    document = receiver.requests[0].document
    assert (document["run"], document["previous"], document["view"]) == (None, None, {})
    assert document["links"] == dict.fromkeys(("dashboard", "run", "logs", "runbook"), "")


async def test_without_a_key_nothing_is_signed(receiver: Receiver) -> None:
    await WebhookNotifier(NotifierConfig(address=receiver.url, token=TOKEN)).send(an_alert())
    assert "X-Tidegate-Signature" not in receiver.requests[0].headers


async def test_a_proxy_is_used(receiver: Receiver) -> None:
    config = NotifierConfig(address="http://chat.test/x", proxy=receiver.url)
    await WebhookNotifier(config).send(an_alert())
    assert receiver.requests[0].headers["Host"] == "chat.test"


async def test_no_address_is_told_so() -> None:
    with pytest.raises(NotDelivered, match="cannot be called") as caught:
        await WebhookNotifier(NotifierConfig()).send(an_alert())
    assert not caught.value.retryable
