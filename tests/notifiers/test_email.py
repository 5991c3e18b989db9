"""The email notifier, against a mail server that behaves as it is told."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.egress import EgressPolicy
from canary.notifiers import MessageGone, NotDelivered, NotifierConfig
from canary.notifiers.email import MOST_RECIPIENTS, EmailNotifier
from tests.certificates import client_context, server_context
from tests.mailserver import MailServer, Manners, mail_server
from tests.notifiers.alerts import MOMENT, REPLY, ROOT, an_alert
from tests.security.hostile import HOSTILE

PASSWORD = "correct-horse-battery"
LOGIN = f"tidegate:{PASSWORD}"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server(server_context()) as running:
        yield running


def notifier(address: str, **changes: Any) -> EmailNotifier:
    settings: dict[str, Any] = {
        "address": address,
        "token": LOGIN,
        "channel": "oncall@example.com",
        "username": "tidegate@example.com",
        "timeout": timedelta(seconds=30),
    }
    return EmailNotifier(NotifierConfig(**(settings | changes)), trusted=client_context())


async def failure_of(sender: EmailNotifier) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        await sender.send(an_alert())
    told = f"{caught.value} {caught.value!r}"
    assert PASSWORD not in told
    assert told.isprintable()
    assert len(told) < 1300
    return caught.value


async def test_an_alert_is_a_mail_in_text_and_html(server: MailServer) -> None:
    await notifier(server.address, username="Tidegate <tidegate@example.com>").send(an_alert())
    (mail,) = server.mails
    message = mail.message
    assert (mail.sender, mail.recipients) == ("tidegate@example.com", ("oncall@example.com",))
    assert message["From"] == "Tidegate <tidegate@example.com>"
    assert message["To"] == "oncall@example.com"
    assert message["Subject"] == "podinfo.test: Promoted"
    assert message["Date"].datetime == MOMENT
    assert message["Auto-Submitted"] == "auto-generated"
    for body in (mail.text, mail.html):
        assert "podinfo is promoted: all 3 steps passed" in body
        assert "podinfo:6.1 → podinfo:6.2" in body
        assert "blue" in body


async def test_a_run_is_one_thread(server: MailServer) -> None:
    sender = notifier(server.address)
    root = await sender.send(ROOT)
    assert root is not None
    await sender.send(REPLY, root)
    first, later = (mail.message for mail in server.mails)
    assert first["Message-ID"] == f"<{root}>"
    assert (first["References"], first["In-Reply-To"]) == (None, None)
    assert later["References"] == later["In-Reply-To"] == f"<{root}>"
    assert later["Message-ID"] != first["Message-ID"]


async def test_a_repeat_is_the_same_mail(server: MailServer) -> None:
    sender = notifier(server.address)
    assert await sender.send(ROOT) == await sender.send(ROOT)
    assert server.mails[0].content == replace_boundary(server.mails[1].content, server.mails[0])


def replace_boundary(content: bytes, other: Any) -> bytes:
    """Write the parts' boundary as another mail has it: it is made at random."""
    ours = message_boundary(content)
    return content.replace(ours, message_boundary(other.content))


def message_boundary(content: bytes) -> bytes:
    return content.partition(b'boundary="')[2].partition(b'"')[0]


async def test_a_mail_is_sent_under_tls_that_starttls_begins(server: MailServer) -> None:
    await notifier(server.address).send(an_alert())
    assert server.mails[0].encrypted
    assert server.mails[0].login == LOGIN


async def test_a_mail_is_sent_over_a_connection_that_begins_with_tls() -> None:
    async with mail_server(server_context(), encrypted=True) as server:
        await notifier(server.address).send(an_alert())
        assert server.mails[0].login == LOGIN
        assert "STARTTLS" not in server.commands


async def test_a_password_is_never_sent_without_tls() -> None:
    async with mail_server(server_context(), manners=Manners(starttls=False)) as server:
        failure = await failure_of(notifier(server.address))
        assert not failure.retryable
        assert "offers no STARTTLS" in str(failure)
        assert not [line for line in server.commands if line.startswith(("AUTH", "MAIL"))]


async def test_a_relay_without_login_may_be_one_without_tls() -> None:
    async with mail_server(server_context(), manners=Manners(starttls=False)) as server:
        await notifier(server.address, token="").send(an_alert())
        assert (server.mails[0].encrypted, server.mails[0].login) == (False, "")


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_server_that_is_not_trusted_gets_no_password(*, encrypted: bool) -> None:
    async with mail_server(server_context(), encrypted=encrypted) as server:
        config = NotifierConfig(
            address=server.address, token=LOGIN, channel="a@example.com", username="b@example.com"
        )
        failure = await failure_of(EmailNotifier(config))
        assert "certificate" in str(failure)
        assert server.mails == []
        assert not [line for line in server.commands if line.startswith("AUTH")]


@pytest.mark.parametrize(
    "moment", ["greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content"]
)
async def test_a_slow_server_is_left_when_the_time_is_over(moment: str) -> None:
    async with mail_server(server_context(), manners=Manners(hangs_at=moment)) as server:
        brief = timedelta(milliseconds=400)
        async with asyncio.timeout(180):
            failure = await failure_of(notifier(server.address, timeout=brief))
        assert failure.retryable
        assert "within 0.4 s" in str(failure)
        assert server.mails == []


@pytest.mark.parametrize("moment", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "content"])
async def test_a_cut_connection_may_be_tried_again(moment: str) -> None:
    async with mail_server(server_context(), manners=Manners(resets_at=moment)) as server:
        assert (await failure_of(notifier(server.address))).retryable


async def test_a_server_that_says_no_goodbye_has_taken_the_mail() -> None:
    async with mail_server(server_context(), manners=Manners(hangs_at="QUIT")) as server:
        await notifier(server.address).send(an_alert())
        assert len(server.mails) == 1


async def test_a_refused_connection_may_be_tried_again() -> None:
    failure = await failure_of(notifier("smtp://127.0.0.1:9"))
    assert failure.retryable
    assert "smtp://127.0.0.1:9 refuses connections" in str(failure)


@pytest.mark.parametrize("moment", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(("code", "retryable"), [(450, True), (554, False)])
async def test_a_refusal_tells_the_code_and_whether_to_try_again(
    moment: str, code: int, *, retryable: bool
) -> None:
    echo = f"{code} not now \x1b[31m {LOGIN} {PASSWORD}"
    async with mail_server(server_context(), manners=Manners(answers={moment: echo})) as server:
        failure = await failure_of(notifier(server.address))
        assert str(code) in str(failure)
        assert failure.retryable is retryable
        assert server.mails == []


async def test_a_password_that_the_server_repeats_as_it_was_sent_does_not_come_out() -> None:
    sent = "AHRpZGVnYXRlAGNvcnJlY3QtaG9yc2UtYmF0dGVyeQ=="
    answers = {"AUTH": f"535 you sent AUTH PLAIN {sent}"}
    async with mail_server(server_context(), manners=Manners(answers=answers)) as server:
        failure = await failure_of(notifier(server.address))
        assert f"AUTH PLAIN {sent}" in server.commands
        assert sent not in str(failure)


async def test_a_recipient_that_is_refused_is_named_and_the_others_get_the_mail() -> None:
    answers = {"RCPT TO:<gone@example.com>": "550 no such user"}
    async with mail_server(server_context(), manners=Manners(answers=answers)) as server:
        to = "oncall@example.com, gone@example.com"
        failure = await failure_of(notifier(server.address, channel=to))
        assert "gone@example.com: 550 no such user" in str(failure)
        assert not failure.retryable
        assert server.mails[0].recipients == ("oncall@example.com",)


async def test_no_smtp_is_a_failure() -> None:
    answers = {"greeting": "HTTP/1.1 400 Bad Request"}
    async with mail_server(server_context(), manners=Manners(answers=answers)) as server:
        await failure_of(notifier(server.address))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"address": ""}, "write smtp://HOST:587"),
        ({"address": "https://mail.test"}, "write smtp://HOST:587"),
        ({"address": f"smtp://tidegate:{PASSWORD}@mail.test"}, "write smtp://HOST:587"),
        ({"address": "smtp://mail.test\r\nRSET"}, "write smtp://HOST:587"),
        ({"address": "smtp://127.0.0.1:99999"}, "write smtp://HOST:587"),
        ({"token": "only-a-password"}, "USER:PASSWORD"),
        ({"proxy": "http://proxy.test:3128"}, "remove spec.proxy"),
        ({"username": "tidegate"}, "spec.username: 'tidegate' is no sender"),
        ({"username": "a@example.com\r\nBcc: b@example.com"}, "spec.username"),
        ({"username": "a..b@example.com"}, "spec.username"),
        ({"username": "a@example.com, b@example.com"}, "spec.username"),
        ({"channel": "general"}, "spec.channel: 'general' is no recipient"),
        ({"channel": ""}, "spec.channel"),
        ({"channel": "a@example.com\r\nRCPT TO:<b@example.com>"}, "spec.channel"),
        ({"channel": "a@example.com>, <b@example.com"}, "spec.channel"),
        ({"channel": ",".join(f"a{n}@example.com" for n in range(99))}, str(MOST_RECIPIENTS)),
    ],
)
async def test_a_config_that_cannot_be_used_says_what_to_write(
    server: MailServer, changes: dict[str, Any], said: str
) -> None:
    failure = await failure_of(notifier(**({"address": server.address} | changes)))
    assert said in str(failure)
    assert not failure.retryable
    assert server.commands == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_text_of_others_writes_no_header_and_no_html(server: MailServer, text: str) -> None:
    hostile = an_alert(
        message=text, title=f"{text}\r\nBcc: b@example.com", fields=((text[:40], text),)
    )
    await notifier(server.address).send(hostile)
    (mail,) = server.mails
    assert set(mail.message.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("MIME-Version", "Content-Type"),
    }
    assert mail.recipients == ("oncall@example.com",)
    assert "<script" not in mail.html
    assert "<img" not in mail.html
    assert len(mail.content) < 100_000


@pytest.mark.parametrize("ref", ["../../admin", "a b", "", "x" * 600, "x@y>\r\nBcc: z@example.com"])
async def test_a_reference_that_is_not_ours_is_never_sent(server: MailServer, ref: str) -> None:
    with pytest.raises(MessageGone):
        await notifier(server.address).send(REPLY, ref)
    assert server.commands == []


async def test_no_mail_is_edited(server: MailServer) -> None:
    with pytest.raises(MessageGone):
        await notifier(server.address).update(ROOT, f"{'0' * 32}@example.com")
    assert server.commands == []


async def test_mail_goes_where_the_policy_of_egress_allows(server: MailServer) -> None:
    failure = await failure_of(notifier(server.address, egress=EgressPolicy()))
    assert not failure.retryable
    assert "loopback" in str(failure)
    assert server.commands == []
    allowed = EgressPolicy(allow=("127.0.0.1",))
    await notifier(server.address, egress=allowed).send(an_alert())
    assert len(server.mails) == 1


async def test_debug_logs_hold_no_secret(
    server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await notifier(server.address).send(an_alert())
    assert PASSWORD not in caplog.text


async def test_a_dot_at_the_start_of_a_line_arrives(server: MailServer) -> None:
    await notifier(server.address).send(replace(an_alert(), message=".\r\n.. DATA ends?"))
    assert ". .. DATA ends?" in server.mails[0].text
