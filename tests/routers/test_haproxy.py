"""What is HAProxy's own: one condition on a service of our own, which holds no dangerous text."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking
from canary.routers.haproxy import ACL, HaproxyRouter
from tests.cases.routers.haproxy import CANARYS
from tests.routers.builders import a_canary, a_cluster, routed

ROUTER, CANARY = HaproxyRouter(), a_canary("haproxy")
AB = {"iterations": 3, "stepWeight": None}


def acl(percent: int, **analysis: Any) -> str:
    _, service = routed(a_canary("haproxy", analysis=analysis), percent)
    return str(service["metadata"]["annotations"][ACL])


def test_the_service_selects_the_canarys_pods_and_the_ingress_leads_to_it() -> None:
    ingress, service = routed(CANARY, 20)
    assert service["metadata"]["name"] == "podinfo-canary-haproxy"
    assert service["spec"] == CANARYS["spec"]
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"]["name"] == "podinfo-canary-haproxy"


@pytest.mark.parametrize(
    ("match", "written"),
    [
        ({"headers": {"x-a": {"exact": "1"}}}, "req.hdr(x-a) -m str 1"),
        ({"headers": {"x-a": {"regex": "a|b"}}}, "req.hdr(x-a) -m reg ^(?:a|b)$"),
        ({"headers": {"x-a": {"regex": "(?!b)."}}}, "req.hdr(x-a) -m reg ^(?:(?!b).)$"),
        ({"headers": {"x-a": {"exact": "-f"}}}, "req.hdr(x-a) -m str -- -f"),
        ({"uri": {"prefix": "/a"}}, "path -m beg /a"),
        ({"uri": {"suffix": ".js"}}, "path -m end .js"),
        ({"method": {"exact": "POST"}}, "method -m str POST"),
        ({"queryParams": {"q": {"exact": "v"}}}, "url_param(q) -m str v"),
    ],
)
def test_a_condition_is_written_as_haproxy_does(match: Manifest, written: str) -> None:
    assert acl(100, **AB, match=[match]) == written
    assert acl(0, **AB, match=[match]) == "rand(100) lt 0"


@pytest.mark.parametrize("percent", [0, 1, 100])
def test_a_weight_is_a_chance(percent: int) -> None:
    assert acl(percent) == f"rand(100) lt {percent}"


@pytest.mark.parametrize(
    "match",
    [
        [{"headers": {"x-a": {"exact": "1"}, "x-b": {"exact": "2"}}}],
        [{"headers": {"x-a": {"exact": "1"}}}, {"headers": {"x-b": {"exact": "2"}}}],
        [{"name": "anybody"}],
        [{"headers": {"x-a": {"exact": "1 }"}}}],
        [{"queryParams": {"a#b": {"exact": "1"}}}],
        [{"headers": {"x-a": {"regex": "\\d"}}}],
        [{"headers": {"x-a": {"exact": ""}}}],
        [{"headers": {"x-a": {"exact": "a\x00b"}}}],
        [{"headers": {"x-a": {"regex": "["}}}],
        [{"uri": {"regex": "/(?<=a)b"}}],
        [{"headers": {"x-a": {"prefix": "a\x1bb"}}}],
    ],
)
def test_what_one_condition_cannot_say_or_would_break_is_refused(match: list[Manifest]) -> None:
    problems = ROUTER.problems(a_canary("haproxy", analysis={**AB, "match": match}))
    assert problems
    assert {problem.field.partition("[")[0] for problem in problems} == {"spec.analysis.match"}


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({ACL: "rand(100) lt 30"}, Seen(weight=30)),
        ({ACL: "rand(100) lt 300"}, Seen(weight=100)),
        ({ACL: "req.hdr(x-a) -m found"}, Seen(weight=100, matched=True)),
        ({}, None),
    ],
)
def test_the_condition_is_read_back(given: dict[str, str], seen: Seen | None) -> None:
    ingress, service = routed(CANARY, 20)
    service["metadata"]["annotations"] = given
    assert ROUTER.read(CANARY, a_cluster(ROUTER, CANARY, [ingress, service])) == seen


def test_without_the_canarys_service_it_waits() -> None:
    whole = a_cluster(ROUTER, CANARY)
    known = {key: each for key, each in whole.existing.items() if each["kind"] != "Service"}
    lacking = ROUTER.render(CANARY, type(whole)(existing=known, served={}), Traffic())
    assert isinstance(lacking, Lacking)
    assert "Service test/podinfo-canary does not exist" in str(lacking)


def test_without_a_reference_it_has_no_objects() -> None:
    canary = CANARY.but(spec=CANARY.spec.but(ingress_ref=None))
    assert ROUTER.objects(canary).all == ()
    assert ROUTER.read(canary, a_cluster(ROUTER, canary)) is None
    assert ROUTER.restore(canary, a_cluster(ROUTER, canary)).remove == ()
