"""Controllers whose Leases are in different namespaces: the second says so, if it may look."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from canary.api.meta import GROUP, PEER_GROUP
from canary.cluster.cluster import Cluster
from canary.controller.others import OtherControllers
from canary.replicas.presence import Scope
from tests.cli.leases import create_lease
from tests.controller.faults import Proxy, answer
from tests.controller.running import World, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WARNED = "another controller acts on the same Canaries"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


async def look(
    cluster: Cluster, *, lease: str = "other/tidegate", group: str = GROUP, namespace: str = ""
) -> None:
    scope = Scope(
        version="1",
        groups=frozenset({group}),
        namespaces=frozenset({namespace} if namespace else ()),
    )
    await OtherControllers(cluster, lease=lease, scope=scope, now=lambda: NOW).look()


async def test_a_controller_with_a_lease_elsewhere_is_named_with_its_lease(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await create_lease(cluster, NOW - timedelta(seconds=3), holder="web-0")
    await look(cluster)
    (said,) = warnings(caplog)
    assert said.startswith(WARNED)
    assert "its Lease is default/tidegate, held by web-0, and ours is other/tidegate" in said


@pytest.mark.parametrize(
    ("ago", "holder", "namespaces", "asked"),
    [
        (timedelta(hours=1), "web-0", (), {}),
        (timedelta(0), "", (), {}),
        (timedelta(0), "web-0", (), {"lease": "default/tidegate"}),
        (timedelta(0), "web-0", (), {"group": PEER_GROUP}),
        (timedelta(0), "web-0", ("shop",), {"namespace": "pay"}),
    ],
    ids=["silent", "released", "our own", "another API group", "other namespaces"],
)
async def test_who_does_not_compete_is_not_warned_of(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, ago, holder, namespaces, asked
) -> None:
    await create_lease(cluster, NOW - ago, *namespaces, holder=holder)
    await look(cluster, **asked)
    assert warnings(caplog) == []


async def test_without_the_right_to_list_leases_nothing_is_said(
    cluster: Cluster, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.meet("GET .*leases", answer(403), always=True)
    await look(cluster)
    assert warnings(caplog) == []


async def test_the_second_of_two_that_both_lead_says_where_the_lease_of_the_first_is(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.running_controller(lease_namespace="default") as first:
        await until(first.acts, "the first leads")
        assert warnings(caplog) == []
        async with world.running_controller(lease_namespace="kube-system") as second:
            await until(second.acts, "the second leads as well")
            await until(lambda: bool(warnings(caplog)), "the second warns")
    said = [each for each in warnings(caplog) if each.startswith(WARNED)]
    assert len(said) == 1
    assert "its Lease is default/tidegate" in said[0]
    assert "ours is kube-system/tidegate" in said[0]


async def test_a_controller_for_some_namespaces_does_not_look(world: World) -> None:
    async with world.running_controller(namespaces=(world.namespace,)) as controller:
        await until(controller.acts, "it leads")
    listed = [
        each for each in world.server.audit if (each.verb, each.resource) == ("list", "leases")
    ]
    assert listed == []
