"""Buttons of a chat: what is forged, stale, repeated, or pressed by a stranger gives no command."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from time import time
from typing import Any

import aiohttp
import pytest

from canary.dashboard.chat_people import ChatPeople, UnreadableIdentities
from canary.dashboard.slack import INTERACTIONS
from canary.dashboard.slack_messages import read_press
from tests.controller.running import CANARY
from tests.dashboard.chatted import Chatted, chatted
from tests.security.hostile import HOSTILE
from tests.slack import ALICE, APP, MALLORY, SIGNING_SECRET, WORKSPACE, body_of, signed

FOREIGN = "T0OTHER"
Headers = dict[str, str]


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chatted]:
    async with chatted(tmp_path) as found:
        yield found


async def nothing_came_of_it(chat: Chatted) -> None:
    """The run waits where it was, and no word of a command is anywhere."""
    canary = await chat.world.api.read(CANARY, "demo", "podinfo")
    assert canary["status"]["phase"] == "WaitingPromotion"
    assert not canary["status"].get("commands")
    assert not [each for each in canary["metadata"].get("annotations", ()) if "approve" in each]
    assert not [each for each in chat.proxy.requests if each.startswith("PATCH")]


def without(name: str) -> Callable[[bytes], Headers]:
    return lambda body: {key: each for key, each in signed(body).items() if key != name}


def with_(name: str, value: str) -> Callable[[bytes], Headers]:
    return lambda body: signed(body) | {name: value}


TIME, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"
FORGED: Mapping[str, Callable[[bytes], Headers]] = {
    "no signature": without(SIGNATURE),
    "no time": without(TIME),
    "nothing": lambda _: {},
    "another secret": lambda body: signed(body, secret="another-secret"),
    "an empty secret": lambda body: signed(body, secret=""),
    "the signature of another body": lambda body: signed(body + b"&x=1"),
    "another version": lambda body: signed(body, version="v1"),
    "too old": lambda body: signed(body, at=time() - 301),
    "from the future": lambda body: signed(body, at=time() + 301),
    "another time than the signed one": with_(TIME, str(int(time()) - 1)),
    "a time that is no number": with_(TIME, "now"),
    "a time of many digits": with_(TIME, "9" * 5000),
    "a signature that is no ASCII": with_(SIGNATURE, "v0=müll"),
    "an empty signature": with_(SIGNATURE, ""),
    "a cookie instead": lambda _: {"Cookie": "__Host-tidegate=x", "Sec-Fetch-Site": "same-origin"},
    "a bearer instead": lambda _: {"Authorization": f"Bearer {SIGNING_SECRET}"},
}


async def test_a_request_that_slack_has_not_signed_just_now_is_refused_unread(chat: Chatted):
    body = body_of(chat.slack.pressed(await chat.message(), "approve"))
    async with aiohttp.ClientSession(chat.address) as session:
        for name, forge in FORGED.items():
            async with session.post(INTERACTIONS, data=body, headers=forge(body)) as answer:
                assert answer.status == 401, name
        twice = [*signed(body).items(), (SIGNATURE, "v0=another")]
        async with session.post(INTERACTIONS, data=body, headers=twice) as answer:
            assert answer.status == 401
        for path in (f"{INTERACTIONS}/", f"{INTERACTIONS}/x", "/c/demo/podinfo/commands/approve"):
            async with session.post(path, data=body, headers=signed(body)) as answer:
                assert answer.status in {303, 401, 403, 404}, path
    assert chat.slack.said == []
    await nothing_came_of_it(chat)


async def test_what_is_signed_and_is_no_press_is_refused_or_left(chat: Chatted):
    long = body_of({"type": "block_actions", "pad": "x" * 600_000})
    async with aiohttp.ClientSession(chat.address) as session:
        for body, status in (
            (b"", 400),
            (b"payload", 400),
            (b"payload={", 400),
            (b"payload=%ff", 400),
            (b"payload={}&payload={}", 400),
            (b"other={}", 400),
            (b"\xff\xfe", 401),
            (long, 413),
            (body_of({}), 200),
            (body_of([1]), 200),
            (body_of("approve"), 200),
            (body_of({"type": "view_submission"}), 200),
        ):
            async with session.post(INTERACTIONS, data=body, headers=signed(body)) as answer:
                assert answer.status == status, body[:40]
        async with session.get(INTERACTIONS, allow_redirects=False) as answer:
            assert answer.status == 303
    assert chat.slack.said == []
    await nothing_came_of_it(chat)


def press_of(chat: Chatted, message: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return chat.slack.pressed(message, "approve", **changes)


async def test_a_press_that_does_not_count_gets_a_word_and_gives_no_command(chat: Chatted):
    message = await chat.message()
    value = chat.slack.pressed(message, "approve")["actions"][0]["value"]
    group, namespace, name, uid, gate = value.split("/", 4)
    whose = f"{group}/{namespace}/{name}"
    strangers = [
        ({"user": MALLORY}, f"you are {WORKSPACE}/{MALLORY} here, which is no user of the cluster"),
        # A person of another workspace, in a channel that two share.
        ({"user__team_id": FOREIGN}, f"you are {FOREIGN}/{ALICE} here"),
        ({"user__id": f"{ALICE}2"}, f"{ALICE}2 here"),
        ({"team__id": FOREIGN}, "another workspace"),
        ({"api_app_id": "A0EVIL"}, "another app"),
        ({"api_app_id": ""}, "another app"),
    ]
    others = [
        ({"action__value": f"{whose}/another-uid/{gate}"}, "follows no such Canary podinfo.demo"),
        ({"action__value": f"{group}/kube-system/{name}/{uid}/{gate}"}, "follows no such Canary"),
        ({"action__value": f"flagger.app/{namespace}/{name}/{uid}/{gate}"}, "follows no such"),
        ({"action__value": f"{whose}/{uid}/confirm-promotion/2/1"}, "no longer waits"),
        ({"action__value": f"{whose}/{uid}/confirm-promotion/1/0"}, "no longer waits"),
        ({"action__value": f"{whose}/{uid}/confirm-rollout/1/1"}, "no longer waits"),
        ({"action__value": ""}, "not of tidegate's making"),
        ({"action__value": value * 50}, "not of tidegate's making"),
        ({"action__action_id": "tidegate.promote.0"}, "not of tidegate's making"),
        ({"action__action_id": "tidegate.skip.0"}, "not of tidegate's making"),
    ]
    hostile = [({"action__value": text}, "not of tidegate's making") for text in HOSTILE.values()]
    for number, (changes, told) in enumerate([*strangers, *others, *hostile], start=1):
        await chat.slack.by_socket(press_of(chat, message, **changes))
        words = await chat.slack.words(number)
        assert told in words[-1].text, changes
    assert not [each for each in chat.slack.said if each.kind == "thread"]
    await nothing_came_of_it(chat)


async def test_a_press_counts_once_however_often_it_is_told(chat: Chatted):
    payload = press_of(chat, await chat.message())
    for _ in range(3):
        await chat.slack.by_socket(payload)
    assert await chat.slack.by_request(chat.address, payload) == 200
    await chat.world.until_phase("Succeeded")
    words = await chat.slack.words(3)
    assert {each.text for each in words} == {"this press has been answered already"}
    assert len(await chat.given()) == 1


async def test_no_word_is_sent_to_an_address_that_is_not_slacks(chat: Chatted):
    message = await chat.message()
    for number, address in enumerate(
        (
            "",
            "http://evil.example/actions/1",
            "https://slack.com.evil.example/x",
            "file:///etc/passwd",
            "http://127.0.0.1:9/actions/1",
            "http://127.0.0.1@evil.example/",
        ),
        start=1,
    ):
        await chat.slack.by_socket(press_of(chat, message, user=MALLORY, response_url=address))
        # What comes later is answered: the one before was looked at.
        await chat.slack.by_socket(press_of(chat, message, user=MALLORY))
        await chat.slack.word(number)
        assert len(chat.slack.said) == number, address
    await nothing_came_of_it(chat)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "message_action"},
        {"actions": []},
        {"actions": "approve"},
        {"actions": [None]},
        {"actions": [{"action_id": "other.app.button", "action_ts": "1.2"}]},
        {"team": None},
        {"team": {"id": "T0/../x"}},
        {"user": "alice"},
        {"user": {"id": "U0 <!channel>"}},
        {"actions": [{"action_id": "tidegate.approve.0", "action_ts": "x"}]},
    ],
    ids=str,
)
def test_a_payload_of_another_form_is_no_press(changes: dict[str, Any]):
    payload = {
        "type": "block_actions",
        "api_app_id": APP,
        "team": {"id": WORKSPACE},
        "user": {"id": ALICE},
        "container": {"message_ts": "1.2"},
        "actions": [{"action_id": "tidegate.approve.0", "value": "x", "action_ts": "1.2"}],
    }
    assert read_press(payload) is not None
    assert read_press(payload | changes) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slack: {T0/U0: {user: 'system:admin'}}", "cluster's own"),
        ("slack: {T0/U0: {user: alice, groups: ['system:masters']}}", "cluster's own"),
        ("slack: {T0/U0: {user: alice, groups: ['System:Masters']}}", "cluster's own"),
        ("slack: {T0/U0: {user: ''}}", "none that a person may have"),
        ("slack: {T0/U0: {user: alice, uid: 0}}", "slack.T0/U0.uid"),
        ("slack: {U0: {user: alice}}", "slack.U0"),
        ("slack: {'*': {user: alice}}", "slack.*"),
        ("slack: {T0/U0: alice}", "slack.T0/U0"),
        ("slack: []", "slack"),
        ("{}", "slack"),
        ("", "write it as slack:"),
        ("!!python/object/apply:os.system [true]", "is no YAML"),
        ("slack: {T0/U0: {user: alice}", "is no YAML"),
    ],
)
def test_identities_that_say_too_much_or_too_little_are_not_used(
    tmp_path: Path, text: str, told: str
):
    file = tmp_path / "identities.yaml"
    file.write_text(text)
    with pytest.raises(UnreadableIdentities) as refused:
        ChatPeople(file).read()
    assert told in str(refused.value)


def test_identities_that_are_not_there_are_not_used(tmp_path: Path):
    with pytest.raises(UnreadableIdentities, match="No such file"):
        ChatPeople(tmp_path / "missing").read()
