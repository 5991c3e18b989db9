"""What a person may do, as the API server says it: in a list of rules, or verb by verb."""

from typing import Any

import pytest

from canary.api.annotations import VERBS
from canary.api.kinds import Kind, Manifest
from canary.dashboard.rights import ACCESS, KEPT_SECONDS, RULES, Rights
from canary.errors import Forbidden

PLACE = ("tidegate.dev", "web")
EVERYTHING = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


def rule(*verbs: str, **fields: Any) -> Manifest:
    return {
        "verbs": list(verbs),
        "apiGroups": ["tidegate.dev"],
        "resources": ["canaries"],
    } | fields


class ApiServer:
    """Answers reviews with rules, and notes how often it was asked."""

    def __init__(self, *rules: Manifest, incomplete: bool = False, refuses: bool = False) -> None:
        self.rules = list(rules)
        self.incomplete = incomplete
        self.refuses = refuses
        self.asked: list[Kind] = []

    async def create(self, review: Manifest, kind: Kind) -> Manifest:
        self.asked.append(kind)
        if self.refuses:
            raise Forbidden("403: no reviews for you")
        if kind == RULES:
            return {"status": {"resourceRules": self.rules, "incomplete": self.incomplete}}
        verb = review["spec"]["resourceAttributes"]["verb"]
        return {"status": {"allowed": any(verb in each["verbs"] for each in self.rules)}}


def rights(server: ApiServer, clock: Any = lambda: 0.0) -> Rights:
    return Rights(server, clock=clock)


@pytest.mark.parametrize(
    ("rules", "verb", "lacks"),
    [
        ([EVERYTHING], "abort", ""),
        ([rule("patch", "approve")], "approve", ""),
        ([rule("patch"), rule("approve")], "approve", ""),
        ([rule("patch", "approve")], "abort", "abort"),
        ([rule("abort")], "abort", "patch"),
        ([], "abort", "patch"),
        ([rule("*", apiGroups=["flagger.app"])], "abort", "patch"),
        ([rule("*", resources=["pods"])], "abort", "patch"),
        ([rule("*", resourceNames=["shop"])], "abort", ""),
        ([rule("*", resourceNames=["cart"])], "abort", "patch"),
        ([{"verbs": None, "apiGroups": None, "resources": None}], "abort", "patch"),
    ],
)
async def test_a_command_takes_patch_and_its_own_verb(rules, verb, lacks):
    allowed = await rights(ApiServer(*rules)).to_canaries(*PLACE)
    assert allowed.lacks(verb, "shop") == lacks


async def test_where_the_rules_cannot_all_be_listed_each_verb_is_asked_for():
    server = ApiServer(rule("patch", "pause"), incomplete=True)
    allowed = await rights(server).to_canaries(*PLACE)
    assert [allowed.lacks(each, "shop") for each in ("pause", "abort")] == ["", "abort"]
    assert server.asked == [RULES, *[ACCESS] * (len(VERBS) + 1)]


async def test_where_the_api_server_does_not_say_it_decides_about_the_write():
    allowed = await rights(ApiServer(refuses=True)).to_canaries(*PLACE)
    assert allowed.lacks("abort", "shop") == ""


async def test_an_answer_is_kept_for_half_a_minute_and_a_namespace():
    server, now = ApiServer(EVERYTHING), 0.0
    kept = rights(server, lambda: now)
    for namespace in ("web", "web", "pay"):
        await kept.to_canaries("tidegate.dev", namespace)
    assert len(server.asked) == 2
    now = KEPT_SECONDS
    server.rules.clear()
    assert (await kept.to_canaries(*PLACE)).lacks("abort", "shop") == "patch"


PLACES = [("tidegate.dev", f"team-{number}") for number in range(50)]


async def test_who_may_do_everything_everywhere_is_not_asked_about_each_namespace():
    server = ApiServer(EVERYTHING | {"verbs": ["patch", *VERBS]})
    found = await rights(server).to_all(PLACES, seconds=60)
    assert {allowed.lacks("abort", "shop") for allowed in found.values()} == {""}
    assert (len(found), set(server.asked), len(server.asked)) == (50, {ACCESS}, 1 + len(VERBS))


async def test_who_may_not_is_asked_about_each_namespace_once():
    server = ApiServer(rule("patch", "pause"))
    found = await rights(server).to_all(PLACES, seconds=60)
    assert {allowed.lacks("pause", "shop") for allowed in found.values()} == {""}
    assert {allowed.lacks("abort", "shop") for allowed in found.values()} == {"abort"}
    assert server.asked.count(RULES) == len(PLACES)


async def test_in_a_few_namespaces_nothing_is_asked_beyond_them():
    server = ApiServer(EVERYTHING)
    await rights(server).to_all(PLACES[:2], seconds=60)
    assert server.asked == [RULES, RULES]
