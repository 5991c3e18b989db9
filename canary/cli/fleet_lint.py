"""`tidegate fleet lint`: which names in FleetPlans are no clusters, and which clusters no plan names."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from canary.cli.common import reaching_a_cluster, text_or_json
from canary.cli.connection import connected
from canary.cli.documents import as_json
from canary.cli.ending import AnsweredNo, Failed
from canary.cli.findings import Level, listed, number_of
from canary.cli.fleet_clusters import FleetFinding, HubClusters, clusters_of, compare, plans_of
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster

NO_PLANS = "there is no FleetPlan on this hub; is this its context?"
_HELP = """
Compare the clusters that FleetPlans name with those that the hub knows.

Known are the ClusterProfiles of multicluster.x-k8s.io, by their name or their displayName, and the
clusters that have reported. Where there is no ClusterProfile, those that have reported are all
there is to compare with. A name that is not known is an error, and so is a cluster that has Canaries
of a plan and is in none of its waves; a cluster that has not reported yet, that has no
ClusterProfile, or that no plan names is a warning.
Exit codes: 0 nothing is wrong, 3 something is, 1 there is nothing to compare.
"""
_EXAMPLES = """\b
Examples:
  tidegate fleet lint --context hub
  tidegate fleet lint --context hub --strict -o json
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedNames:
    """What was compared, and what was found."""

    plans: int
    known: HubClusters
    found: Sequence[FleetFinding]

    def fails(self, *, strict: bool) -> bool:
        """Tell whether something is wrong."""
        return any(strict or each.level is Level.ERROR for each in self.found)

    @property
    def lists(self) -> str:
        """Say what the names were compared with."""
        reported = f"{number_of('cluster', len(self.known.members))} that reported"
        if self.known.profiles:
            return f"{number_of('ClusterProfile', len(self.known.profiles))} and {reported}"
        why = self.known.unread or "there is no ClusterProfile on this hub"
        return f"{reported} ({why})"

    @property
    def summary(self) -> str:
        """Say in a few words what was compared, and what came of it."""
        errors = sum(each.level is Level.ERROR for each in self.found)
        counts = (("error", errors), ("warning", len(self.found) - errors))
        told = listed(number_of(noun, number) for noun, number in counts if number)
        plans = number_of("FleetPlan", self.plans)
        return f"{told or 'no problem'} in {plans}, compared with {self.lists}"

    @property
    def document(self) -> dict[str, object]:
        """Write it for programs."""
        return {
            "apiVersion": "view.tidegate.dev/v1",
            "kind": "FleetLintReport",
            "plans": self.plans,
            "clusterProfiles": len(self.known.profiles),
            "reported": len(self.known.members),
            "findings": [each.document for each in self.found],
        }


@click.command(help=_HELP, epilog=_EXAMPLES)
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@text_or_json
@reaching_a_cluster
def lint(kubeconfig: str | None, context: str | None, *, strict: bool, form: str) -> None:
    """Print what was found, and fail where something is wrong."""

    async def work(hub: Cluster) -> None:
        plans = await plans_of(hub)
        if not plans:
            raise Failed(NO_PLANS)
        known = await clusters_of(hub)
        if not known.profiles and not known.members:
            why = known.unread or "there is no ClusterProfile on this hub"
            raise Failed(f"{why}, and no cluster has reported: there is nothing to compare with")
        found = tuple(compare(plans, known))
        _show(ComparedNames(plans=len(plans), known=known, found=found), form, strict=strict)

    connected(kubeconfig, context, work)


def _show(compared: ComparedNames, form: str, *, strict: bool) -> None:
    """Print what was found.

    Raises:
        AnsweredNo: something is wrong.
    """
    screen = Screen()
    if form == "json":
        screen.lines(as_json(compared.document))
    else:
        for each in compared.found:
            screen.line(*each.shown)
    if compared.fails(strict=strict):
        raise AnsweredNo(compared.summary)
    Screen.aside().line(f"{compared.summary}.")
