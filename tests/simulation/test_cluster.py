"""The calculated cluster: what actions do to it, and what it shows."""

from dataclasses import replace

from canary.core.actions import (
    ClearCommands,
    EnsureAutoscaler,
    EnsureBaseline,
    EnsureBudgets,
    EnsurePrimary,
    EnsureServices,
    PauseAutoscaler,
    RemoveBaseline,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
    Side,
)
from canary.core.facts import Command
from canary.core.traffic import Traffic
from canary.simulation.cluster import SimulatedCluster, released
from tests.builders import T0


def a_cluster() -> SimulatedCluster:
    return SimulatedCluster(now=T0, commands=(Command(verb="approve"), Command(verb="pause")))


def test_actions_are_made_true_and_again_change_nothing() -> None:
    cluster = a_cluster()
    actions = (
        EnsurePrimary(revision="1-r0", replicas=3),
        EnsureServices(apex=Side.PRIMARY),
        RouteTraffic(traffic=Traffic(weight=20)),
        ScaleTarget(replicas=5),
        ScalePrimary(replicas=4),
        PauseAutoscaler(replicas=0),
        EnsureAutoscaler(minimum=2),
        ClearCommands(verbs=("approve",)),
        EnsureBudgets(),
    )
    assert cluster.apply(actions)
    assert not cluster.apply(actions)
    assert cluster.target is not None
    assert cluster.primary is not None
    assert cluster.routed is not None
    assert (cluster.target.replicas, cluster.target.total) == (5, 2)
    assert (cluster.primary.revision, cluster.primary.replicas) == ("1-r0", 4)
    assert (cluster.routed.weight, cluster.apex, cluster.sides) == (20, Side.PRIMARY, {"podinfo"})
    assert [each.verb for each in cluster.commands] == ["pause"]
    assert (cluster.paused, cluster.minimum) == (0, 2)


def test_pods_come_when_it_heals() -> None:
    cluster = a_cluster()
    cluster.apply([EnsurePrimary(revision="1-r0", replicas=2)])
    assert cluster.primary is not None
    assert not cluster.primary.ready()
    assert cluster.heal()
    assert cluster.primary.ready()
    assert not cluster.heal()


def test_a_release_waits_for_its_pods() -> None:
    cluster = a_cluster()
    assert cluster.target is not None
    assert cluster.target.ready()
    cluster.target = released(cluster.target)
    assert not cluster.target.ready()


def test_the_primary_gets_the_revision_that_the_target_has_and_no_other() -> None:
    cluster = a_cluster()
    assert not cluster.apply([EnsurePrimary(revision="1-other", replicas=2)])
    cluster.autoscaled = True
    cluster.apply([EnsurePrimary(revision="1-r0", replicas=2)])
    cluster.revision = "1-r1"
    cluster.apply([EnsurePrimary(revision="1-r1", replicas=7)])
    assert cluster.primary is not None
    # The autoscaler's number is left to it.
    assert (cluster.primary.revision, cluster.primary.replicas) == ("1-r1", 2)


def test_without_a_target_there_is_nothing_to_scale_or_to_copy() -> None:
    cluster = replace(a_cluster(), target=None)
    assert not cluster.apply([ScaleTarget(replicas=1), ScalePrimary(replicas=1)])
    assert not cluster.apply([EnsurePrimary(revision="1-r0", replicas=2)])
    assert not cluster.heal()
    facts = cluster.facts({})
    assert (facts.target, facts.revision, facts.autoscaler_minimum) == (None, None, None)


def test_a_baseline_is_made_for_a_run_and_again_for_the_next_one() -> None:
    cluster = a_cluster()
    ensured = EnsureBaseline(revision="1-r0/1", replicas=2)
    assert cluster.apply([ensured])
    cluster.heal()
    assert not cluster.apply([ensured])
    assert cluster.baseline is not None
    assert cluster.baseline.ready()
    cluster.apply([EnsureBaseline(revision="1-r0/2", replicas=3)])
    assert cluster.baseline is not None
    assert (cluster.baseline.replicas, cluster.baseline.ready()) == (3, False)
    assert cluster.apply([RemoveBaseline()])
    assert cluster.baseline is None
