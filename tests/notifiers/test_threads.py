"""What every notifier does whose receiver has threads, or messages that can be edited."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from canary.notifiers import NOTIFIERS, MessageGone, NotDelivered, NotifierConfig
from canary.notifiers.defaults import NotifierDefaults
from tests.case import NotifierCase, notifier_cases
from tests.notifiers.alerts import EDIT, REPLY, ROOT, TOKEN
from tests.receiver import Answer, Receiver

GOLDEN = Path(__file__).parents[1] / "golden" / "threads"
NAMED = [case for case in notifier_cases() if case.ref]
EDITED = [case for case in NAMED if case.gone is not None]
ANSWERED = [case for case in NAMED if case.make("").threads]
named = pytest.mark.parametrize("case", NAMED, ids=lambda case: case.name)
edited = pytest.mark.parametrize("case", EDITED, ids=lambda case: case.name)
answered = pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)


def check_golden(case: NotifierCase, what: str, receiver: Receiver, *, update: bool) -> None:
    """Compare the last request with what the golden file holds."""
    last = receiver.requests[-1]
    sent = {"method": last.method, "path": last.path, "body": last.document}
    file = GOLDEN / case.name / f"{what}.json"
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(sent, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert sent == json.loads(file.read_text(encoding="utf-8"))


def test_the_receivers_with_threads_or_edits_are_these() -> None:
    posting = {case.notifier for case in NAMED}
    assert posting == {"discord", "gchat", "mattermost", "rocket", "slack", "telegram"}
    able = posting | {"email"}
    for name in NOTIFIERS.names():
        notifier = NOTIFIERS.load(name)(NotifierConfig())
        assert (notifier.threads or notifier.edits) == (name in able), name


@pytest.mark.parametrize("case", notifier_cases(), ids=lambda case: case.name)
async def test_the_first_message_is_named_where_it_can_be_answered_or_edited(
    case: NotifierCase, receiver: Receiver
) -> None:
    receiver.answers(case.success)
    assert (await case.make(receiver.url).send(ROOT) or "") == case.ref
    assert len(case.ref) <= 512


@answered
async def test_a_reply_names_its_thread(
    case: NotifierCase, receiver: Receiver, *, update_golden: bool
) -> None:
    receiver.answers(case.success)
    await case.make(receiver.url).send(REPLY, case.ref)
    check_golden(case, "reply", receiver, update=update_golden)


@edited
async def test_an_edit_changes_the_message_that_is_named(
    case: NotifierCase, receiver: Receiver, *, update_golden: bool
) -> None:
    receiver.answers(case.success)
    await case.make(receiver.url).update(EDIT, case.ref)
    check_golden(case, "edit", receiver, update=update_golden)


@edited
async def test_an_edit_of_a_deleted_message_says_so(case: NotifierCase, receiver: Receiver) -> None:
    assert case.gone is not None
    receiver.answers(case.gone)
    with pytest.raises(MessageGone):
        await case.make(receiver.url).update(EDIT, case.ref)


@edited
async def test_only_what_names_a_message_finds_it_gone(
    case: NotifierCase, receiver: Receiver
) -> None:
    receiver.answers(Answer(status=500, body=b"internal"))
    with pytest.raises(NotDelivered) as caught:
        await case.make(receiver.url).update(EDIT, case.ref)
    assert not isinstance(caught.value, MessageGone)
    assert caught.value.retryable


@edited
@pytest.mark.parametrize("ref", ["../../admin", "a b", "", "x" * 600, "1/2/3", "?x=1"])
async def test_a_reference_that_is_not_the_receivers_is_never_sent(
    case: NotifierCase, receiver: Receiver, ref: str
) -> None:
    """A status may be edited by hand, and a reference is part of an address."""
    notifier = case.make(receiver.url)
    with pytest.raises(MessageGone):
        await notifier.update(EDIT, ref)
    if notifier.threads:
        with pytest.raises(MessageGone):
            await notifier.send(REPLY, ref)
    assert receiver.requests == []


@named
async def test_a_reference_of_another_form_is_not_kept(
    case: NotifierCase, receiver: Receiver
) -> None:
    body = case.success.body
    for part in case.ref.split("/"):
        body = body.replace(part.encode(), b'../\\"x' if b'"' + part.encode() in body else b'"-"')
    receiver.answers(replace(case.success, body=body))
    ref = await case.make(receiver.url).send(ROOT)
    assert ref in {None, "test/podinfo/7-5d8c9f"}


@edited
async def test_a_rate_limit_in_the_midst_says_how_long_to_wait(
    case: NotifierCase, receiver: Receiver
) -> None:
    limited = Answer(status=429, headers={"Retry-After": "17"})
    receiver.answers(case.success, limited, case.success, limited, case.success)
    notifier = case.make(receiver.url)
    await notifier.send(ROOT)
    with pytest.raises(NotDelivered) as of_edit:
        await notifier.update(EDIT, case.ref)
    await notifier.update(EDIT, case.ref)
    with pytest.raises(NotDelivered) as of_alert:
        await notifier.send(REPLY)
    await notifier.send(REPLY)
    for caught in (of_edit, of_alert):
        assert (caught.value.retryable, caught.value.retry_after) == (True, 17.0)


@edited
async def test_no_secret_is_in_a_reference_a_failure_or_a_log(
    case: NotifierCase, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="httpx")
    caplog.set_level(logging.WARNING, logger="httpcore")
    echo = f"you sent {case.token} to {receiver.url}{case.path}".encode()
    receiver.answers(case.success, Answer(status=400, body=echo))
    notifier = case.make(receiver.url)
    ref = await notifier.send(ROOT)
    with pytest.raises(NotDelivered) as caught:
        await notifier.update(EDIT, case.ref)
    told = f"{ref} {caught.value} {caught.value!r} {caplog.text}"
    assert TOKEN not in told
    assert "path-is-secret" not in told


async def test_an_edit_that_changes_nothing_is_none_that_failed(receiver: Receiver) -> None:
    (telegram,) = (case for case in NAMED if case.notifier == "telegram")
    body = b'{"ok": false, "description": "Bad Request: message is not modified"}'
    receiver.answers(Answer(status=400, body=body))
    await telegram.make(receiver.url).update(EDIT, telegram.ref)


async def test_a_reply_to_a_post_that_was_deleted_says_so(receiver: Receiver) -> None:
    (mattermost,) = (case for case in NAMED if case.notifier == "mattermost")
    body = b'{"id": "api.post.create_post.root_id.app_error"}'
    receiver.answers(Answer(status=400, body=body))
    with pytest.raises(MessageGone):
        await mattermost.make(receiver.url).send(REPLY, mattermost.ref)


async def test_a_webhook_of_discord_that_is_gone_is_no_message_that_is_gone(
    receiver: Receiver,
) -> None:
    (discord,) = (case for case in NAMED if case.notifier == "discord")
    receiver.answers(Answer(status=404, body=b'{"message": "Unknown Webhook", "code": 10015}'))
    with pytest.raises(NotDelivered) as caught:
        await discord.make(receiver.url).update(EDIT, discord.ref)
    assert not isinstance(caught.value, MessageGone)


class Plain(NotifierDefaults):
    """A plug-in that was written before there were threads."""

    async def send(self, _alert: object) -> None:
        """Send nothing."""


async def test_a_plug_in_that_says_nothing_of_threads_has_none() -> None:
    assert not Plain.threads
    assert not Plain.edits
    with pytest.raises(MessageGone):
        await Plain().update(EDIT, "1")
    (gchat,) = (case for case in NAMED if case.notifier == "gchat")
    with pytest.raises(MessageGone):
        await gchat.make("https://chat.test").update(EDIT, gchat.ref)
