"""What the Slack notifier knows of Slack."""

import pytest

from canary.api.status import Severity
from canary.notifiers import Button, NotDelivered, NotifierConfig
from canary.notifiers.attachments import COLOURS, LONGEST_TEXT, message
from canary.notifiers.slack import SlackNotifier
from tests.notifiers.alerts import JSON, TOKEN, an_alert
from tests.receiver import Answer, Receiver


def bot(receiver: Receiver, path: str = "/api", channel: str = "releases") -> SlackNotifier:
    return SlackNotifier(
        NotifierConfig(address=f"{receiver.url}{path}", token=f"{TOKEN}\n", channel=channel)
    )


@pytest.mark.parametrize(
    ("error", "retryable", "said"),
    [
        ("channel_not_found", False, "channel_not_found (releases); correct the channel"),
        ("not_in_channel", False, "invite the bot"),
        ("invalid_auth", False, "renew the token"),
        ("missing_scope", False, "chat:write"),
        ("some_new_error", False, "some_new_error"),
        ("internal_error", True, "internal_error"),
        ("ratelimited", True, "ratelimited"),
    ],
)
async def test_an_error_of_the_api_is_named_with_its_remedy(
    receiver: Receiver, error: str, said: str, *, retryable: bool
) -> None:
    receiver.answers(Answer(body=f'{{"ok": false, "error": "{error}"}}'.encode(), headers=JSON))
    with pytest.raises(NotDelivered) as caught:
        await bot(receiver).send(an_alert())
    assert said in str(caught.value)
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("body", [b"fine", b"", b"[]", b'{"ok": 1', b'{"error": {}}', b"null"])
@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/json"])
async def test_an_answer_that_is_not_slacks_is_no_delivery(
    receiver: Receiver, body: bytes, content_type: str
) -> None:
    receiver.answers(Answer(body=body, headers={"Content-Type": content_type}))
    with pytest.raises(NotDelivered):
        await bot(receiver).send(an_alert())


@pytest.mark.parametrize("path", ["", "/", "/chat.postMessage"])
async def test_a_bots_address_may_be_that_of_the_api_or_of_the_method(
    receiver: Receiver, path: str
) -> None:
    receiver.answers(Answer(body=b'{"ok": true}', headers=JSON))
    await bot(receiver, path=f"/api{path}").send(an_alert())
    (request,) = receiver.requests
    assert request.path == "/api/chat.postMessage"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


async def test_a_bot_without_a_channel_is_told_so() -> None:
    with pytest.raises(NotDelivered, match="name one") as caught:
        await SlackNotifier(NotifierConfig(token=TOKEN)).send(an_alert())
    assert not caught.value.retryable


async def test_neither_address_nor_token_is_told_so() -> None:
    with pytest.raises(NotDelivered, match="incoming webhook, or a bot's token") as caught:
        await SlackNotifier(NotifierConfig()).send(an_alert())
    assert not caught.value.retryable


def test_each_severity_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(Severity)
    assert len(set(COLOURS.values())) == len(Severity)


def test_a_long_message_is_cut_to_what_slack_shows() -> None:
    written = message(an_alert(message="m" * 10_000), NotifierConfig(), escape=str)
    assert len(written["attachments"][0]["text"]) == LONGEST_TEXT


PRESSABLE = an_alert(
    reason="GateBlocked",
    buttons=tuple(
        Button(verb=verb, label="x" * 80, question="<!channel> y" * 40, reference="a/reference")
        for verb in ("approve", "reject", "abort", "later")
    ),
)


async def test_buttons_stand_beneath_the_alert_as_slack_takes_them(receiver: Receiver) -> None:
    receiver.answers(Answer(body=b'{"ok": true}', headers=JSON))
    await bot(receiver).send(PRESSABLE)
    await bot(receiver).update(PRESSABLE, "C1/1.2")
    for request in receiver.requests:
        said, beneath = request.document["attachments"]
        assert said == message(PRESSABLE, NotifierConfig(), escape=str)["attachments"][0]
        (block,) = beneath["blocks"]
        assert (block["type"], len(block["elements"])) == ("actions", 4)
        # https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
        for place, (button, element) in enumerate(
            zip(PRESSABLE.buttons, block["elements"], strict=True)
        ):
            assert element["action_id"] == f"tidegate.{button.verb}.{place}"
            assert element["value"] == "a/reference"
            assert element.get("style") in {"primary", "danger", None}
            assert len(element["text"]["text"]) == 75
            confirm = element["confirm"]
            assert [len(confirm[each]["text"]) for each in ("title", "text")] == [81, 300]
            texts = [element["text"], *confirm.values()]
            assert {each["type"] for each in texts} == {"plain_text"}


async def test_an_edit_without_buttons_takes_them_away(receiver: Receiver) -> None:
    receiver.answers(Answer(body=b'{"ok": true}', headers=JSON))
    await bot(receiver).update(an_alert(), "C1/1.2")
    assert len(receiver.requests[0].document["attachments"]) == 1


async def test_no_address_of_an_alert_is_opened_and_programs_read_which_run_it_is_of(
    receiver: Receiver,
) -> None:
    receiver.answers(Answer(body=b'{"ok": true}', headers=JSON))
    await bot(receiver).send(an_alert())
    await bot(receiver).send(an_alert(run=0))
    of_run, outside = (each.document for each in receiver.requests)
    assert (of_run["unfurl_links"], of_run["unfurl_media"]) == (False, False)
    assert of_run["metadata"]["event_payload"] == {
        "namespace": "test",
        "canary": "podinfo",
        "run": 7,
    }
    assert "metadata" not in outside
