"""Members of Slack known by mail address: who has none of their own that Slack vouches for gives no command."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from canary.dashboard.chat_people import ChatPeople, MailRules, Person, UnreadableIdentities
from tests.controller.running import CANARY
from tests.dashboard.chatted import Chatted, chatted
from tests.slack import ALICE, MALLORY, WORKSPACE, a_member, identities

MAILS: Mapping[str, Any] = {
    "domains": ["example.com"],
    "userPrefix": "oidc:",
    "groups": {"releasers": ["alice@example.com"]},
}
ADDRESS, USER = "alice@example.com", "oidc:alice@example.com"


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chatted]:
    async with chatted(tmp_path, people={}, mails=MAILS) as found:
        yield found


async def presses(chat: Chatted, number: int, user: str = ALICE, **changes: Any) -> str:
    """Press Approve, and give the `number`-th word to a person alone."""
    payload = chat.slack.pressed(await chat.message(), "approve", user=user, **changes)
    await chat.slack.by_socket(payload)
    return (await chat.slack.words(number))[-1].text


async def nothing_came_of_it(chat: Chatted) -> None:
    canary = await chat.world.api.read(CANARY, "demo", "podinfo")
    assert canary["status"]["phase"] == "WaitingPromotion"
    assert not canary["status"].get("commands")
    assert not [each for each in chat.proxy.requests if each.startswith("PATCH")]
    assert not [each for each in chat.proxy.headers if "Impersonate-User" in each]


async def test_a_member_acts_as_the_user_of_their_confirmed_address_with_its_groups(chat: Chatted):
    chat.slack.members[ALICE] = a_member(ALICE, "Alice@Example.com")
    await chat.slack.by_socket(chat.slack.pressed(await chat.message(), "approve"))
    await chat.world.until_phase("Succeeded")
    (given,) = await chat.given()
    assert (given.user, given.reason) == (USER, f"as {WORKSPACE}/{ALICE}")
    acting = [each for each in chat.proxy.headers if "Impersonate-User" in each]
    assert {each["Impersonate-User"] for each in acting} == {USER}
    assert {each["Impersonate-Group"] for each in acting} == {"releasers"}


UNVOUCHED: Mapping[str, tuple[Any, str]] = {
    "nobody there": (None, "user_not_found"),
    "no answer": (web.HTTPBadGateway(), "press again"),
    "sent elsewhere": (web.HTTPFound("http://127.0.0.1:9/"), "press again"),
    "no user": ([], "knows no member"),
    "an empty user": ({}, "knows no member"),
    "another member": (a_member(MALLORY, ADDRESS), "knows no member"),
    "a member of elsewhere": (a_member(ALICE, ADDRESS, team_id="T0OTHER"), "knows no member"),
    "who has left": (a_member(ALICE, ADDRESS, deleted=True), "who has left"),
    "a bot": (a_member(ALICE, ADDRESS, is_bot=True), "a bot"),
    "a workflow": (a_member(ALICE, ADDRESS, is_workflow_bot=True), "a bot"),
    "a guest": (a_member(ALICE, ADDRESS, is_restricted=True), "a guest"),
    "a guest of one channel": (a_member(ALICE, ADDRESS, is_ultra_restricted=True), "a guest"),
    "a stranger": (a_member(ALICE, ADDRESS, is_stranger=True), "a guest"),
    "of whom little is said": (a_member(ALICE, ADDRESS, is_restricted=None), "a guest"),
    "not confirmed": (a_member(ALICE, ADDRESS, is_email_confirmed=False), "not confirmed"),
    "confirmed in a word": (a_member(ALICE, ADDRESS, is_email_confirmed="yes"), "not confirmed"),
    "no address": (a_member(ALICE, ""), "does not tell your mail address"),
    "no profile": (a_member(ALICE, ADDRESS, profile=None), "does not tell your mail address"),
    "another domain": (a_member(ALICE, "alice@evil.example"), "in no domain"),
    "a domain below": (a_member(ALICE, "alice@x.example.com"), "in no domain"),
    "a domain that goes on": (a_member(ALICE, "alice@example.com.evil.net"), "in no domain"),
    "two domains": (a_member(ALICE, "alice@evil.net@example.com"), "in no domain"),
    "a letter that looks alike": (a_member(ALICE, "аlice@example.com"), "in no domain"),
    "a letter that is folded": (a_member(ALICE, "alice@eXample.com".replace("X", "\u2179")),
                                "in no domain"),
    "a line below": (a_member(ALICE, "alice@example.com\nx"), "in no domain"),
    "a name of the cluster": (a_member(ALICE, "system:admin@example.com"), "in no domain"),
}  # fmt: skip


async def test_who_has_no_address_that_slack_vouches_for_gives_no_command(chat: Chatted):
    for number, (name, (told, says)) in enumerate(UNVOUCHED.items(), start=1):
        chat.slack.members[ALICE] = told
        assert says in await presses(chat, number), name
    # Slack says nothing of a person of another workspace that the press itself does not name.
    chat.slack.members[ALICE] = a_member(ALICE, ADDRESS)
    number = len(UNVOUCHED) + 1
    assert "knows no member" in await presses(chat, number, user__team_id="T0OTHER")
    await nothing_came_of_it(chat)


async def test_a_changed_address_makes_nobody_somebody_else(chat: Chatted):
    # The API server knows Alice, and lets her approve nothing: her address is seen all the same.
    async def refuse(_: Any, __: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "no"}, status=403)

    chat.proxy.meet("POST .*selfsubjectreviews", refuse, always=True)
    chat.slack.members[ALICE] = a_member(ALICE, ADDRESS)
    assert f"may not act for {USER}" in await presses(chat, 1)
    chat.slack.members[MALLORY] = a_member(MALLORY, "mallory@example.com")
    assert "may not act for oidc:mallory@example.com" in await presses(chat, 2, MALLORY)
    # Mallory takes Alice's address, whom somebody has given another.
    chat.slack.members[ALICE] = a_member(ALICE, "alice.b@example.com")
    chat.slack.members[MALLORY] = a_member(MALLORY, ADDRESS)
    for number, user in ((3, MALLORY), (4, ALICE)):
        told = await presses(chat, number, user)
        assert "is not the one of before" in told
        assert f"name {WORKSPACE}/{user} in the dashboard's identities" in told
    # Nor does somebody who was never seen.
    chat.slack.members["U0NEW"] = a_member("U0NEW", ADDRESS)
    assert "is not the one of before" in await presses(chat, 5, "U0NEW")
    # Who has the address of before is who they were.
    chat.slack.members[ALICE] = a_member(ALICE, ADDRESS)
    assert f"may not act for {USER}" in await presses(chat, 6)


async def test_slack_is_asked_only_about_presses_that_could_count_and_members_without_a_name(
    chat: Chatted,
):
    chat.slack.members[ALICE] = a_member(ALICE, ADDRESS)
    assert "another app" in await presses(chat, 1, api_app_id="A0EVIL")
    assert "not of tidegate's making" in await presses(chat, 2, action__value="x")
    identities(chat.identities, {})
    assert "is no user of the cluster" in await presses(chat, 3)
    identities(chat.identities, {ALICE: {"user": "bob@example.com"}}, MAILS)
    assert chat.slack.asked_about == []
    await chat.slack.by_socket(chat.slack.pressed(await chat.message(), "approve"))
    await chat.world.until_phase("Succeeded")
    assert [each.user for each in await chat.given()] == ["bob@example.com"]
    assert chat.slack.asked_about == []


async def test_without_the_bots_token_nobody_is_known_by_an_address(tmp_path: Path):
    async with chatted(tmp_path, people={}, mails=MAILS, bot_token="") as chat:
        chat.slack.members[ALICE] = a_member(ALICE, ADDRESS)
        assert "is no user of the cluster" in await presses(chat, 1)


async def test_a_token_that_slack_does_not_know_makes_nobody_known(tmp_path: Path):
    async with chatted(tmp_path, people={}, mails=MAILS, bot_token="xoxb-other") as chat:
        assert "does not say who you are: invalid_auth" in await presses(chat, 1)
        await nothing_came_of_it(chat)


def test_the_groups_of_an_address_are_those_that_name_it(tmp_path: Path):
    rules = {
        "domains": ["example.com", "example.org"],
        "groups": {"a": [ADDRESS, "bob@example.org"], "b": [ADDRESS]},
    }
    found = ChatPeople(identities(tmp_path / "x", {}, rules)).mails()
    assert found is not None
    assert found.find("ALICE@example.COM") == Person(user=ADDRESS, groups=("a", "b"))
    assert found.find("bob@example.org") == Person(user="bob@example.org", groups=("a",))
    assert found.find("carol@example.com") == Person(user="carol@example.com", groups=())


def test_no_prefix_makes_a_name_of_the_cluster():
    rules = MailRules(domains=frozenset({"example.com"}), prefix="system:", groups={})
    assert rules.find(ADDRESS) is None


@pytest.mark.parametrize(
    ("mails", "told"),
    [
        ("{domains: []}", "slackMail.domains"),
        ("{domains: ['*']}", "slackMail.domains.0"),
        ("{domains: ['*.example.com']}", "slackMail.domains.0"),
        ("{domains: [Example.com]}", "in small letters"),
        ("{domains: [com]}", "slackMail.domains.0"),
        ("{}", "slackMail.domains"),
        ("true", "write it as slackMail:"),
        ("{domains: [example.com], groups: {'system:masters': [a@example.com]}}", "cluster's own"),
        ("{domains: [example.com], groups: {a: [a@example.org]}}", "in none of the domains"),
        ("{domains: [example.com], groups: {a: ['*@example.com']}}", "slackMail.groups.a.0"),
        ("{domains: [example.com], userPrefix: 'a b'}", "slackMail.userPrefix"),
        ("{domains: [example.com], users: []}", "slackMail.users"),
    ],
)
def test_rules_for_addresses_that_say_too_much_or_too_little_are_not_used(
    tmp_path: Path, mails: str, told: str
):
    file = tmp_path / "identities.yaml"
    file.write_text(f"slack: {{}}\nslackMail: {mails}\n")
    with pytest.raises(UnreadableIdentities) as refused:
        ChatPeople(file).mails()
    assert told in str(refused.value)
