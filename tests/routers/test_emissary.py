"""What is Emissary's own: a Mapping that copies the user's, and weights that may be left out."""

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.objects.render import Lacking, Render
from canary.routers import ClusterState
from canary.routers.emissary import EmissaryRouter
from tests.routers.builders import a_canary, a_cluster, routed, the_traffic


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


def beside(**spec: object) -> tuple[Render, ...] | Lacking:
    """Render beside a Mapping of the user's that says this, too."""
    router, canary = EmissaryRouter(), a_canary("emissary")
    (users,) = router.objects(canary).read
    mapping = {"metadata": {"name": "podinfo"}, "spec": {"prefix": "/"} | spec}
    cluster = ClusterState(existing={users: mapping}, served={})
    return router.render(canary, cluster, the_traffic(canary, 10))


LEADING = (
    "podinfo",
    "podinfo:9898",
    "podinfo.test",
    "podinfo.test:9898",
    "http://podinfo",
    "https://podinfo.test.svc:443",
    "podinfo.test.svc.cluster.local:9898",
)
ELSEWHERE = ("cart", "podinfo.shop", "podinfo.test.example.com", "podinfo-primary:9898", None, 7)


@pytest.mark.parametrize("service", LEADING)
def test_however_it_is_written_a_mapping_leads_to_the_apex_service(service: str) -> None:
    assert not isinstance(beside(service=service), Lacking)


@pytest.mark.parametrize("service", ELSEWHERE)
def test_beside_a_mapping_that_leads_elsewhere_there_is_none(service: object) -> None:
    assert str(beside(service=service)) == (
        "Mapping test/podinfo does not lead to Service podinfo: give it service: podinfo"
    )


@pytest.mark.parametrize("weight", [0, 50, 100])
def test_beside_a_mapping_with_a_weight_there_is_none(weight: int) -> None:
    assert str(beside(service="podinfo", weight=weight)) == (
        "Mapping test/podinfo has a weight: remove it: of Mappings for the same requests one has "
        "none, and keeps what the others leave"
    )


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
