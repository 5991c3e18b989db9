"""What every notifier does, whatever the receiver does."""

import asyncio
import gzip
import json
import logging
from datetime import timedelta

import pytest

from canary.notifiers import NotDelivered, NotifierConfig
from tests.case import NotifierCase, notifier_cases
from tests.notifiers.alerts import TOKEN, an_alert
from tests.receiver import Answer, Receiver, receiving

every_case = pytest.mark.parametrize("case", notifier_cases(), ids=lambda case: case.name)
BRIEF = timedelta(milliseconds=150)


async def failure_of(case: NotifierCase, url: str, **changes: object) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        await case.make(url, **changes).send(an_alert())
    told = f"{caught.value} {caught.value!r}"
    assert TOKEN not in told
    assert "path-is-secret" not in told
    return caught.value


@every_case
async def test_an_answer_of_success_is_a_delivery(case: NotifierCase, receiver: Receiver) -> None:
    receiver.answers(case.success)
    await case.make(receiver.url).send(an_alert())
    assert receiver.requests


@every_case
async def test_an_alert_names_the_images_beside_the_revision(
    case: NotifierCase, receiver: Receiver
) -> None:
    receiver.answers(case.success)
    await case.make(receiver.url).send(an_alert())
    told = json.dumps([each.document for each in receiver.requests], ensure_ascii=False)
    assert "podinfo:6.1 → podinfo:6.2" in told
    assert "5d8c9f" in told


@every_case
@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (302, False),
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (429, True),
        (500, True),
        (502, True),
        (503, True),
    ],
)
async def test_a_refusal_tells_the_status_and_whether_to_try_again(
    case: NotifierCase, receiver: Receiver, status: int, *, retryable: bool
) -> None:
    receiver.answers(Answer(status=status, body=b"not this time"))
    failure = await failure_of(case, receiver.url)
    assert failure.retryable is retryable
    assert str(status) in str(failure)
    assert len(receiver.requests) == 1


@every_case
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_says_where_to(
    case: NotifierCase, receiver: Receiver, status: int
) -> None:
    async with receiving() as elsewhere:
        elsewhere.answers(case.success)
        location = {"Location": f"{elsewhere.url}/moved"}
        receiver.answers(Answer(status=status, headers=location))
        failure = await failure_of(case, receiver.url)
        assert f"redirects to {elsewhere.url}" in str(failure)
        assert not failure.retryable
        assert (len(receiver.requests), elsewhere.requests) == (1, [])


@every_case
async def test_what_the_receiver_asks_to_wait_for_is_told(
    case: NotifierCase, receiver: Receiver
) -> None:
    receiver.answers(Answer(status=429, headers={"Retry-After": "17"}))
    failure = await failure_of(case, receiver.url)
    assert (failure.retryable, failure.retry_after) == (True, 17.0)


@every_case
@pytest.mark.parametrize(
    "answer", [Answer(hangs=True), Answer(trickles=True)], ids=["hangs", "trickles"]
)
async def test_a_slow_receiver_is_left_when_the_time_is_over(
    case: NotifierCase, receiver: Receiver, answer: Answer
) -> None:
    receiver.answers(answer)
    async with asyncio.timeout(180):
        failure = await failure_of(case, receiver.url, timeout=BRIEF)
    assert failure.retryable
    assert "0.15 s" in str(failure)


@every_case
async def test_a_cut_connection_may_be_tried_again(case: NotifierCase, receiver: Receiver) -> None:
    receiver.answers(Answer(resets=True))
    assert (await failure_of(case, receiver.url)).retryable


@every_case
async def test_a_refused_connection_may_be_tried_again(case: NotifierCase) -> None:
    failure = await failure_of(case, "http://127.0.0.1:9")
    assert failure.retryable
    assert "http://127.0.0.1:9 refuses connections" in str(failure)


@every_case
async def test_no_http_is_a_failure(case: NotifierCase) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 this is no HTTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failure = await failure_of(case, f"http://127.0.0.1:{port}")
    assert failure.retryable


@every_case
@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500, body=b"\xff\xfe\x00garbage\x1b[31m"),
        Answer(status=500, body=b"{not json", headers={"Content-Type": "application/json"}),
        Answer(status=500, body=b"[1, 2]", headers={"Content-Type": "application/json"}),
        Answer(status=500, body=b"a" * 100_000),
        Answer(
            status=500, body=gzip.compress(b"a" * 10_000_000), headers={"Content-Encoding": "gzip"}
        ),
    ],
    ids=["bytes", "broken-json", "other-json", "long", "compressed"],
)
async def test_garbage_is_a_failure_of_bounded_length_without_control_characters(
    case: NotifierCase, receiver: Receiver, answer: Answer
) -> None:
    receiver.answers(answer)
    failure = await failure_of(case, receiver.url)
    assert failure.retryable
    assert len(str(failure)) < 1300
    assert str(failure).isprintable()


@every_case
async def test_an_answer_that_repeats_the_secrets_does_not_bring_them_out(
    case: NotifierCase, receiver: Receiver
) -> None:
    echo = f"you sent {case.token} to {receiver.url}{case.path}, that is to {case.path}".encode()
    receiver.answers(Answer(status=403, body=echo))
    await failure_of(case, receiver.url)


@every_case
@pytest.mark.parametrize("address", ["ftp://chat.test/x", "nowhere", "http://[::1", "http://"])
async def test_an_address_that_is_none_is_not_tried_again(case: NotifierCase, address: str) -> None:
    failure = await failure_of(case, "", address=address)
    assert not failure.retryable
    assert "write it as http" in str(failure)


@every_case
async def test_a_proxy_that_is_none_is_a_failure(case: NotifierCase, receiver: Receiver) -> None:
    failure = await failure_of(case, receiver.url, proxy="gopher://user:path-is-secret@proxy.test")
    assert not failure.retryable
    assert receiver.requests == []


@every_case
async def test_debug_logs_hold_no_secret(
    case: NotifierCase, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="httpx")
    caplog.set_level(logging.WARNING, logger="httpcore")
    receiver.answers(case.success)
    await case.make(receiver.url).send(an_alert())
    assert TOKEN not in caplog.text
    assert "path-is-secret" not in caplog.text


def test_the_repr_of_a_config_holds_no_secret() -> None:
    config = NotifierConfig(
        address="https://hooks.test/secret-a",
        token="secret-b",
        channel="x",
        proxy="http://u:secret-c@p",
    )
    assert "secret" not in f"{config!r} {config}"
    assert "x" in repr(config)
