"""The rules by which clients stay on a side: one for each cookie, and none that others answer by."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from canary.api.canary import Canary
from canary.api.status import Cookie
from canary.core.traffic import Stickiness, Traffic
from canary.routers import router_for
from tests.routers.builders import a_canary, a_cluster, canaries, rendered

ROUTERS = ("istio", "gatewayapi", "gloo")
FIRST = Stickiness(
    canary=Cookie(name="stick", value="1-0123456789abcdef", max_age=60),
    primary=Cookie(name="old", value="1-fedcba9876543210", max_age=60),
)
ENDED = Stickiness(
    expired=(
        Cookie(name="stick", value="1-0123456789abcdef", max_age=60),
        Cookie(name="old", value="1-fedcba9876543210", max_age=60),
    )
)
CASES = [
    pytest.param(provider, canary, id=f"{provider}-{index}")
    for provider in ROUTERS
    for index, canary in enumerate(canaries(provider))
    if canary.spec.analysis.session_affinity
]
every_case = pytest.mark.parametrize(("provider", "canary"), CASES)


def lists(value: Any) -> Iterator[list[Any]]:
    """Give each list in a document, those within others after them."""
    if isinstance(value, list):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from lists(each)


def rules(provider: str, canary: Canary, traffic: Traffic) -> list[str]:
    """Render the rules of the route: the outermost list in which a cookie is set or taken."""
    router = router_for(provider)
    made = rendered(router, canary, a_cluster(router, canary), traffic)
    every = (each for obj in made for each in lists(obj["spec"]))
    found = next(each for each in every if "Max-Age=" in json.dumps(each))
    return [json.dumps(rule, sort_keys=True) for rule in found]


@every_case
def test_without_an_ended_run_no_rule_is_there_twice(provider: str, canary: Canary) -> None:
    match = canary.spec.analysis.match
    written = rules(provider, canary, Traffic(weight=40, match=match, cookies=FIRST))
    assert len(written) == len(set(written)) >= 3


@every_case
def test_a_cookie_is_taken_from_those_alone_who_send_it(provider: str, canary: Canary) -> None:
    written = rules(provider, canary, Traffic(cookies=ENDED))
    taking = [rule for rule in written if "Max-Age=0" in rule]
    asked_for = [[each.value for each in ENDED.expired if each.value in rule] for rule in taking]
    assert all(len(each) == 1 for each in asked_for)
    assert len(written) > len(taking) >= 2


@pytest.mark.parametrize("provider", ["istio", "gatewayapi"])
def test_an_edited_weight_is_put_back_though_every_rule_has_a_condition(provider: str) -> None:
    router = router_for(provider)
    service = {"match": [{"uri": {"prefix": "/shop"}}]}
    analysis = {"sessionAffinity": {"cookieName": "stick"}}
    canary = a_canary(provider, service=service, analysis=analysis)
    traffic = Traffic(weight=40, cookies=Stickiness(canary=FIRST.canary))
    made = rendered(router, canary, a_cluster(router, canary), traffic)
    edited = json.loads(json.dumps(made).replace('"weight": 40', '"weight": 50'))
    assert edited != made
    assert rendered(router, canary, a_cluster(router, canary, edited), traffic) == made
