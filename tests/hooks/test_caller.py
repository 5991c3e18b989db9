"""Calling a hook: what is sent, what counts as passing, what is repeated, and what is never told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from analysis.errors import Busy
from canary.api.people import Webhook
from canary.hooks.caller import (
    CALLS_A_HOST,
    LONGEST_WAIT_SECONDS,
    WAITING_CALLS_A_HOST,
    HookCaller,
)
from canary.hooks.payload import HookPayload, HookResult
from tests.certificates import server_context
from tests.controller.running import until
from tests.receiver import Answer, Receiver, receiving

PAYLOAD = HookPayload(
    name="podinfo",
    namespace="test",
    phase="Progressing",
    checksum="85d557f47b",
    metadata={"cmd": "hey -z 1m", "unicode": "größer"},
    weight=20,
    step=2,
    revision="5d8c9f",
    images="podinfo:6.1 → podinfo:6.2",
    cluster="blue",
)
MOST_OF_ONE = CALLS_A_HOST // 2
"""Of one namespace."""
SECRET = {"token": "bearer-secret\n", "X-Api-Key": "header-secret"}


class Rests(list[float]):
    """The waits between attempts, which take no time here."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as server:
        yield server


@pytest.fixture
def rests() -> Rests:
    return Rests()


@pytest.fixture
async def caller(rests: Rests) -> AsyncIterator[HookCaller]:
    hooks = HookCaller(sleep=rests.sleep)
    yield hooks
    await hooks.close()


def a_hook(url: str, **fields: Any) -> Webhook:
    return Webhook.model_validate({"name": "load-test", "url": url} | fields)


async def call(caller: HookCaller, hook: Webhook, **changes: Any) -> HookResult:
    return await caller.call(hook, PAYLOAD, **({"key": "uid/run/2", "secret": None} | changes))


class TestWhatIsSent:
    async def test_the_span_of_the_call_is_a_header_unless_the_hook_has_one_of_its_own(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        await call(caller, a_hook(receiver.url), traceparent="00-1-2-01")
        own = a_hook(receiver.url, headers={"Traceparent": "00-3-4-01"})
        await call(caller, own, traceparent="00-1-2-01")
        await call(caller, a_hook(receiver.url))
        sent = [
            {name.lower(): value for name, value in each.headers.items()}.get("traceparent")
            for each in receiver.requests
        ]
        assert sent == ["00-1-2-01", "00-3-4-01", None]

    async def test_the_peers_payload_with_weight_step_revision_images_and_cluster(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        await call(caller, a_hook(f"{receiver.url}/gate/check?x=1"))
        (request,) = receiver.requests
        assert request.path == "/gate/check?x=1"
        assert request.headers["Content-Type"] == "application/json"
        assert request.document == {
            "name": "podinfo",
            "namespace": "test",
            "phase": "Progressing",
            "checksum": "85d557f47b",
            "metadata": {"cmd": "hey -z 1m", "unicode": "größer"},
            "weight": 20,
            "step": 2,
            "revision": "5d8c9f",
            "images": "podinfo:6.1 → podinfo:6.2",
            "cluster": "blue",
        }

    async def test_the_headers_of_the_hook_and_of_its_secret(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        hook = a_hook(receiver.url, headers={"x-team": "größe", "x-api-key": "overridden"})
        await call(caller, hook, secret=SECRET)
        headers = receiver.requests[0].headers
        assert headers["Authorization"] == "Bearer bearer-secret"
        assert headers["X-Api-Key"] == "header-secret"
        assert headers["x-team"] == "größe"

    async def test_a_content_type_of_the_users_own_is_kept(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        hook = a_hook(receiver.url, headers={"content-type": "application/vnd.own+json"})
        await call(caller, hook)
        assert receiver.requests[0].headers["Content-Type"] == "application/vnd.own+json"

    @pytest.mark.parametrize(
        "name", ["Idempotency-Key", "x-tidegate-attempt", "Content-Length", "transfer-encoding"]
    )
    async def test_a_header_that_the_call_sets_itself_is_refused_by_name(
        self, caller: HookCaller, receiver: Receiver, name: str
    ) -> None:
        result = await call(caller, a_hook(receiver.url, headers={name: "1"}))
        assert name.lower() in result.message.lower()
        assert "remove it" in result.message
        assert not result.passed
        assert receiver.requests == []

    async def test_the_user_and_password_of_a_url_as_basic_authorization(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        await call(caller, a_hook(receiver.url.replace("://", "://user:pass-secret@")))
        assert receiver.requests[0].headers["Authorization"].startswith("Basic ")


class TestWhatPasses:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
    async def test_any_2xx_passes(
        self, caller: HookCaller, receiver: Receiver, status: int
    ) -> None:
        receiver.answers(Answer(status=status))
        result = await call(caller, a_hook(receiver.url))
        assert (result.passed, result.status) == (True, status)

    @pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 500, 503])
    async def test_nothing_else_does_and_the_body_is_in_the_message(
        self, caller: HookCaller, receiver: Receiver, status: int
    ) -> None:
        receiver.answers(Answer(status=status, body=b"closed by the release team"))
        result = await call(caller, a_hook(receiver.url))
        assert (result.passed, result.status) == (False, status)
        assert f"answers {status}" in result.message
        assert "closed by the release team" in result.message

    async def test_a_redirect_is_not_followed(self, caller: HookCaller, receiver: Receiver) -> None:
        receiver.answers(Answer(status=307, headers={"Location": f"{receiver.url}/else"}), Answer())
        result = await call(caller, a_hook(receiver.url))
        assert "redirects are not followed" in result.message
        assert len(receiver.requests) == 1

    async def test_a_body_is_shown_in_one_printable_line_of_bounded_length(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        body = "first\r\n\x1b[31msecond\x00\u202e".encode() + b"\xff" + b"x" * 3_000_000
        receiver.answers(Answer(status=500, body=body))
        result = await call(caller, a_hook(receiver.url))
        assert result.body.startswith("first [31msecond")
        assert result.message.isprintable()
        assert len(result.body) == 1024


class TestWhatFails:
    @pytest.mark.parametrize(
        "answer",
        [Answer(hangs=True), Answer(trickles=True), Answer(trickles=True, status=500)],
        ids=["hangs", "trickles", "trickles-an-error"],
    )
    async def test_the_time_limit_holds(
        self, caller: HookCaller, receiver: Receiver, answer: Answer
    ) -> None:
        receiver.answers(answer)
        async with asyncio.timeout(60):
            result = await call(caller, a_hook(receiver.url, timeout="100ms"))
        assert (result.passed, result.status) == (False, None)
        assert "within 0.1 s" in result.message

    async def test_a_cut_connection(self, caller: HookCaller, receiver: Receiver) -> None:
        receiver.answers(Answer(resets=True))
        result = await call(caller, a_hook(receiver.url))
        assert (result.passed, result.status) == (False, None)

    async def test_a_server_that_speaks_no_tls(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        result = await call(caller, a_hook(receiver.url.replace("http:", "https:")))
        assert "does not speak TLS as it should" in result.message

    async def test_a_status_that_http_does_not_know(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        receiver.answers(Answer(status=499))
        result = await call(caller, a_hook(receiver.url))
        assert result.message == f"{receiver.url} answers 499"

    async def test_a_refused_connection(self, caller: HookCaller) -> None:
        result = await call(caller, a_hook("http://127.0.0.1:9/x"))
        assert result.message == "http://127.0.0.1:9 refuses connections"

    async def test_a_name_that_leads_nowhere(self, caller: HookCaller) -> None:
        result = await call(caller, a_hook("http://nowhere.invalid/x"))
        assert "http://nowhere.invalid" in result.message
        assert result.status is None

    @pytest.mark.parametrize(
        "url", ["ftp://gate.test/x", "gate.test", "http://", "http://[::1", "http://a:99999/", ""]
    )
    async def test_a_url_that_is_none_is_a_result(self, caller: HookCaller, url: str) -> None:
        hook = a_hook("http://gate.test", retries=3).but(url=url)
        result = await call(caller, hook)
        assert not result.passed
        assert "write it as http" in result.message

    async def test_a_header_that_http_forbids_is_a_result(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        result = await call(caller, a_hook(receiver.url), secret={"x-key": "a\nb-secret"})
        assert "character that HTTP forbids" in result.message

    async def test_a_call_after_closing_does_not_pass(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        await caller.close()
        result = await call(caller, a_hook(receiver.url))
        assert result.message == "the controller is shutting down"
        assert receiver.requests == []


class TestRepeats:
    @pytest.mark.parametrize(
        "first",
        [Answer(status=429), Answer(status=500), Answer(status=503), Answer(resets=True)],
        ids=["429", "500", "503", "reset"],
    )
    async def test_what_may_pass_later_is_repeated_under_the_same_key(
        self, caller: HookCaller, receiver: Receiver, rests: Rests, first: Answer
    ) -> None:
        receiver.answers(first, Answer(status=200, body=b"fine"))
        result = await call(caller, a_hook(receiver.url, retries=2))
        assert (result.passed, result.message) == (True, "fine")
        assert {each.headers["Idempotency-Key"] for each in receiver.requests} == {"uid/run/2"}
        assert [each.headers["X-Tidegate-Attempt"] for each in receiver.requests] == ["1", "2"]
        assert len(rests) == 1

    @pytest.mark.parametrize("status", [302, 400, 403, 404])
    async def test_what_will_not_pass_later_is_not_repeated(
        self, caller: HookCaller, receiver: Receiver, status: int
    ) -> None:
        receiver.answers(Answer(status=status))
        await call(caller, a_hook(receiver.url, retries=5))
        assert len(receiver.requests) == 1

    async def test_after_the_last_repeat_its_answer_counts(
        self, caller: HookCaller, receiver: Receiver, rests: Rests
    ) -> None:
        receiver.answers(Answer(status=500), Answer(status=500), Answer(status=503, body=b"last"))
        result = await call(caller, a_hook(receiver.url, retries=2))
        assert result.status == 503
        assert "last" in result.message
        assert len(receiver.requests) == 3
        assert 0.7 <= rests[0] <= 1.3 < rests[1] <= 2.6

    @pytest.mark.parametrize(("limit", "attempts"), [("20m", 3), ("40m", 1), ("3h", 1)])
    async def test_it_is_repeated_as_often_as_fits_into_an_hour(
        self, caller: HookCaller, receiver: Receiver, rests: Rests, limit: str, attempts: int
    ) -> None:
        receiver.answers(*(Answer(status=503) for _ in range(6)))
        await call(caller, a_hook(receiver.url, retries=5, timeout=limit))
        assert (len(receiver.requests), len(rests)) == (attempts, attempts - 1)

    async def test_without_retries_there_is_one_attempt(
        self, caller: HookCaller, receiver: Receiver, rests: Rests
    ) -> None:
        receiver.answers(Answer(status=500))
        await call(caller, a_hook(receiver.url))
        assert (len(receiver.requests), rests) == (1, [])

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7.0),
            ({"Retry-After": "999999999999"}, LONGEST_WAIT_SECONDS),
            (
                {
                    "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
                    "Retry-After": "Thu, 01 Jan 2026 00:00:12 GMT",
                },
                12.0,
            ),
        ],
        ids=["seconds", "too-long", "date"],
    )
    async def test_the_wait_that_is_asked_for_is_kept_within_bounds(
        self,
        caller: HookCaller,
        receiver: Receiver,
        rests: Rests,
        headers: dict[str, str],
        seconds: float,
    ) -> None:
        receiver.answers(Answer(status=503, headers=headers), Answer())
        await call(caller, a_hook(receiver.url, retries=1))
        assert rests == [seconds]

    async def test_a_wait_that_makes_no_sense_is_not_kept(
        self, caller: HookCaller, receiver: Receiver, rests: Rests
    ) -> None:
        receiver.answers(Answer(status=503, headers={"Retry-After": "soon"}), Answer())
        await call(caller, a_hook(receiver.url, retries=1))
        assert 0.7 <= rests[0] <= 1.3

    async def test_many_repeats_never_wait_longer_than_the_bound(
        self, caller: HookCaller, receiver: Receiver, rests: Rests
    ) -> None:
        receiver.answers(Answer(status=500))
        await call(caller, a_hook(receiver.url, retries=12))
        assert 0.7 * LONGEST_WAIT_SECONDS <= max(rests) <= LONGEST_WAIT_SECONDS
        assert len(rests) == 12


class TestSecrets:
    @pytest.mark.parametrize("status", [200, 403, 500])
    async def test_an_answer_that_repeats_secrets_does_not_bring_them_out(
        self, caller: HookCaller, receiver: Receiver, status: int
    ) -> None:
        echo = b"Bearer bearer-secret, X-Api-Key: header-secret, user:pass-secret, in-the-spec"
        receiver.answers(Answer(status=status, body=echo))
        url = receiver.url.replace("://", "://user:pass-secret@")
        hook = a_hook(url, headers={"X-Other": "in-the-spec"})
        result = await call(caller, hook, secret=SECRET)
        assert "secret" not in repr(result)
        assert "in-the-spec" not in repr(result)

    async def test_a_secret_that_the_end_of_the_text_cuts_is_hidden_as_well(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        secret = "s3cr3t-" * 400
        receiver.answers(Answer(status=500, body=(secret * 100).encode()))
        result = await call(caller, a_hook(receiver.url), secret={"x-key": secret})
        assert "s3cr3t" not in repr(result)

    @pytest.mark.parametrize("url", ["http://user:pass-secret@127.0.0.1:9/x?key=query-secret"])
    async def test_a_url_is_named_without_what_may_be_secret(
        self, caller: HookCaller, url: str
    ) -> None:
        assert "secret" not in repr(await call(caller, a_hook(url)))


class TestManyCalls:
    async def test_one_host_gets_no_more_calls_at_once_than_the_bound(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        receiver.answers(Answer(hangs=True))
        hook = a_hook(receiver.url, timeout="60s")
        calls = [asyncio.create_task(call(caller, hook)) for _ in range(2 * MOST_OF_ONE)]
        await receiver.received(MOST_OF_ONE)
        receiver.release()
        results = await asyncio.gather(*calls)
        assert all(result.passed for result in results)
        assert receiver.most_at_once == MOST_OF_ONE

    async def test_a_busy_host_does_not_delay_another(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        receiver.answers(Answer(hangs=True))
        slow = a_hook(receiver.url, timeout="60s")
        calls = [asyncio.create_task(call(caller, slow)) for _ in range(2 * MOST_OF_ONE)]
        await receiver.received(MOST_OF_ONE)
        async with receiving() as other:
            assert (await call(caller, a_hook(other.url))).passed
        assert not any(each.done() for each in calls)
        receiver.release()
        await asyncio.gather(*calls)

    async def test_calls_that_wait_for_their_turn_longer_than_one_may_take_all_pass(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        receiver.answers(Answer(after_seconds=1.0))
        hook = a_hook(receiver.url, timeout="2500ms")
        results = await asyncio.gather(*(call(caller, hook) for _ in range(20)))
        assert [result.message for result in results if not result.passed] == []
        assert len(receiver.requests) == 20

    async def test_a_call_that_finds_the_queue_full_is_not_made_and_no_answer(
        self, caller: HookCaller, receiver: Receiver
    ) -> None:
        receiver.answers(Answer(hangs=True))
        slow = a_hook(receiver.url, timeout="60s")
        many = MOST_OF_ONE + WAITING_CALLS_A_HOST
        calls = [asyncio.create_task(call(caller, slow)) for _ in range(many)]
        await until(lambda: caller.waiting == WAITING_CALLS_A_HOST)
        with pytest.raises(Busy, match="wait for their turn"):
            await call(caller, slow)
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert caller.waiting == 0

    async def test_every_call_is_observed_once(self, receiver: Receiver, rests: Rests) -> None:
        seen: list[tuple[str, str, int | None, bool]] = []
        caller = HookCaller(
            sleep=rests.sleep,
            observed=lambda hook, payload, result, seconds: seen.append(
                (hook.name, f"{payload.namespace}/{payload.name}", result.status, seconds > 0)
            ),
        )
        receiver.answers(Answer(status=500), Answer())
        await call(caller, a_hook(receiver.url, retries=1))
        await caller.close()
        assert seen == [("load-test", "test/podinfo", 200, True)]


class TestCertificates:
    @pytest.fixture
    async def secure(self) -> AsyncIterator[Receiver]:
        context = server_context()
        async with receiving(context) as server:
            yield server

    async def test_a_certificate_of_nobody_we_know_is_refused(
        self, caller: HookCaller, secure: Receiver
    ) -> None:
        result = await call(caller, a_hook(secure.url))
        assert "is not trusted" in result.message
        assert secure.requests == []

    async def test_it_is_accepted_unseen_where_the_hook_says_so(
        self, caller: HookCaller, secure: Receiver
    ) -> None:
        assert (await call(caller, a_hook(secure.url, disableTLS=True))).passed
        assert not (await call(caller, a_hook(secure.url))).passed
