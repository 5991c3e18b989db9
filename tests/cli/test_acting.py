"""Commands that steer a Canary, and wait for what comes of it: against a stand-in for the
controller, which obeys as the core decides it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from canary.api.annotations import PREFIX, VERBS
from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.cli import commands
from canary.cli.who import REVIEW
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.core.signature import Signature
from tests.cli.leases import create_lease
from tests.cli.running import tidegate

CANARY = canary_kind(GROUP)
LONG_AGO = "2026-01-01T00:00:00Z"
GATE = {
    "phase": "Progressing",
    "runs": 41,
    "canaryWeight": 20,
    "weights": {"primary": 80, "canary": 20},
    "lastPromotedSpec": "1-old",
    "run": {
        "id": "41-1-new",
        "revision": "1-new",
        "step": 2,
        "startedAt": LONG_AGO,
        "holds": [{"reason": "TrafficGate", "since": LONG_AGO}],
    },
    "waitingFor": {"reason": "TrafficGate", "message": "qa has to agree", "since": LONG_AGO},
}


async def set_status(cluster: Cluster, status: Manifest) -> None:
    await cluster.merge_patch(
        CANARY, "default", "podinfo", {"status": status}, subresource="status"
    )


@contextmanager
def answering(cluster: Cluster, verb: str, **record: Any) -> Iterator[None]:
    """Record the next command as the controller would, with another status beside it."""

    async def answer() -> None:
        while True:
            canary = await cluster.read(CANARY, "default", "podinfo")
            value = (canary["metadata"].get("annotations") or {}).get(f"{PREFIX}{verb}")
            if value is not None:
                break
            await asyncio.sleep(0.01)
        status = record.pop("status", {})
        done = {"verb": verb, "value": value, "at": LONG_AGO, "accepted": True} | record
        await set_status(cluster, {"commands": [done]} | status)
        if status.get("phase") == "Failed":
            gone = {"annotations": {f"{PREFIX}{verb}": None}}
            await cluster.merge_patch(CANARY, "default", "podinfo", {"metadata": gone})

    task = asyncio.create_task(answer())
    try:
        yield
    finally:
        task.cancel()


async def test_an_approval_says_what_came_of_it(cluster: Cluster, kubeconfig: Path) -> None:
    await set_status(cluster, GATE)
    with answering(cluster, "approve", status={"canaryWeight": 40, "waitingFor": None}):
        code, output = await tidegate(
            "approve", "podinfo", "--kubeconfig", str(kubeconfig), "--reason", "it is fine"
        )

    assert code == 0, output
    assert "podinfo: approve accepted at " in output
    assert "it is Progressing now, 40 % to the canary" in output
    canary = await cluster.read(CANARY, "default", "podinfo")
    signature = Signature.read(canary["metadata"]["annotations"][f"{PREFIX}approve"])
    assert signature.tool == "cli"
    assert signature.subject == "confirm-traffic-increase/41/2"
    assert signature.reason == "it is fine"
    assert f" for {signature.user};" in output


async def test_an_approval_replaces_no_other_that_still_waits(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await set_status(cluster, GATE)
    bobs = {f"{PREFIX}approve": "@bob via cli at x: fine"}
    await cluster.merge_patch(CANARY, "default", "podinfo", {"metadata": {"annotations": bobs}})
    code, output = await tidegate(
        *("approve", "podinfo", "--timeout", "1s", "--kubeconfig", str(kubeconfig))
    )
    assert code == 6
    assert "approve was not left: another approve by bob: fine waits for the controller" in output
    assert f"podinfo -n default {PREFIX}approve-" in output
    assert (await cluster.read(CANARY, "default", "podinfo"))["metadata"]["annotations"] == bobs


async def test_who_gives_a_command_is_who_the_api_server_says(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await tidegate("pause", "podinfo", "--kubeconfig", str(kubeconfig), "--no-wait")

    canary = await cluster.read(CANARY, "default", "podinfo")
    signature = Signature.read(canary["metadata"]["annotations"][f"{PREFIX}pause"])
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
        "metadata": {},
    }
    answer = await cluster.create(review, REVIEW)
    assert signature.user == answer["status"]["userInfo"]["username"]


@pytest.mark.parametrize("verb", ["abort", "pause", "promote", "resume", "retry", "skip"])
async def test_a_command_that_is_refused_ends_in_6_and_says_why(
    cluster: Cluster, kubeconfig: Path, verb: str
) -> None:
    with answering(cluster, verb, accepted=False, message="no run is under way (phase Succeeded)"):
        code, output = await tidegate(verb, "podinfo", "--kubeconfig", str(kubeconfig))

    assert code == 6
    assert f"podinfo: {verb} refused: no run is under way (phase Succeeded)" in output


@pytest.mark.parametrize(
    ("options", "subject"),
    [
        ((), "step/41/2"),
        (("--to", "canary 50", "--gates"), "step/41/2+gates to canary 50"),
    ],
)
async def test_a_skip_names_the_step_that_it_ends_and_the_one_that_it_goes_to(
    cluster: Cluster, kubeconfig: Path, options: tuple[str, ...], subject: str
) -> None:
    await set_status(cluster, GATE | {"step": 2})
    code, output = await tidegate(
        "skip", "podinfo", *options, "--kubeconfig", str(kubeconfig), "--no-wait"
    )

    assert code == 0, output
    canary = await cluster.read(CANARY, "default", "podinfo")
    value = canary["metadata"]["annotations"][f"{PREFIX}skip"]
    assert Signature.read(value).subject == subject


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_where_no_gate_is_shut_nothing_is_left_on_the_canary(
    cluster: Cluster, kubeconfig: Path, verb: str
) -> None:
    code, output = await tidegate(verb, "podinfo", "--kubeconfig", str(kubeconfig))

    assert code == 6
    assert "podinfo: no gate is shut" in output
    canary = await cluster.read(CANARY, "default", "podinfo")
    assert "annotations" not in canary["metadata"]


async def test_a_gate_is_chosen_by_its_type(cluster: Cluster, kubeconfig: Path) -> None:
    two = [{"reason": each, "since": LONG_AGO} for each in ("TrafficGate", "PromotionGate")]
    await set_status(cluster, GATE | {"run": GATE["run"] | {"holds": two}})
    there = ("--kubeconfig", str(kubeconfig), "--no-wait")

    several = await tidegate("approve", "podinfo", *there)
    other = await tidegate("approve", "podinfo", *there, "--gate", "confirm-rollout")
    named = await tidegate("approve", "podinfo", *there, "--gate", "confirm-promotion")

    assert several[0] == 2
    assert "(confirm-promotion, confirm-traffic-increase); name one with --gate" in several[1]
    assert other[0] == 6
    assert "no gate confirm-rollout is shut" in other[1]
    assert named[0] == 0, named[1]
    canary = await cluster.read(CANARY, "default", "podinfo")
    value = canary["metadata"]["annotations"][f"{PREFIX}approve"]
    assert Signature.read(value).subject == "confirm-promotion/41/2"


async def test_an_abort_waits_until_the_canary_has_no_traffic(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await set_status(cluster, GATE)
    with answering(cluster, "abort", status={"phase": "Failed"}):
        late = await tidegate(
            "abort", "podinfo", "--kubeconfig", str(kubeconfig), "--timeout", "1s"
        )
    assert late[0] == 4
    assert "podinfo: abort accepted; it is Failed now, 20 % to the canary" in late[1]
    with answering(cluster, "abort", status={"canaryWeight": 0}):
        in_time = await tidegate("abort", "podinfo", "--kubeconfig", str(kubeconfig))
    assert in_time[0] == 0, in_time[1]


async def unanswered(kubeconfig: Path) -> str:
    code, output = await tidegate(
        "pause", "podinfo", "--kubeconfig", str(kubeconfig), "--timeout", "1ms"
    )
    assert code == 6
    assert "podinfo: pause was not obeyed: " in output
    assert "kubectl annotate canaries.tidegate.dev podinfo -n default tidegate.dev/pause-" in output
    return output


async def test_without_a_controller_a_command_says_so(cluster: Cluster, kubeconfig: Path) -> None:
    assert "no controller is running: none has a Lease" in await unanswered(kubeconfig)


async def test_a_controller_that_is_gone_is_named_with_its_last_renewal(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await create_lease(cluster, datetime(2026, 1, 1, tzinfo=UTC))
    said = await unanswered(kubeconfig)
    assert "no controller is running: Lease default/tidegate was last renewed at 2026-01-01" in said
    assert "by tidegate-0" in said


async def test_a_controller_that_is_there_and_silent_is_not_said_to_be_gone(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await create_lease(cluster, datetime.now(UTC) + timedelta(hours=1))
    assert "the controller has not answered in time" in await unanswered(kubeconfig)


async def test_a_controller_that_serves_others_is_told_from_one_that_is_silent(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await create_lease(cluster, datetime.now(UTC) + timedelta(hours=1), "shop", "cart")
    assert "no controller serves tidegate.dev in namespace default" in await unanswered(kubeconfig)


@pytest.mark.parametrize(
    ("patch", "subresource", "why"),
    [
        ({"spec": {"suspend": True}}, None, "the Canary is suspended (spec.suspend)"),
        (
            {
                "status": {
                    "conditions": [
                        {"type": "Invalid", "status": "True", "reason": "Invalid", "message": "bad"}
                    ]
                }
            },
            "status",
            "the Canary is invalid, and nothing is done until it is mended: bad",
        ),
    ],
    ids=["suspended", "invalid"],
)
async def test_a_canary_that_obeys_nobody_says_why(
    cluster: Cluster, kubeconfig: Path, patch: Manifest, subresource: str | None, why: str
) -> None:
    await cluster.merge_patch(CANARY, "default", "podinfo", patch, subresource=subresource)
    assert why in await unanswered(kubeconfig)


def test_every_verb_is_a_command() -> None:
    assert {name for name in VERBS if hasattr(commands, name)} == set(VERBS)
