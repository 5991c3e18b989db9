"""What the notifier for webhooks sends besides its body."""

import pytest

from canary.notifiers import NotDelivered, NotifierConfig
from canary.notifiers.webhook import WebhookNotifier
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


async def test_a_proxy_is_used(receiver: Receiver) -> None:
    config = NotifierConfig(address="http://chat.test/x", proxy=receiver.url)
    await WebhookNotifier(config).send(an_alert())
    assert receiver.requests[0].headers["Host"] == "chat.test"


async def test_no_address_is_told_so() -> None:
    with pytest.raises(NotDelivered, match="cannot be called") as caught:
        await WebhookNotifier(NotifierConfig()).send(an_alert())
    assert not caught.value.retryable
