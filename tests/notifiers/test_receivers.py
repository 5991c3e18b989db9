"""What notifiers know of the receivers they are for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from canary.api.status import Severity
from canary.notifiers import NOTIFIERS, NotDelivered, NotifierConfig
from canary.notifiers.posting import Posting, PostingNotifier
from tests.notifiers.alerts import JSON, TOKEN, an_alert
from tests.receiver import Answer, Receiver

HOSTILE = "@everyone <b>[click](https://evil.test)</b> *now* `x`"


def a_notifier(name: str, **config: str) -> PostingNotifier:
    notifier = NOTIFIERS.load(name)(NotifierConfig(**config))
    assert isinstance(notifier, PostingNotifier)
    return notifier


def posted(name: str, *, config: dict[str, str] | None = None, **alert: Any) -> list[Posting]:
    given = {"address": "https://receiver.test", "token": TOKEN} if config is None else config
    return list(a_notifier(name, **given).postings(an_alert(**alert)))


def written(name: str, **alert: Any) -> str:
    config = {"address": "https://receiver.test/hook"}
    (posting,) = posted(name, config=config, **alert)
    return json.dumps(posting.document, ensure_ascii=False)


def texts(document: object) -> Iterator[str]:
    """Give every text in a document."""
    match document:
        case str():
            yield document
        case dict() | list():
            for each in document.values() if isinstance(document, dict) else document:
                yield from texts(each)


@pytest.mark.parametrize("name", ["discord", "gchat", "mattermost", "msteams", "rocket"])
def test_a_text_of_others_calls_nobody_and_leads_nowhere(name: str) -> None:
    told = written(name, message=HOSTILE)
    match name:
        case "msteams":
            # Runs of text know no markup.
            assert told.count('"TextRun"') >= 2
            assert '"TextBlock"' not in told
        case "gchat":
            assert "<b>" not in told
        case "discord":
            assert '"allowed_mentions": {"parse": []}' in told
            assert r"\\[click\\](https" in told
        case _:
            assert "@everyone" not in told


def test_telegram_shows_a_text_of_others_as_it_is() -> None:
    (posting,) = posted("telegram", message=HOSTILE)
    told = json.dumps(posting.document)
    assert "&lt;b&gt;" in told
    assert "<b>[" not in told


@pytest.mark.parametrize(
    "name", ["discord", "gchat", "mattermost", "msteams", "rocket", "telegram", "opsgenie"]
)
def test_a_message_of_any_length_stays_under_what_the_receiver_takes(name: str) -> None:
    limits = {"discord": 6000, "msteams": 20 * 1024, "telegram": 4096}
    fields = tuple((f"Name {number}", "*" * 5000) for number in range(8))
    by_token = name in {"opsgenie", "telegram"}
    config = {"address": "https://receiver.test", "token": TOKEN if by_token else ""}
    (posting,) = posted(name, config=config, message="*" * 50_000, fields=fields)
    assert len("".join(texts(posting.document)).encode()) < limits.get(name, 16_000)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.webhook.office.com/webhookb2/x",
        "https://outlook.office.com/webhook/x",
        "https://outlook.office365.com/webhook/x",
    ],
)
def test_a_connector_that_microsoft_has_retired_is_named_with_the_way_out(address: str) -> None:
    with pytest.raises(NotDelivered, match="create the workflow") as caught:
        posted("msteams", config={"address": address})
    assert not caught.value.retryable
    assert address not in str(caught.value)


@pytest.mark.parametrize("name", ["opsgenie", "pagerduty", "telegram"])
def test_a_receiver_that_is_reached_by_its_key_alone_says_that_the_key_is_missing(
    name: str,
) -> None:
    with pytest.raises(NotDelivered, match="has no key token"):
        posted(name, config={"address": "https://receiver.test"})
    (first, *_) = posted(name, config={"token": TOKEN})
    assert first.address.startswith("https://")


def test_rockets_token_names_its_user() -> None:
    with pytest.raises(NotDelivered, match="USER-ID:TOKEN"):
        posted("rocket")
    (posting,) = posted(
        "rocket", config={"address": "https://chat.test/", "token": "U5:secret", "channel": "#ops"}
    )
    assert posting.address == "https://chat.test/api/v1/chat.postMessage"
    assert posting.headers == {"X-User-Id": "U5", "X-Auth-Token": "secret"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"success": false, "error": "no such room"}', "no such room"),
        (b'{"success": false}', "does not say why"),
    ],
)
async def test_rocket_refuses_with_a_200_that_says_so(
    receiver: Receiver, body: bytes, said: str
) -> None:
    receiver.answers(Answer(body=body, headers=JSON))
    with pytest.raises(NotDelivered, match=said) as caught:
        await a_notifier("rocket", address=f"{receiver.url}/hooks/x").send(an_alert())
    assert not caught.value.retryable


@pytest.mark.parametrize("body", [b"fine", b"[]", b'{"success": true}', b""])
async def test_any_other_200_of_rocket_is_a_delivery(receiver: Receiver, body: bytes) -> None:
    receiver.answers(Answer(body=body))
    await a_notifier("rocket", address=f"{receiver.url}/hooks/x").send(an_alert())
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"ok": false, "parameters": {"retry_after": 41}}', 41.0),
        (b'{"ok": false, "parameters": {"retry_after": "soon"}}', 7.0),
        (b'{"ok": false}', 7.0),
        (b"[]", 7.0),
        (b"slower", 7.0),
    ],
)
async def test_telegram_says_in_its_body_how_long_to_wait(
    receiver: Receiver, body: bytes, seconds: float
) -> None:
    receiver.answers(Answer(status=429, body=body, headers={**JSON, "Retry-After": "7"}))
    with pytest.raises(NotDelivered) as caught:
        await a_notifier("telegram", address=receiver.url, token=TOKEN).send(an_alert())
    assert caught.value.retry_after == seconds


def test_a_topic_of_a_telegram_chat_is_named_behind_a_colon() -> None:
    (posting,) = posted("telegram", config={"token": TOKEN, "channel": "-100:42"})
    assert isinstance(posting.document, dict)
    assert (posting.document["chat_id"], posting.document["message_thread_id"]) == ("-100", "42")


def test_google_chat_takes_a_repeat_for_the_same_message_and_a_run_for_one_thread() -> None:
    first, again, other = (
        posted("gchat", id=id_, reason=reason)[0]
        for id_, reason in (("1", "RunStarted"), ("1", "RunStarted"), ("2", "Promoted"))
    )
    assert first.address == again.address != other.address
    for posting in (first, other):
        assert isinstance(posting.document, dict)
        assert posting.document["thread"] == {"threadKey": "test/podinfo/7-5d8c9f"}


FAILED = {"reason": "RolledBack", "severity": Severity.ERROR}
WAITS = {"reason": "GateBlocked", "severity": Severity.WARN}
BEGUN = {"reason": "RunStarted", "severity": Severity.INFO}
ENDED = {"reason": "Promoted", "severity": Severity.INFO}


def test_pagerduty_pages_for_what_has_failed_and_resolves_when_all_is_well() -> None:
    def actions(alert: dict[str, Any]) -> list[str]:
        documents = [posting.document for posting in posted("pagerduty", **alert)]
        assert all(isinstance(each, dict) for each in documents)
        return [each.get("event_action", "change") for each in documents if isinstance(each, dict)]

    assert actions(FAILED) == ["trigger"]
    assert actions(WAITS) == ["change"]
    assert actions(BEGUN) == ["change"]
    assert actions(ENDED) == ["resolve", "change"]


def test_an_incident_is_the_canarys_whatever_opens_it() -> None:
    keys = {
        posting.document["dedup_key"]
        for alert in (FAILED, ENDED, {**FAILED, "reason": "PromotionFailed"})
        for posting in posted("pagerduty", **alert)
        if isinstance(posting.document, dict) and "dedup_key" in posting.document
    }
    assert keys == {"blue/test/podinfo"}


def test_opsgenie_opens_alerts_by_their_weight_and_closes_them_by_the_canary() -> None:
    (opened,) = posted("opsgenie", **FAILED)
    (waits,) = posted("opsgenie", **WAITS)
    (closed,) = posted("opsgenie", **ENDED)
    assert isinstance(opened.document, dict)
    assert isinstance(waits.document, dict)
    assert (opened.document["priority"], waits.document["priority"]) == ("P2", "P4")
    assert closed.address.endswith("/blue%2Ftest%2Fpodinfo/close?identifierType=alias")


def test_alertmanager_fires_for_a_day_and_resolves_both_kinds() -> None:
    (fired,) = posted("alertmanager", **FAILED)
    (resolved,) = posted("alertmanager", **ENDED)
    assert posted("alertmanager", **BEGUN) == []
    assert isinstance(fired.document, list)
    assert isinstance(resolved.document, list)
    (alert,) = fired.document
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-01-01T12:30:00Z", "2026-01-02T12:30:00Z")
    labels = [each["labels"] for each in resolved.document]
    assert alert["labels"] in labels
    assert {each["endsAt"] for each in resolved.document} == {"2026-01-01T12:30:00Z"}
    assert [each["alertname"] for each in labels] == ["TidegateRunFailed", "TidegateRunWaits"]


def test_an_event_names_the_canary_as_its_source_and_the_revision_as_its_subject() -> None:
    (posting,) = posted("cloudevents")
    (bare,) = posted("cloudevents", cluster="", revision="")
    assert isinstance(posting.document, dict)
    assert isinstance(bare.document, dict)
    assert posting.document["source"] == (
        "/clusters/blue/apis/tidegate.dev/namespaces/test/canaries/podinfo"
    )
    assert bare.document["source"] == "/apis/tidegate.dev/namespaces/test/canaries/podinfo"
    assert (posting.document["subject"], bare.document.get("subject")) == ("5d8c9f", None)
