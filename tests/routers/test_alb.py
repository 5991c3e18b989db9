"""The action of the user's Ingress: what of it is ours, what is kept, and what cannot be used."""

import json
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking
from canary.routers import router_for
from tests.cases.routers.alb import ACTION, ingress
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
    users["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"number": 80}
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
