"""What notifiers know of the receivers they are for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from canary.api.status import Severity
from canary.notifiers import NOTIFIERS, NotDelivered, NotifierConfig
from canary.notifiers.cdevents import package_url
from canary.notifiers.posting import Posting, PostingNotifier
from tests.notifiers.alerts import JSON, TOKEN, an_alert
from tests.receiver import Answer, Receiver

HOSTILE = "@everyone <b>[click](https://evil.test)</b> *now* `x`"


def a_notifier(name: str, **config: Any) -> PostingNotifier:
    notifier = NOTIFIERS.load(name)(NotifierConfig(**config))
    assert isinstance(notifier, PostingNotifier)
    return notifier


def posted(name: str, *, config: dict[str, Any] | None = None, **alert: Any) -> list[Posting]:
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
TRIED_AGAIN = {**BEGUN, "again": True}


def test_pagerduty_pages_for_what_has_failed_and_resolves_when_all_is_well() -> None:
    def actions(alert: dict[str, Any]) -> list[str]:
        documents = [posting.document for posting in posted("pagerduty", **alert)]
        assert all(isinstance(each, dict) for each in documents)
        return [each.get("event_action", "change") for each in documents if isinstance(each, dict)]

    assert actions(FAILED) == ["trigger"]
    assert actions(WAITS) == ["change"]
    assert actions(BEGUN) == ["change"]
    assert actions(ENDED) == ["resolve", "change"]
    assert actions(TRIED_AGAIN) == ["resolve", "change"]


@pytest.mark.parametrize("pages", [False, True])
def test_a_gate_calls_who_is_on_call_where_that_is_chosen_and_other_warnings_do_not(
    pages: bool,
) -> None:
    config = {"token": TOKEN, "settings": {"pageOnGates": pages}}
    held = {**WAITS, "reason": "RunHeld"}

    def urgency(alert: dict[str, Any]) -> tuple[object, ...]:
        (page,) = posted("pagerduty", config=config, **alert)
        (ticket,) = posted("opsgenie", config=config, **alert)
        assert isinstance(page.document, dict)
        assert isinstance(ticket.document, dict)
        payload = page.document["payload"]
        return (
            page.document.get("event_action"),
            payload.get("severity"),
            ticket.document["priority"],
        )

    assert urgency(WAITS) == (("trigger", "warning", "P2") if pages else (None, None, "P4"))
    assert urgency(held) == (None, None, "P4")
    assert urgency(FAILED) == ("trigger", "error", "P2")


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


@pytest.mark.parametrize(
    ("name", "address", "said"),
    [
        ("opsgenie", "https://api.opsgenie.com/v2/alerts", "Opsgenie ends on 5 April 2027"),
        ("opsgenie", "https://api.eu.opsgenie.com", "Opsgenie ends on 5 April 2027"),
        ("opsgenie", "https://opsgenie.test/api.opsgenie.com", ""),
        ("opsgenie", "", ""),
        ("msteams", "https://teams.test", "before its workflow has run"),
        ("webhook", "https://hooks.test", ""),
    ],
)
def test_who_tries_a_receiver_out_reads_what_an_answer_does_not_say(
    name: str, address: str, said: str
) -> None:
    told = a_notifier(name, address=address, token=TOKEN).remark
    assert bool(told) == bool(said)
    assert said in told


def test_alertmanager_fires_for_a_day_and_resolves_both_kinds() -> None:
    (fired,) = posted("alertmanager", **FAILED)
    (resolved,) = posted("alertmanager", **ENDED)
    assert posted("alertmanager", **BEGUN) == []
    assert len(posted("alertmanager", **TRIED_AGAIN)[0].document) == 2
    assert isinstance(fired.document, list)
    assert isinstance(resolved.document, list)
    (alert,) = fired.document
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-01-01T12:30:00Z", "2026-01-02T12:30:00Z")
    labels = [each["labels"] for each in resolved.document]
    assert alert["labels"] in labels
    assert {each["endsAt"] for each in resolved.document} == {"2026-01-01T12:30:00Z"}
    assert [each["alertname"] for each in labels] == ["TidegateRunFailed", "TidegateRunWaits"]


DIGEST = f"sha256:{'0123456789abcdef' * 4}"
SERVING = f"registry.test:5000/web/Shop:6.1@{DIGEST}"
ENCODED = DIGEST.replace(":", "%3A")
IN_REGISTRY = "repository_url=registry.test%3A5000/web/Shop&tag=6.1"


@pytest.mark.parametrize(
    ("image", "url"),
    [
        (f"shop@{DIGEST}", f"pkg:oci/shop@{ENCODED}?repository_url=shop"),
        (SERVING, f"pkg:oci/shop@{ENCODED}?{IN_REGISTRY}"),
        ("shop:6.1", ""),
        ("shop@sha256:short", ""),
        ("", ""),
    ],
)
def test_an_image_is_a_package_by_its_digest_alone(image: str, url: str) -> None:
    assert package_url(image) == url


@pytest.mark.parametrize(
    ("format_", "alert", "types"),
    [
        ("cdevents", {**ENDED, "serving": SERVING}, ["dev.tidegate.promoted.v1", "dev.cdevents.service.upgraded.0.3.0"]),
        ("cdevents", {**FAILED, "serving": SERVING}, ["dev.tidegate.rolledback.v1", "dev.cdevents.service.rolledback.0.3.0"]),
        ("cdevents", {**ENDED, "serving": "shop:6.1"}, ["dev.tidegate.promoted.v1"]),
        ("cdevents", {**BEGUN, "serving": SERVING}, ["dev.tidegate.runstarted.v1"]),
        ("alerts", {**ENDED, "serving": SERVING}, ["dev.tidegate.promoted.v1"]),
    ],
)  # fmt: skip
def test_an_end_that_changes_what_serves_is_an_event_of_cdevents_where_that_is_chosen(
    format_: str, alert: dict[str, Any], types: list[str]
) -> None:
    config = {"address": "https://receiver.test", "settings": {"format": format_}}
    sent = posted("cloudevents", config=config, **alert)
    assert [each.document["type"] for each in sent] == types
    # A receiver that drops what it has seen takes both.
    keys = [each.headers["Idempotency-Key"] for each in sent]
    assert keys == [each.document["id"] for each in sent]
    assert len({*keys}) == len(sent)


def test_an_event_of_cdevents_is_carried_as_its_specification_asks() -> None:
    config = {"address": "https://receiver.test", "settings": {"format": "cdevents"}}
    own, carried = posted("cloudevents", config=config, **ENDED, serving=SERVING)
    event, context = carried.document, carried.document["data"]["context"]
    assert {name: event[name] for name in ("id", "source", "type")} == {
        name: context[name] for name in ("id", "source", "type")
    }
    assert (event["time"], event["specversion"]) == (context["timestamp"], "1.0")
    assert context.keys() == {"specversion", "id", "source", "type", "timestamp"}
    assert event["source"] == own.document["source"]
    subject = event["data"]["subject"]
    assert event["subject"] == subject["id"] == "test/podinfo"
    assert subject["content"] == {
        "environment": {"id": "blue/test"},
        "artifactId": package_url(SERVING),
    }


def test_who_is_on_call_finds_the_runbook_the_logs_and_the_dashboard() -> None:
    places = {
        "link": "https://tidegate.test/c/test/podinfo",
        "runbook": "https://wiki.test/RolledBack",
        "logs": "https://logs.test/podinfo",
    }
    (page,) = posted("pagerduty", **FAILED, **places)
    (fired,) = posted("alertmanager", **FAILED, **places)
    (bare,) = posted("alertmanager", **FAILED)
    assert isinstance(page.document, dict)
    assert page.document["client_url"] == places["link"]
    assert [each["href"] for each in page.document["links"]] == [*places.values()]
    annotations = fired.document[0]["annotations"]
    assert annotations["runbook_url"] == places["runbook"]
    assert annotations["description"] == an_alert().message
    assert "runbook_url" not in bare.document[0]["annotations"]


def test_an_event_is_of_the_trace_of_its_run() -> None:
    span = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    (traced,) = posted("cloudevents", traceparent=span)
    (bare,) = posted("cloudevents")
    assert traced.document["traceparent"] == span
    assert "traceparent" not in bare.document


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
