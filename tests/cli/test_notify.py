"""`tidegate notify test`: what it sends, and what it says when that does not come."""

from pathlib import Path

import pytest

from canary.api.meta import GROUP, PEER_GROUP
from canary.cluster.cluster import Cluster
from canary.controller.templates import alert_provider_kind
from canary.demo.embedded import CRD
from tests.cli.running import tidegate
from tests.controller.chat import POST_ID, create_chat_in, edited, posted
from tests.controller.test_peer import peer_crd
from tests.receiver import Answer, receiving
from tests.slack import a_slack, buttons_of, given_the_channel


async def tried(kubeconfig: Path, *options: str) -> tuple[int, str]:
    return await tidegate("notify", "test", "chat", "--kubeconfig", str(kubeconfig), *options)


async def test_an_alert_is_sent_as_the_controller_would(cluster: Cluster, kubeconfig: Path) -> None:
    async with receiving() as chat:
        await create_chat_in(cluster, "default", chat, threads=False)
        code, output = await tried(kubeconfig)
        assert (code, output) == (0, "default/chat has taken the alert RolledBack\n")
        (request,) = posted(chat)
        assert request.document["message"] == "test.default: RolledBack"
        assert "nothing has happened" in str(request.document)


async def test_with_threads_a_reply_and_an_edit_are_tried_as_well(
    cluster: Cluster, kubeconfig: Path
) -> None:
    async with receiving() as chat:
        await create_chat_in(cluster, "default", chat, template={"title": "{{ reason }}!"})
        code, output = await tried(kubeconfig, "--reason", "Promoted")
        assert code == 0, output
        assert output == (
            "default/chat has taken the alert RunStarted, the reply Promoted, "
            "an edit of the first\n"
        )
        first, reply = posted(chat)
        assert "root_id" not in first.document
        assert (reply.document["root_id"], reply.document["message"]) == (POST_ID, "Promoted!")
        assert len(edited(chat)) == 1


async def test_a_receiver_of_the_whole_gets_that_of_a_run_that_has_begun(
    cluster: Cluster, kubeconfig: Path
) -> None:
    async with receiving() as hook:
        provider = {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": "AlertProvider",
            "metadata": {"name": "chat", "namespace": "default"},
            "spec": {"type": "webhook", "address": hook.url, "settings": {"version": 2}},
        }
        await cluster.create(provider, alert_provider_kind(GROUP))
        code, output = await tried(kubeconfig)
        assert (code, output) == (0, "default/chat has taken the alert RolledBack\n")
        document = hook.requests[0].document
        assert (document["version"], document["run"]["number"]) == (2, 1)
        assert document["view"]["phase"] == "Progressing"


async def test_what_the_receiver_takes_without_showing_it_is_said(
    cluster: Cluster, kubeconfig: Path
) -> None:
    async with receiving() as teams:
        provider = {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": "AlertProvider",
            "metadata": {"name": "chat", "namespace": "default"},
            "spec": {"type": "msteams", "address": teams.url},
        }
        await cluster.create(provider, alert_provider_kind(GROUP))
        code, output = await tried(kubeconfig)
        assert code == 0, output
        assert "before its workflow has run" in output


async def test_buttons_are_tried_with_the_reason_that_has_them(
    cluster: Cluster, kubeconfig: Path
) -> None:
    async with a_slack() as slack:
        await given_the_channel(cluster, "default", slack, threads=False)
        for reason, verbs in (("Promoted", []), ("GateBlocked", ["approve", "reject", "abort"])):
            code, output = await tried(kubeconfig, "--reason", reason)
            assert code == 0, output
            buttons = buttons_of(slack.messages[max(slack.messages)])
            assert [each["action_id"].split(".")[1] for each in buttons] == verbs


@pytest.mark.parametrize(
    ("spec", "options", "said"),
    [
        ({"reasons": ["Promoted"]}, (), "leaves RolledBack out; give one of these"),
        ({"type": "pager"}, (), "pager"),
        ({"secretRef": {"name": "missing"}}, (), "missing"),
    ],
)
async def test_a_receiver_that_could_not_be_told_is_a_sentence(
    cluster: Cluster, kubeconfig: Path, spec: dict[str, object], options: tuple[str, ...], said: str
) -> None:
    async with receiving() as chat:
        await create_chat_in(cluster, "default", chat, **spec)
        code, output = await tried(kubeconfig, *options)
        assert code == 1
        assert said in output
        assert "t0ken" not in output
        assert chat.requests == []


async def test_a_refusal_of_the_receiver_is_a_sentence_without_its_secrets(
    cluster: Cluster, kubeconfig: Path
) -> None:
    async with receiving() as chat:
        await create_chat_in(cluster, "default", chat)
        chat.answers_by_path["/api/v4/posts"] = Answer(status=401, body=b"t0ken is not valid")
        code, output = await tried(kubeconfig)
        assert code == 1
        assert output.startswith("Error: default/chat did not take it: mattermost: ")
        assert "401" in output
        assert "t0ken" not in output


async def test_a_provider_that_does_not_exist_is_named(cluster: Cluster, kubeconfig: Path) -> None:
    code, output = await tried(kubeconfig)
    assert code == 1
    assert "chat" in output


async def test_a_provider_of_the_peers_group_is_found_without_naming_the_group(
    cluster: Cluster, kubeconfig: Path
) -> None:
    async with receiving() as chat:
        crd = peer_crd()
        crd["metadata"]["name"] = "alertproviders.flagger.app"
        crd["spec"]["names"] = {
            "plural": "alertproviders",
            "singular": "alertprovider",
            "kind": "AlertProvider",
            "listKind": "AlertProviderList",
        }
        await cluster.create(crd, CRD)
        provider = {
            "apiVersion": f"{PEER_GROUP}/v1beta1",
            "kind": "AlertProvider",
            "metadata": {"name": "chat", "namespace": "default"},
            "spec": {"type": "discord", "address": chat.url},
        }
        await cluster.create(provider, alert_provider_kind(PEER_GROUP))
        code, output = await tried(kubeconfig)
        assert (code, output) == (0, "default/chat has taken the alert RolledBack\n")
        code, output = await tried(kubeconfig, "--api-group", GROUP)
        assert code == 1
        assert output.startswith("Error: there is no AlertProvider chat in namespace default: ")
        assert output.endswith("; name another namespace with -n\n")
