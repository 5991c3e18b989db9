"""`tidegate fleet lint`: names in plans, beside the clusters that a hub knows."""

import json
from pathlib import Path
from typing import Any

import pytest

from canary.api.hub import FLEET_PLAN, FLEET_REPORT, MEMBER_LABEL, MEMBER_LEASE
from canary.api.kinds import NAMESPACE, Kind, Manifest
from canary.api.schema import hub_crds
from canary.cli.findings import Level
from canary.cli.fleet_clusters import (
    CLUSTER_PROFILE,
    FleetFinding,
    HubClusters,
    ProfiledCluster,
    compare,
)
from canary.cluster.cluster import Cluster
from canary.coordinator.reading import PlanObject, ReportObject, plan_object, report_object
from canary.demo.embedded import CRD
from canary.replicas.leases import LEASE
from tests.cli.running import tidegate
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tidegate_embedded.apiserver import EmbeddedApiServer

WAVES = {"first": ["eu-1"], "rest": ["eu-2", "us-1"]}
ALL = frozenset({"eu-1", "eu-2", "us-1"})
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": CLUSTER_PROFILE.resource},
    "spec": {
        "group": CLUSTER_PROFILE.group,
        "scope": "Namespaced",
        "names": {"kind": CLUSTER_PROFILE.kind, "plural": CLUSTER_PROFILE.plural},
        "versions": [
            {
                "name": CLUSTER_PROFILE.versions[0],
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                    }
                },
            }
        ],
    },
}


def a_plan(waves: dict[str, list[str]] | None = None, name: str = "shop") -> Manifest:
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "FleetPlan",
        "metadata": {"name": name, "namespace": "releases"},
        "spec": {
            "waves": [
                {"name": wave, "clusters": clusters} for wave, clusters in (waves or WAVES).items()
            ]
        },
    }


def a_report(cluster: str, plan: str = "shop", *, canaries: int = 1) -> Manifest:
    stands = {"uid": "u", "release": "r", "state": "Idle"}
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "FleetReport",
        "metadata": {"name": f"releases.{plan}", "namespace": cluster},
        "spec": {"plan": f"releases/{plan}"},
        "status": {"canaries": [{"canary": f"shop/{n}", **stands} for n in range(canaries)]},
    }


def profile(name: str, display_name: str = "") -> ProfiledCluster:
    return ProfiledCluster(namespace="fleet", name=name, display_name=display_name)


def profiles(*names: str) -> tuple[ProfiledCluster, ...]:
    return tuple(map(profile, names))


def reports(*names: str, **given: Any) -> tuple[ReportObject, ...]:
    return tuple(report_object(a_report(name, **given)) for name in names)


def told(plans: tuple[PlanObject, ...], **known: Any) -> list[str]:
    return [
        f"{each.level} {each.wave}/{each.cluster}: {each.message}"
        for each in compare(plans, HubClusters(**known))
    ]


SHOP = plan_object(a_plan())
FINDINGS: dict[str, tuple[tuple[PlanObject, ...], dict[str, Any], list[str]]] = {
    "every name has a profile and reports": (
        (SHOP,),
        {"profiles": profiles(*ALL), "beating": ALL},
        [],
    ),
    "a report is a sign as good as a Lease": (
        (SHOP,),
        {"profiles": profiles(*ALL), "reports": reports(*ALL)},
        [],
    ),
    "without profiles the members are what is known": ((SHOP,), {"beating": ALL}, []),
    "the name that a profile shows is one of the cluster": (
        (SHOP,),
        {"profiles": (profile("c-7f3a", "us-1"), *profiles("eu-1", "eu-2")), "beating": ALL},
        [],
    ),
    "a name that neither list has, and that is like another": (
        (plan_object(a_plan({"first": ["eu-1"], "rest": ["eu-2", "us1"]})),),
        {"profiles": profiles(*ALL), "beating": ALL},
        [
            (
                "error rest/us1: the cluster us1 (spec.waves[1].clusters[1]) is not known: no ClusterProfile has this name, and no "
                "such cluster has ever reported; did you mean us-1?"
            ),
            (
                "warning /us-1: the cluster us-1 (ClusterProfile fleet/us-1) is in no wave of any "
                "FleetPlan"
            ),
        ],
    ),
    "a name that no member has, where there are no profiles": (
        (SHOP,),
        {"beating": frozenset({"eu-1", "eu-2", "zz"})},
        [
            (
                "error rest/us-1: the cluster us-1 (spec.waves[1].clusters[1]) is not known: no such "
                "cluster has ever reported; correct the name, or connect the cluster"
            ),
            "warning /zz: the cluster zz is in no wave of any FleetPlan",
        ],
    ),
    "a cluster of the inventory that has not reported": (
        (SHOP,),
        {"profiles": profiles(*ALL), "beating": ALL - {"us-1"}},
        [
            (
                "warning rest/us-1: the cluster us-1 has never reported to this hub, and the waves after "
                "this one wait for it; start its controller with --fleet-kubeconfig"
            )
        ],
    ),
    "a member that is not in the inventory": (
        (SHOP,),
        {"profiles": profiles("eu-1", "eu-2"), "beating": ALL},
        ["warning rest/us-1: the cluster us-1 reports, and no ClusterProfile has its name"],
    ),
    "a name that two waves have": (
        (plan_object(a_plan({"first": ["eu-1"], "rest": ["eu-2", "us-1", "eu-1"]})),),
        {"beating": ALL},
        [
            (
                "warning rest/eu-1: the cluster eu-1 belongs to wave first, which names it first; name "
                "it once"
            )
        ],
    ),
    "a cluster with Canaries of a plan that does not name it": (
        (SHOP, plan_object(a_plan({"all": ["ap-1"]}, "other"))),
        {"beating": ALL | {"ap-1"}, "reports": reports("ap-1")},
        [
            (
                "error /ap-1: the cluster ap-1 has Canaries of this plan and is in no wave, so their "
                "runs never start; add it to a wave, or delete its FleetReport if the cluster is gone"
            )
        ],
    ),
    "such a cluster is not named again where no plan names it": (
        (SHOP,),
        {"beating": ALL, "reports": reports("ap-1")},
        [
            (
                "error /ap-1: the cluster ap-1 has Canaries of this plan and is in no wave, so their "
                "runs never start; add it to a wave, or delete its FleetReport if the cluster is gone"
            )
        ],
    ),
    "a report without Canaries is none of a run that waits": (
        (SHOP,),
        {"beating": ALL, "reports": reports("ap-1", canaries=0)},
        ["warning /ap-1: the cluster ap-1 is in no wave of any FleetPlan"],
    ),
    "a cluster is in a wave if any plan has it": (
        (SHOP, plan_object(a_plan({"all": ["ap-1"]}, "other"))),
        {"profiles": profiles("ap-1", *ALL), "beating": ALL | {"ap-1"}},
        [],
    ),
}


@pytest.mark.parametrize(("plans", "known", "findings"), FINDINGS.values(), ids=FINDINGS)
def test_it_says_of(
    plans: tuple[PlanObject, ...], known: dict[str, Any], findings: list[str]
) -> None:
    assert told(plans, **known) == findings


def test_a_plan_that_cannot_be_acted_on_is_an_error_and_no_cluster_is_said_to_be_in_no_wave() -> (
    None
):
    broken = a_plan()
    broken["spec"]["waves"][0]["maxConcurrent"] = "0%"
    (found,) = compare((plan_object(broken),), HubClusters(beating=ALL))
    assert (found.level, found.plan) == (Level.ERROR, "releases/shop")
    assert "spec.waves[0].maxConcurrent" in found.message


def test_a_finding_says_for_people_where_it_is() -> None:
    found = FleetFinding(level=Level.ERROR, plan="releases/shop", wave="rest", message="why")
    level, message = found.shown
    assert f"{getattr(level, 'text', level)}{message}" == (
        "error: FleetPlan releases/shop: wave rest: why"
    )


class Hub:
    """A hub, and a command that reads it."""

    def __init__(self, cluster: Cluster, kubeconfig: Path) -> None:
        self.cluster = cluster
        self._path = str(kubeconfig)

    async def lint(self, *options: str) -> tuple[int, str]:
        return await tidegate("fleet", "lint", "--kubeconfig", self._path, *options)

    async def has(self, kind: Kind, *manifests: Manifest) -> None:
        for each in manifests:
            await self.cluster.create(each, kind)

    async def plan(self, manifest: Manifest) -> None:
        for definition in hub_crds().values():
            await self.has(CRD, definition)
        await self.namespaces("releases")
        await self.has(FLEET_PLAN, manifest)

    async def namespaces(self, *names: str) -> None:
        for name in names:
            metadata = {"name": name}
            await self.has(
                NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            )

    async def beats(self, *clusters: str, label: str = MEMBER_LABEL) -> None:
        for name in clusters:
            metadata = {"name": MEMBER_LEASE, "namespace": name, "labels": {label: "true"}}
            await self.has(
                LEASE,
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata},
            )

    async def inventory(self, *clusters: str) -> None:
        await self.has(CRD, DEFINITION)
        await self.namespaces("fleet")
        for name in clusters:
            metadata = {"name": name, "namespace": "fleet"}
            version = f"{CLUSTER_PROFILE.group}/{CLUSTER_PROFILE.versions[0]}"
            await self.has(
                CLUSTER_PROFILE,
                {
                    "apiVersion": version,
                    "kind": "ClusterProfile",
                    "metadata": metadata,
                    "spec": {"clusterManager": {"name": "test"}},
                },
            )


@pytest.fixture
def hub(cluster: Cluster, kubeconfig: Path) -> Hub:
    return Hub(cluster, kubeconfig)


async def test_a_hub_is_read_from_its_leases_reports_and_profiles(hub: Hub) -> None:
    code, output = await hub.lint()
    assert (code, output) == (
        1,
        "Error: there is no FleetPlan on this hub; is this its context?\n",
    )
    await hub.plan(a_plan())
    code, output = await hub.lint()
    assert (code, output) == (
        1,
        (
            "Error: there is no ClusterProfile on this hub, and no cluster has reported: there is "
            "nothing to compare with\n"
        ),
    )
    await hub.namespaces(*sorted(ALL), "ap-1", "kept")
    await hub.beats("eu-1", "us-1")
    # A Lease of something else.
    await hub.beats("kept", label="example.org/other")
    await hub.has(FLEET_REPORT, a_report("eu-2"))
    code, output = await hub.lint()
    assert (code, output) == (
        0,
        (
            "no problem in 1 FleetPlan, compared with 3 clusters that reported (there is no "
            "ClusterProfile on this hub).\n"
        ),
    )
    await hub.inventory("eu-1", "eu-2", "us-1", "ap-1")
    unreached = (
        "warning: the cluster ap-1 (ClusterProfile fleet/ap-1) is in no wave of any FleetPlan\n"
    )
    summary = (
        "1 warning in 1 FleetPlan, compared with 4 ClusterProfiles and 3 clusters that reported"
    )
    assert await hub.lint() == (0, f"{unreached}{summary}.\n")
    assert await hub.lint("--strict") == (3, f"{unreached}Error: {summary}\n")


async def test_who_may_not_read_the_inventory_compares_with_the_members_and_is_told_why(
    hub: Hub, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    await hub.plan(a_plan({"first": ["eu-1"]}))
    await hub.namespaces("eu-1")
    await hub.beats("eu-1")
    await hub.inventory("eu-1", "eu-2")
    async with proxied(server.url) as proxy:
        proxy.meet("GET .*/clusterprofiles", answer(403, {"message": "not for you"}), always=True)
        path = write_kubeconfig(tmp_path / "refused", proxy.url)
        code, output = await tidegate("fleet", "lint", "--kubeconfig", str(path))
    assert code == 0, output
    start = "no problem in 1 FleetPlan, compared with 1 cluster that reported ("
    assert output.startswith(start)
    assert "not for you" in output


async def test_programs_are_told_of_each_name_by_plan_wave_and_cluster(hub: Hub) -> None:
    await hub.plan(a_plan({"first": ["eu-1", "eu-9"]}))
    await hub.namespaces("eu-1", "eu-8")
    await hub.beats("eu-1", "eu-8")
    code, output = await hub.lint("-o", "json")
    document, error = output.splitlines()
    assert code == 3
    assert error.startswith("Error: 1 error and 1 warning in 1 FleetPlan, compared with 2 ")
    report = json.loads(document)
    finding, unreached = report.pop("findings")
    assert (unreached["level"], unreached["plan"], unreached["cluster"]) == ("warning", "", "eu-8")
    assert report == {
        "apiVersion": "view.tidegate.dev/v1",
        "kind": "FleetLintReport",
        "plans": 1,
        "clusterProfiles": 0,
        "reported": 2,
    }
    assert "did you mean eu-8?" in finding.pop("message")
    assert finding == {
        "level": "error",
        "plan": "releases/shop",
        "wave": "first",
        "cluster": "eu-9",
    }
