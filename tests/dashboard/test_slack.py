"""Gates answered by buttons in Slack: by its socket and by its signed requests, with the person's rights."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from canary.api.kinds import DEPLOYMENT
from tests.controller.faults import Proxy
from tests.controller.running import CANARY, until
from tests.dashboard.chatted import GATE, PEOPLE, Chatted, chatted
from tests.slack import ALICE, WORKSPACE, buttons_of, identities

pytestmark = pytest.mark.story

BOB = "U0BOB"


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chatted]:
    async with chatted(tmp_path) as found:
        yield found


async def test_the_message_about_a_gate_has_buttons_that_ask_first(chat: Chatted):
    message = await chat.message()
    labels = {each["text"]["text"]: each["confirm"]["text"]["text"] for each in buttons_of(message)}
    assert labels == {
        "Approve": "podinfo.demo: The gate opens, and the run goes on.",
        "Reject": "podinfo.demo: The run is rolled back.",
        "Abort": "podinfo.demo: The run is rolled back now: the primary gets all traffic.",
    }
    uid = (await chat.world.api.read(CANARY, "demo", "podinfo"))["metadata"]["uid"]
    gate = f"tidegate.dev/demo/podinfo/{uid}/confirm-promotion/1/1"
    assert {each["value"] for each in buttons_of(message)} == {gate}


@pytest.mark.parametrize("way", ["socket", "request"])
async def test_an_approval_promotes_and_the_thread_says_who_gave_it(chat: Chatted, way: str):
    message = await chat.message()
    payload = chat.slack.pressed(message, "approve")
    if way == "socket":
        await chat.slack.by_socket(payload)
    else:
        assert await chat.slack.by_request(chat.address, payload) == 200
    await chat.world.until_phase("Succeeded")
    said = await chat.slack.word()
    assert (said.kind, said.document["thread_ts"]) == (
        "thread",
        message.get("thread_ts") or message["ts"],
    )
    assert said.text.startswith(f"<@{ALICE}> podinfo.demo: approve by alice@example.com via slack")
    assert said.text.endswith(": accepted")
    (given,) = await chat.given()
    assert (given.user, given.tool, given.subject) == (
        "alice@example.com",
        "slack",
        "confirm-promotion/1/1",
    )
    assert given.reason == f"as {WORKSPACE}/{ALICE}"
    written = [
        headers
        for line, headers in zip(chat.proxy.requests, chat.proxy.headers, strict=True)
        if line.startswith("PATCH")
    ]
    # A write is repeated where the Canary has changed meanwhile; it is given once all the same.
    assert {each["Impersonate-User"] for each in written} == {"alice@example.com"}


async def test_the_message_that_was_answered_has_no_buttons_left(chat: Chatted):
    message = await chat.message()
    await chat.slack.by_socket(chat.slack.pressed(message, "approve"))
    edit = await chat.slack.word(2)
    assert edit.kind == "edit"
    assert not buttons_of(edit.document)
    assert "approve by alice@example.com" in edit.document["attachments"][-1]["text"]
    # What the message said stays.
    assert edit.document["attachments"][0] == message["attachments"][0]
    await chat.world.until_phase("Succeeded")
    await until(lambda: "Promoted" in str(chat.slack.messages))


@pytest.mark.parametrize(("verb", "reason"), [("reject", "Rejected"), ("abort", "Aborted")])
async def test_reject_and_abort_roll_the_run_back(chat: Chatted, verb: str, reason: str):
    await chat.slack.by_socket(chat.slack.pressed(await chat.message(), verb))
    status = await chat.world.until_phase("Failed")
    assert status["history"][0]["reason"] == reason
    said = await chat.slack.word()
    assert (said.kind, f"{verb} by alice@example.com" in said.text) == ("thread", True)


async def test_a_gate_that_was_answered_elsewhere_is_not_answered_again(chat: Chatted):
    message = await chat.message()
    await chat.world.patch(
        CANARY, "podinfo", {"metadata": {"annotations": {"tidegate.dev/approve": "kubectl"}}}
    )
    await chat.world.until_phase("Succeeded")
    await chat.slack.by_socket(chat.slack.pressed(message, "reject"))
    word, edit = await chat.slack.word(), await chat.slack.word(2)
    assert word.kind == "person"
    assert "gate confirm-promotion/1/1 of podinfo.demo no longer waits" in word.text
    assert not buttons_of(edit.document)
    assert len(await chat.given()) == 1


async def test_a_press_from_an_earlier_run_answers_no_gate_of_the_next(chat: Chatted):
    message = await chat.message()
    await chat.world.release(tag="3")

    async def at_the_next_gate() -> bool:
        status = await chat.world.status()
        return status["runs"] == 2 and status["phase"] == "WaitingPromotion"

    await until(at_the_next_gate)
    await chat.slack.by_socket(chat.slack.pressed(message, "approve"))
    word = await chat.slack.word()
    assert (word.kind, "no longer waits" in word.text) == ("person", True)
    assert await chat.given() == []


async def test_one_of_two_people_leaves_the_buttons_to_the_other(tmp_path: Path):
    people = PEOPLE | {BOB: {"user": "bob@example.com"}}
    gate = GATE | {"approvals": 2}
    settings = {"verified_commands": True}
    async with chatted(tmp_path, gate=gate, people=people, settings=settings) as chat:
        message = await chat.message()
        await chat.slack.by_socket(chat.slack.pressed(message, "approve"))
        first = await chat.slack.word()
        assert (first.kind, "has 1 of 2 approvals (alice@example.com)" in first.text) == (
            "thread",
            True,
        )
        assert buttons_of(chat.slack.messages[message["ts"]])
        await chat.slack.by_socket(chat.slack.pressed(message, "approve"))
        again = await chat.slack.word(2)
        assert (again.kind, "alice@example.com has approved" in again.text) == ("person", True)
        await chat.slack.by_socket(chat.slack.pressed(message, "approve", user=BOB))
        await chat.world.until_phase("Succeeded")
        assert (await chat.slack.word(3)).kind == "thread"


async def test_who_is_taken_out_of_the_identities_may_answer_no_more(chat: Chatted):
    message = await chat.message()
    identities(chat.identities, {BOB: {"user": "bob@example.com"}})
    await chat.slack.by_socket(chat.slack.pressed(message, "approve"))
    word = await chat.slack.word()
    assert (word.kind, f"you are {WORKSPACE}/{ALICE} here" in word.text) == ("person", True)
    chat.identities.write_text("slack: [")
    await chat.slack.by_socket(chat.slack.pressed(message, "approve"))
    assert "identities cannot be read" in (await chat.slack.word(2)).text
    assert await chat.given() == []
    # What was refused changes nothing on the message.
    assert {each.kind for each in chat.slack.said} == {"person"}


@pytest.mark.parametrize(
    ("pattern", "status", "body", "told"),
    [
        ("POST .*selfsubjectreviews", 403, {}, "may not act for alice@example.com"),
        ("POST .*selfsubjectreviews", 500, {"message": "etcd is slow"}, "etcd is slow"),
        (
            "POST .*selfsubjectrulesreviews",
            201,
            {"status": {"resourceRules": [], "incomplete": False}},
            "approve takes the verb patch on canaries in demo, which you do not have",
        ),
        ("PATCH .*canaries", 403, {"message": "alice lacks approve"}, "alice lacks approve"),
    ],
    ids=str,
)
async def test_what_a_person_may_not_do_is_not_done_for_them(
    chat: Chatted,
    pattern: str,
    status: int,
    body: dict,
    told: str,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)

    async def refuse(_: Proxy, __: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    chat.proxy.meet(pattern, refuse, always=True)
    await chat.slack.by_socket(chat.slack.pressed(await chat.message(), "approve"))
    word = await chat.slack.word()
    assert (word.kind, told in word.text) == ("person", True), word.text
    assert await chat.given() == []
    assert (await chat.world.status())["phase"] == "WaitingPromotion"
    known = "selfsubjectreviews" not in pattern
    logged = [(each.verb, each.result) for each in caplog.records if hasattr(each, "result")]
    assert logged == [("approve", "refused")] * known


async def test_a_socket_that_breaks_is_opened_again(chat: Chatted):
    await chat.slack.sockets[-1].close()
    await until(lambda: chat.slack.opened == 2 and bool(chat.slack.sockets))
    await chat.slack.by_socket(chat.slack.pressed(await chat.message(), "approve"))
    await chat.world.until_phase("Succeeded")


async def test_without_a_token_slack_is_asked_for_no_socket(tmp_path: Path):
    async with chatted(tmp_path, app_token="") as chat:
        payload = chat.slack.pressed(await chat.message(), "approve")
        assert await chat.slack.by_request(chat.address, payload) == 200
        await chat.world.until_phase("Succeeded")
        assert chat.slack.opened == 0


async def test_without_a_signing_secret_no_request_is_taken(tmp_path: Path):
    async with chatted(tmp_path, signing_secret="") as chat:
        payload = chat.slack.pressed(await chat.message(), "approve")
        assert await chat.slack.by_request(chat.address, payload) in {303, 401, 404}
        await chat.slack.by_socket(payload)
        await chat.world.until_phase("Succeeded")


async def test_receivers_that_ask_for_none_get_no_buttons(tmp_path: Path):
    async with chatted(tmp_path, provider={"buttons": False}) as chat:
        await until(lambda: "GateBlocked" in str(chat.slack.messages))
        assert chat.slack.with_buttons() == {}


async def test_the_target_is_never_touched_by_the_dashboard(chat: Chatted):
    before = await chat.world.read(DEPLOYMENT, "podinfo")
    await chat.slack.by_socket(chat.slack.pressed(await chat.message(), "reject"))
    await chat.world.until_phase("Failed")
    assert before is not None
    assert not [each for each in chat.proxy.requests if "deployments" in each]
