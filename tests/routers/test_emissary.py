"""What is Emissary's own: a Mapping that copies the user's, and weights that may be left out."""

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.routers.emissary import EmissaryRouter
from tests.routers.builders import a_canary, a_cluster, routed


def test_the_mapping_takes_the_same_requests_as_the_users() -> None:
    (mapping,) = routed(a_canary("emissary"), 10)
    assert mapping["metadata"]["name"] == "podinfo-canary"
    assert mapping["spec"] == {
        "hostname": "app.example.com",
        "prefix": "/",
        "timeout_ms": 5000,
        "headers": {"x-tenant": "a"},
        "service": "podinfo-canary.test:9898",
        "stats_name": "test__podinfo__canary",
        "weight": 10,
    }


@pytest.mark.parametrize(
    ("spec", "seen"),
    [
        ({"service": "podinfo-canary.test:9898"}, Seen(weight=50)),
        ({"service": "podinfo-canary.test:9898", "weight": 0.4}, Seen(weight=1)),
        ({"service": "podinfo-canary.test:9898", "weight": 1000}, Seen(weight=100)),
        ({"service": "podinfo-canary.test:9898", "weight": "much"}, None),
        ({"service": "old"}, None),
    ],
)
def test_the_weight_is_read_as_emissary_takes_it(spec: Manifest, seen: Seen | None) -> None:
    router, canary = EmissaryRouter(), a_canary("emissary")
    (mapping,) = routed(canary, 10)
    assert router.read(canary, a_cluster(router, canary, [mapping | {"spec": spec}])) == seen
