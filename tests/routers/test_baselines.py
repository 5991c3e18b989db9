"""Baselines as routers lead to them, and what of a plan leaves them nothing."""

from typing import Any

import pytest

from canary.api.canary import Canary
from canary.controller.reading import CanaryReader
from canary.core.traffic import Seen, Traffic, together
from canary.routers import router_for
from canary.routers.shares import sides, weights_seen
from tests.resources.builders import a_canary
from tests.routers.builders import a_cluster, canaries, rendered

ABLE = ["istio", "gatewayapi", "gatewayapi-grpc", "kong", "smi", "traefik"]
METRIC = {"name": "request-success-rate", "judge": "sequential", "compareWith": "baseline"}


def asking(
    provider: str = "istio", *, analysis: dict[str, Any] | None = None, **spec: Any
) -> Canary:
    steps = {"stepWeights": [20, 60], "metrics": [METRIC]} | (analysis or {})
    return a_canary(provider=provider, analysis=steps, **spec)


def problems(canary: Canary) -> list[str]:
    """Read a Canary as the controller does, and give what is refused."""
    record = CanaryReader("istio").read(canary.as_written())
    return [str(each) for each in record.problems]


@pytest.mark.parametrize("provider", ABLE)
def test_these_lead_to_one(provider):
    service = {"gatewayRefs": [{"name": "web"}]} if provider[0] in "gk" else {}
    assert not problems(asking(provider, service={"port": 80} | service))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"provider": "nginx", "ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}}, "nginx leads requests to no third side", id="a router that cannot"),
        pytest.param({"analysis": {"sessionAffinity": {"cookieName": "stick"}}}, "sessionAffinity keeps clients on the other sides", id="clients that stay"),
        pytest.param({"analysis": {"mirror": True}}, "of mirrored requests a baseline gets no copy", id="copies"),
        pytest.param({"analysis": {"stepWeights": [99, 100]}}, "no step gives the canary a weight from 1 to 98", id="weights that leave none"),
        pytest.param({"targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "podinfo"}}, "no baseline can stand beside a DaemonSet", id="a target of another kind"),
        pytest.param({"keepTarget": True}, "no baseline can stand beside a target that is kept", id="a target that is kept"),
        pytest.param({"provider": "istio+traefik"}, "", id="several that can"),
        pytest.param({"provider": "istio+kuma"}, "leads requests to no third side", id="several of which one cannot"),
    ],
)  # fmt: skip
def test_what_leaves_it_nothing_is_refused_with_the_way_out(fields, says):
    found = [each for each in problems(asking(**fields)) if "compareWith" in each]
    assert len(found) == bool(says)
    for each in found:
        assert each.startswith("spec.analysis.metrics[0].compareWith")
        assert "write primary, or remove it: " in each
        assert says in each


def test_other_metrics_of_such_a_plan_are_not_refused():
    other = {"name": "request-duration", "thresholdRange": {"max": 500}}
    mixed = asking(analysis={"metrics": [other, METRIC], "mirror": True})
    (problem,) = [each for each in problems(mixed) if "compareWith" in each]
    assert problem.startswith("spec.analysis.metrics[1]")


def test_its_weight_is_a_part_of_the_primarys_and_comes_last():
    canary = asking()
    assert sides(canary, 20) == (("podinfo-primary", 80), ("podinfo-canary", 20))
    assert sides(canary, 20, 20) == (
        ("podinfo-primary", 60),
        ("podinfo-canary", 20),
        ("podinfo-baseline", 20),
    )
    assert weights_seen(canary, sides(canary, 20, 20)) == Seen(weight=20, baseline=20)


@pytest.mark.parametrize(
    ("weights", "seen"),
    [
        ({"podinfo-baseline": 1}, Seen(baseline=100)),
        ({"podinfo-primary": 10_000, "podinfo-baseline": 1}, Seen(baseline=1)),
        ({"podinfo-canary": 1, "podinfo-baseline": 1}, Seen(weight=50, baseline=50)),
        ({"podinfo-canary": 10_000, "podinfo-baseline": 1}, Seen(weight=99, baseline=1)),
        ({"other": 1}, None),
        ({"podinfo-canary": "many"}, None),
    ],
)
def test_weights_that_anybody_has_written_are_read_as_percent(weights, seen):
    assert weights_seen(asking(), weights.items()) == seen


def test_a_route_carries_what_is_intended_once_the_baseline_has_its_part():
    traffic = Traffic(weight=20, baseline=20)
    assert Seen(weight=20, baseline=20).does(traffic)
    assert not Seen(weight=20).carries(traffic)
    assert not Seen(weight=20, baseline=20).does(Traffic(weight=20))
    assert traffic.without_canary() == Traffic()
    uneven = together([Seen(weight=20, baseline=20), Seen(weight=20)])
    assert uneven is not None
    assert (uneven.baseline, uneven.uneven) == (20, True)


def test_no_more_than_all_can_be_intended():
    with pytest.raises(ValueError, match="baseline is a percentage up to 40, and 41 is not"):
        Traffic(weight=60, baseline=41)


@pytest.mark.parametrize("provider", ABLE)
def test_what_is_written_for_one_is_read_back(provider):
    router, canary = router_for(provider), canaries(provider)[0]
    document = canary.as_written()
    document["spec"]["analysis"]["metrics"] = [METRIC]
    asked = Canary.model_validate(document)
    for weight in (1, 20, 33):
        traffic = Traffic(weight=weight, baseline=weight)
        made = rendered(router, asked, a_cluster(router, asked), traffic)
        seen = router.read(asked, a_cluster(router, asked, made))
        assert seen is not None
        assert seen.does(traffic)
        assert (seen.weight, seen.baseline) == (weight, weight)
