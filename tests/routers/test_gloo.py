"""What is Gloo's own: durations in seconds, a single destination, and what its status says."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.routers.gloo import GlooRouter
from tests.routers.builders import a_canary, routed, spec_of


def routes(percent: int = 10, **spec: Any) -> list[Manifest]:
    return list(spec_of(routed(a_canary("gloo", **spec), percent), "RouteTable")["routes"])


@pytest.mark.parametrize(
    ("written", "seconds"), [("15s", "15s"), ("1m30s", "90s"), ("500ms", "0.5s"), ("0s", "0s")]
)
def test_durations_are_written_in_seconds(written: str, seconds: str) -> None:
    (route,) = routes(service={"timeout": written})
    assert route["options"] == {"timeout": seconds}


@pytest.mark.parametrize(
    ("retries", "written"),
    [
        ({}, {"numRetries": 1}),
        ({"attempts": 0, "retryOn": "5xx"}, {"numRetries": 0, "retryOn": "5xx"}),
        ({"attempts": 2, "perTryTimeout": "1m"}, {"numRetries": 2, "perTryTimeout": "60s"}),
    ],
)
def test_retries_are_written_as_gloo_names_them(retries: Manifest, written: Manifest) -> None:
    (route,) = routes(service={"retries": retries})
    assert route["options"] == {"retries": written}


@pytest.mark.parametrize(
    ("match", "matcher"),
    [
        ({"uri": {"suffix": ".js"}}, {"regex": r".*\.js"}),
        ({"uri": {"regex": "/a.*"}}, {"regex": "/a.*"}),
        ({"uri": {"exact": "/a"}}, {"exact": "/a"}),
        (
            {"method": {"exact": "GET"}, "headers": {"x-a": {"prefix": "b"}}},
            {
                "prefix": "/",
                "methods": ["GET"],
                "headers": [{"name": "x-a", "value": "b.*", "regex": True}],
            },
        ),
        (
            {"queryParams": {"v": {"exact": "2"}}},
            {"prefix": "/", "queryParameters": [{"name": "v", "value": "2"}]},
        ),
    ],
)
def test_conditions_are_written_in_gloos_words(match: Manifest, matcher: Manifest) -> None:
    (route,) = routes(service={"match": [match]})
    assert route["matchers"] == [matcher]


def test_requests_of_nobody_who_matches_stay_on_the_primary() -> None:
    shared, rest = routes(analysis={"match": [{"headers": {"x-a": {"exact": "b"}}}]})
    assert len(shared["routeAction"]["multi"]["destinations"]) == 2
    (primary,) = rest["routeAction"]["multi"]["destinations"]
    assert primary["destination"]["kube"]["ref"]["name"] == "podinfo-primary"


def destination(name: str, **weight: int) -> Manifest:
    return {"destination": {"kube": {"ref": {"name": name}}}, **weight}


@pytest.mark.parametrize(
    ("destinations", "seen"),
    [
        ([destination("podinfo-canary", weight=0)], Seen(weight=100)),
        (
            [destination("podinfo-primary", weight=3), destination("podinfo-canary", weight=1)],
            Seen(weight=25),
        ),
        ([destination("podinfo-primary", weight=3), destination("podinfo-canary")], Seen()),
        ([destination("other", weight=1)], None),
    ],
)
def test_destinations_are_read_as_gloo_shares_them(
    destinations: list[Manifest], seen: Seen | None
) -> None:
    spec = {"routes": [{"routeAction": {"multi": {"destinations": destinations}}}]}
    assert GlooRouter().seen(a_canary("gloo"), spec) == seen


def test_an_upstream_that_is_not_copied_is_told() -> None:
    upstream = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "podinfo"}
    (warning,) = GlooRouter().ignored(a_canary("gloo", upstreamRef=upstream))
    assert str(warning).startswith("spec.upstreamRef: an object: not copied: requests go to")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"state": "Rejected", "reason": "bad route"}, "Gloo rejects it: bad route"),
        ({"state": 2, "reason": "bad route"}, "Gloo rejects it: bad route"),
        (
            {"statuses": {"gloo-system": {"state": "Rejected", "reason": "no host"}}},
            "Gloo rejects it: no host",
        ),
        ({"statuses": {"gloo-system": {"state": "Warning", "reason": "no upstream"}}}, ""),
        ({"state": {"edited": "by hand"}}, ""),
        ({"statuses": []}, ""),
    ],
)
def test_a_rejection_is_told_in_gloos_words(status: Manifest, says: str) -> None:
    assert GlooRouter().refusal({"status": status}) == says


def test_the_answers_of_a_side_set_its_cookie_beside_those_of_the_app() -> None:
    affinity = {"cookieName": "stick", "primaryCookieName": "old"}
    canary_kept, primary_kept, split = routes(analysis={"sessionAffinity": affinity})
    primary, canary = split["routeAction"]["multi"]["destinations"]
    for destination_, cookie in ((primary, "old"), (canary, "stick")):
        (added,) = destination_["options"]["headerManipulation"]["responseHeadersToAdd"]
        assert added["append"] is True
        assert added["header"]["key"] == "Set-Cookie"
        assert added["header"]["value"].startswith(f"{cookie}=1-")
    for route, service, cookie in (
        (canary_kept, "podinfo-canary", "stick"),
        (primary_kept, "podinfo-primary", "old"),
    ):
        (matcher,) = route["matchers"]
        (header,) = matcher["headers"]
        assert (header["name"], header["regex"]) == ("cookie", True)
        assert f"{cookie}=1-" in header["value"]
        (only,) = route["routeAction"]["multi"]["destinations"]
        assert only["destination"]["kube"]["ref"]["name"] == service
        assert "options" not in only
