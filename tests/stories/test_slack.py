"""A gate that is answered from Slack: the run is told there, and goes on with a press."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from canary.api.kinds import Kind
from canary.cluster.cluster import Cluster
from canary.dashboard.process import for_many
from canary.dashboard.slack import answering
from canary.dashboard.ways import by_token
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.controller.running import until
from tests.slack import (
    ALICE,
    MALLORY,
    WORKSPACE,
    FakeSlack,
    a_slack,
    an_app,
    buttons_of,
    given_the_channel,
    identities,
)
from tests.stories.telling import QUICK, given_a_canary, then_at_rest, until_told, until_waiting

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

RBAC = "rbac.authorization.k8s.io"
ROLE = Kind(group=RBAC, versions=("v1",), kind="Role", plural="roles")
BINDING = Kind(group=RBAC, versions=("v1",), kind="RoleBinding", plural="rolebindings")
PERSON = "alice@example.com"
GATE = {"type": "confirm-promotion", "name": "by hand"}


async def given_a_person_who_may_approve(world: World) -> None:
    metadata = {"name": "releasers", "namespace": world.namespace}
    rule = {"apiGroups": [world.group], "resources": ["canaries"], "verbs": ["patch", "approve"]}
    version = f"{RBAC}/v1"
    role = {"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": [rule]}
    await world.create(role, ROLE)
    binding = {
        "apiVersion": version,
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "releasers"},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "releasers"}],
    }
    await world.create(binding, BINDING)


@asynccontextmanager
async def a_dashboard(world: World, slack: FakeSlack) -> AsyncIterator[None]:
    """Run a dashboard that answers the app, for one person of its workspace."""
    people = {ALICE: {"user": PERSON, "groups": ["releasers"]}}
    file = identities(world.directory / "identities.yaml", people)
    chat = partial(answering, an_app(slack, file))
    async with (
        Cluster.connect(kubeconfig=str(world.kubeconfig)) as own,
        for_many(
            *(own, by_token), host="127.0.0.1", port=0, namespaces=(world.namespace,), chat=chat
        ),
    ):
        yield


async def test_a_gate_is_answered_from_slack_by_who_may(world: World) -> None:
    await given_a_person_who_may_approve(world)
    async with a_slack() as slack, a_dashboard(world, slack):
        # Given a run at a gate, which a channel of Slack is told of
        alert = await given_the_channel(world.api, world.namespace, slack)
        await given_a_canary(
            world, **QUICK | {"stepWeights": [20], "webhooks": [GATE], "alerts": [alert]}
        )
        async with world.traffic():
            await world.release("2.0")
            await until_waiting(world, "PromotionGate")
            await until(slack.with_buttons, "the message of the gate has buttons")
            moment = min(slack.with_buttons())
            # When a member presses who is nobody in the cluster, then nothing changes
            message = slack.messages[moment]
            await slack.by_socket(slack.pressed(message, "approve", user=MALLORY))
            (refused,) = await slack.words(1)
            assert f"you are {WORKSPACE}/{MALLORY} here" in refused.text
            await until_waiting(world, "PromotionGate")
            # When a member presses who may approve, then the run is promoted
            await slack.by_socket(slack.pressed(message, "approve"))
            await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        # And the channel reads who did it, and how it ended
        told = await slack.word(2)
        assert (told.kind, f"approve by {PERSON} via slack" in told.text) == ("thread", True)
        await until(
            lambda: any("Promoted" in str(each) for each in slack.messages.values()),
            "the thread says how the run ended",
        )
        (command,) = (await world.status())["commands"]
        assert (command["user"], command["tool"], command["accepted"]) == (PERSON, "slack", True)
        # And what was answered there can be answered no more
        await until(lambda: not any(map(buttons_of, slack.messages.values())), "no button is left")
    assert "CommandAccepted" in await until_told(world, "Promoted")
    assert APP in str(slack.messages)
