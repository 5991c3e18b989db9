"""The action of the user's Ingress: what of it is ours, what is kept, and what cannot be used."""

import json
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking
from canary.routers import router_for
from tests.cases.routers.alb import ACTION, CONDITIONS, MATCHING, ingress, path_to
from tests.routers.builders import a_canary, a_cluster, rendered, restored

ROUTER = router_for("alb")
CANARY = a_canary("alb")
STICKY = {"enabled": True, "durationSeconds": 60}


def written(action: object) -> Manifest:
    """Write an Ingress of the user's with an action."""
    users = ingress("web")
    users["metadata"]["annotations"][ACTION] = json.dumps(action)
    return users


def forward(*groups: tuple[str, int], **config: Any) -> dict[str, Any]:
    listed = [
        {"serviceName": name, "servicePort": 9898, "weight": weight} for name, weight in groups
    ]
    return {"type": "forward", "forwardConfig": {"targetGroups": listed, **config}}


def action(users: Manifest, weight: int) -> Any:
    (made,) = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY, [users]), Traffic(weight=weight))
    return json.loads(made["metadata"]["annotations"][ACTION])


@pytest.mark.parametrize("weight", [0, 20, 100])
def test_both_target_groups_stay_in_the_action_whatever_their_weights(weight: int) -> None:
    both = forward(("podinfo-primary", 100 - weight), ("podinfo-canary", weight))
    assert action(ingress("web"), weight) == both


def test_nothing_but_the_action_changes_and_it_is_given_back() -> None:
    users = written(forward(("podinfo", 1)))
    (made,) = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY, [users]), Traffic(weight=20))
    assert made["spec"] == users["spec"]
    assert made["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-type"] == "ip"
    assert restored(ROUTER, CANARY, a_cluster(ROUTER, CANARY, [made])).write == (users,)


def test_clients_stick_to_their_target_group_while_both_get_requests_and_not_after() -> None:
    users = written(forward(("podinfo", 1), targetGroupStickinessConfig=STICKY))
    (at_20,) = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY, [users]), Traffic(weight=20))
    found = json.loads(at_20["metadata"]["annotations"][ACTION])["forwardConfig"]
    assert found["targetGroupStickinessConfig"] == STICKY
    assert "targetGroupStickinessConfig" not in action(at_20, 0)["forwardConfig"]
    (at_0,) = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY, [at_20]), Traffic())
    assert action(at_0, 50)["forwardConfig"]["targetGroupStickinessConfig"] == STICKY


@pytest.mark.parametrize(
    ("before", "fault"),
    [
        (forward(("podinfo", 1), ("other", 1)), "does more in"),
        ({"type": "redirect", "redirectConfig": {"port": "443"}}, "does more in"),
        (
            {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupARN": "arn"}]}},
            "does more in",
        ),
    ],
)
def test_an_action_that_does_more_is_not_taken_over(before: object, fault: str) -> None:
    wanted = ROUTER.render(CANARY, a_cluster(ROUTER, CANARY, [written(before)]), Traffic())
    assert isinstance(wanted, Lacking)
    assert wanted.fault.startswith(fault)


def test_a_backend_without_an_action_is_waited_for() -> None:
    users = ingress("web")
    users["spec"]["rules"][0]["http"]["paths"][1]["backend"]["service"]["port"] = {"number": 80}
    wanted = ROUTER.render(CANARY, a_cluster(ROUTER, CANARY, [users]), Traffic())
    assert str(wanted) == (
        "Ingress test/web has no backend of Service podinfo with the port name use-annotation: "
        "change it, or name another Ingress than web"
    )


def test_an_ingress_that_is_missing_is_waited_for() -> None:
    cluster = a_cluster(ROUTER, a_canary("alb"))
    existing = {key: each for key, each in cluster.existing.items() if key.name != "web"}
    wanted = ROUTER.render(CANARY, type(cluster)(existing=existing, served={}), Traffic())
    assert str(wanted).startswith("Ingress test/web does not exist: create it")


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (forward(("podinfo-primary", 999), ("podinfo-canary", 1)), Seen(weight=1)),
        (
            {
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [
                        {"ServiceName": "podinfo-primary", "Weight": 60},
                        {"ServiceName": "podinfo-canary", "Weight": 40},
                    ]
                },
            },
            Seen(weight=40),
        ),
        ({"type": "forward", "forwardConfig": {"targetGroups": [{"serviceName": "podinfo-canary"}]}}, Seen(weight=100)),
        (forward(("podinfo", 1)), None),
        ("not an action", None),
    ],
)  # fmt: skip
def test_an_action_is_read_as_the_controller_reads_it(found: object, seen: Seen | None) -> None:
    assert ROUTER.read(CANARY, a_cluster(ROUTER, CANARY, [written(found)])) == seen


ONE = {"headers": {"x-a": {"exact": "1"}}}


def asking(*match: Manifest, **analysis: Any) -> Any:
    return a_canary("alb", analysis={"match": list(match)} | analysis)


def annotations(canary: Any, weight: int, users: Manifest | None = None) -> dict[str, Any]:
    traffic = Traffic(weight=weight, match=canary.spec.analysis.match)
    (made,) = rendered(ROUTER, canary, a_cluster(ROUTER, canary, [users] if users else ()), traffic)
    prefix = "alb.ingress.kubernetes.io/"
    given = made["metadata"]["annotations"].items()
    return {
        name.removeprefix(prefix): json.loads(value)
        for name, value in given
        if name.startswith((f"{prefix}actions.", f"{prefix}conditions."))
    }


def both(weight: int) -> dict[str, Any]:
    return forward(("podinfo-primary", 100 - weight), ("podinfo-canary", weight))


def test_requests_that_match_have_a_rule_of_their_own_and_all_others_stay_on_the_primary() -> None:
    assert annotations(asking(ONE), 30) == {
        "actions.podinfo": both(0),
        "actions.podinfo-matching": both(30),
        "conditions.podinfo-matching": [
            {"field": "http-header", "httpHeaderConfig": {"httpHeaderName": "x-a", "values": ["1"]}}
        ],
    }


def test_where_all_requests_take_part_both_rules_do_the_same() -> None:
    assert annotations(CANARY, 30) == {
        "actions.podinfo": both(30),
        "actions.podinfo-matching": both(30),
        "conditions.podinfo-matching": [],
    }


def test_an_ingress_without_that_rule_gets_the_action_alone() -> None:
    assert annotations(CANARY, 30, with_paths(path_to("podinfo", "Prefix"))) == {
        "actions.podinfo": both(30)
    }


@pytest.mark.parametrize(
    ("match", "written"),
    [
        (
            {"method": {"exact": "POST"}},
            {"field": "http-request-method", "httpRequestMethodConfig": {"values": ["POST"]}},
        ),
        (
            {"headers": {"cookie": {"suffix": "b=1"}}},
            {
                "field": "http-header",
                "httpHeaderConfig": {"httpHeaderName": "cookie", "values": ["*b=1"]},
            },
        ),
        (
            {"queryParams": {"q": {"prefix": "v"}}},
            {
                "field": "query-string",
                "queryStringConfig": {"values": [{"key": "q", "value": "v*"}]},
            },
        ),
    ],
)
def test_a_condition_is_written_as_the_load_balancer_does(match: Manifest, written: object) -> None:
    assert annotations(asking(match), 100)["conditions.podinfo-matching"] == [written]


@pytest.mark.parametrize(
    ("match", "place"),
    [
        ([ONE, ONE], "[1]"),
        ([{"name": "anybody"}], "[0]"),
        ([{"headers": {name: {"exact": "1"} for name in ("a", "b", "c")}}], "[0]"),
        ([{"headers": {"x-a": {"regex": "a|b"}}}], "[0].headers"),
        ([{"headers": {"x-a": {"exact": "a*"}}}], "[0]"),
        ([{"headers": {"x-a": {"prefix": "?"}}}], "[0]"),
        ([{"queryParams": {"a*": {"exact": "1"}}}], "[0]"),
        ([{"queryParams": {"a": {"exact": "1" * 128}}}], "[0]"),
        ([{"headers": {"x-a": {"exact": ""}}}], "[0]"),
        ([{"headers": {"Host": {"exact": "1"}}}], "[0].headers"),
        ([{"headers": {"x" * 41: {"exact": "1"}}}], "[0].headers"),
        ([{"method": {"exact": "get"}}], "[0].method.exact"),
        ([{"method": {"prefix": "G"}}], "[0].method"),
        ([{"uri": {"prefix": "/a"}}], "[0].uri"),
    ],
)
def test_what_one_rule_cannot_say_is_refused(match: list[Manifest], place: str) -> None:
    problems = ROUTER.problems(asking(*match))
    assert [problem.field for problem in problems] == [f"spec.analysis.match{place}"]


@pytest.mark.parametrize(("text", "fields"), [("beta", ["spec.analysis.match[0]"]), ("1.2", [])])
def test_letters_are_warned_of_as_their_case_makes_no_difference(
    text: str, fields: list[str]
) -> None:
    warnings = ROUTER.ignored(asking({"queryParams": {"q": {"exact": text}}}))
    assert [each.field for each in warnings] == fields


def with_paths(*paths: Manifest, **given: str) -> Manifest:
    """Write an Ingress of the user's with these paths and annotations."""
    users = ingress("web")
    users["spec"]["rules"][0]["http"]["paths"] = list(paths)
    users["metadata"]["annotations"] |= given
    return users


FIRST, ALL = path_to("podinfo-matching"), path_to("podinfo")
ORDER = (
    "does not ask the backend podinfo-matching before podinfo: write both with pathType "
    "ImplementationSpecific, in this order"
)


@pytest.mark.parametrize(
    ("users", "fault"),
    [
        (with_paths(ALL), "has no backend of Service podinfo-matching with the port name use-annotation"),
        (with_paths(ALL, FIRST), ORDER),
        (with_paths(FIRST, path_to("podinfo", "Prefix")), ORDER),
        (with_paths(path_to("podinfo-matching", "Prefix"), ALL), ORDER),
        (with_paths(FIRST, ALL, FIRST), ORDER),
        (
            with_paths(FIRST, ALL, **{MATCHING: json.dumps(forward(("other", 1)))}),
            f"does more in {MATCHING} than forward to Service podinfo",
        ),
        (
            with_paths(FIRST, ALL, **{CONDITIONS: '[{"field":"source-ip"}]'}),
            f"has conditions of its own in {CONDITIONS}",
        ),
    ],
)  # fmt: skip
def test_a_rule_that_requests_would_not_meet_or_that_does_more_is_waited_for(
    users: Manifest, fault: str
) -> None:
    canary = asking(ONE)
    wanted = ROUTER.render(canary, a_cluster(ROUTER, canary, [users]), Traffic())
    assert isinstance(wanted, Lacking)
    assert wanted.fault == fault


def test_conditions_of_a_step_need_the_rule_as_well() -> None:
    canary = a_canary("alb", analysis={"steps": [{"weight": 100, "match": [ONE]}]})
    wanted = ROUTER.render(canary, a_cluster(ROUTER, canary, [with_paths(ALL)]), Traffic())
    assert "podinfo-matching" in str(wanted)


def test_the_rule_may_be_for_other_paths_than_the_app_has() -> None:
    canary, other = asking(ONE), path_to("podinfo-matching") | {"path": "/beta/*"}
    assert annotations(canary, 5, with_paths(ALL, other))["actions.podinfo-matching"] == both(5)


def test_all_three_annotations_are_given_back() -> None:
    rule = {MATCHING: json.dumps(forward(("podinfo", 1))), CONDITIONS: "[]"}
    users, canary = with_paths(FIRST, ALL, **rule), asking(ONE)
    traffic = Traffic(weight=20, match=canary.spec.analysis.match)
    (made,) = rendered(ROUTER, canary, a_cluster(ROUTER, canary, [users]), traffic)
    assert restored(ROUTER, CANARY, a_cluster(ROUTER, CANARY, [made])).write == (users,)


@pytest.mark.parametrize(
    ("of_all", "of_some", "conditions", "seen"),
    [
        (0, 30, "[{}]", Seen(weight=30, matched=True)),
        (30, 30, "[]", Seen(weight=30)),
        (10, 30, "[]", Seen(weight=30, uneven=True)),
        (10, 30, "[{}]", Seen(weight=30, matched=True, uneven=True)),
    ],
)
def test_both_rules_are_read_together(
    of_all: int, of_some: int, conditions: str, seen: Seen
) -> None:
    given = {
        ACTION: json.dumps(both(of_all)),
        MATCHING: json.dumps(both(of_some)),
        CONDITIONS: conditions,
    }
    users = with_paths(FIRST, ALL, **given)
    assert ROUTER.read(CANARY, a_cluster(ROUTER, CANARY, [users])) == seen


def test_clients_are_led_back_even_where_the_rule_for_them_is_gone_by_now() -> None:
    canary = asking(ONE)
    traffic = Traffic(weight=20, match=canary.spec.analysis.match)
    (made,) = rendered(ROUTER, canary, a_cluster(ROUTER, canary), traffic)
    edited = a_cluster(ROUTER, canary, [made | {"spec": with_paths(ALL)["spec"]}])
    (back,) = rendered(ROUTER, canary, edited, traffic.without_canary())
    assert json.loads(back["metadata"]["annotations"][ACTION]) == both(0)
    assert not {MATCHING, CONDITIONS} & back["metadata"]["annotations"].keys()
    assert isinstance(ROUTER.render(canary, edited, traffic), Lacking)
