"""`tidegate stop` and `tidegate go`: one write of one object, wherever the controller runs."""

from datetime import UTC, datetime
from pathlib import Path

from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.cluster.cluster import Cluster
from canary.controller.policies import DELIVERY_POLICY, policy_record
from tests.cli.leases import create_lease
from tests.cli.running import tidegate


async def policy_of(cluster: Cluster, name: str) -> DeliveryPolicySpec:
    """Read a policy, which must be sound."""
    record = policy_record(await cluster.read(DELIVERY_POLICY, "default", name))
    assert not record.invalid
    return record.spec


async def test_a_stop_is_one_policy_in_the_controllers_namespace_with_who_and_why(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await create_lease(cluster, datetime.now(UTC))
    flags = ("--kubeconfig", str(kubeconfig))

    code, output = await tidegate("stop", "--reason", "INC-4711", *flags)

    assert code == 0, output
    assert "Stopped in all namespaces with DeliveryPolicy default/stop" in output
    assert "Go on with: tidegate go" in output
    stop = (await policy_of(cluster, "stop")).stop
    assert stop is not None
    assert (stop.mode, stop.reason, bool(stop.by)) == ("Hold", "INC-4711", True)

    code, output = await tidegate("stop", "--roll-back", "--reason", "worse", *flags)

    assert code == 0, output
    stop = (await policy_of(cluster, "stop")).stop
    assert stop is not None
    assert (stop.mode, stop.reason) == ("RollBack", "worse")

    code, output = await tidegate("go", *flags)

    assert (code, (await policy_of(cluster, "stop")).stop) == (0, None), output
    assert "DeliveryPolicy default/stop no longer stops anything" in output


async def test_one_namespace_is_stopped_without_knowing_the_controller_and_go_names_what_is_left(
    cluster: Cluster, kubeconfig: Path
) -> None:
    flags = ("--kubeconfig", str(kubeconfig))
    code, output = await tidegate("stop", "--reason", "audit", "-n", "default", *flags)
    assert code == 0, output
    assert "Stopped in namespace default" in output
    assert "tidegate go -n default" in output
    policy = await policy_of(cluster, "stop-default")
    assert policy.stop is not None
    assert (policy.stop.reason, policy.namespaces) == ("audit", ("default",))

    code, output = await tidegate("go", "--controller-namespace", "kube-system", *flags)

    assert code == 1
    assert "nothing was stopped: there is no DeliveryPolicy kube-system/stop" in output
    assert "still stopped by default/stop-default" in output


async def test_where_no_controller_is_to_be_seen_its_namespace_must_be_named(
    cluster: Cluster, kubeconfig: Path
) -> None:
    code, output = await tidegate("stop", "--reason", "x", "--kubeconfig", str(kubeconfig))
    assert code == 1
    assert "no controller was found" in output
    assert "--controller-namespace" in output
