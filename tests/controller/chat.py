"""A receiver that speaks as Mattermost does, where runs have threads."""

from typing import Any

from canary.api.annotations import SEND_TO
from canary.api.kinds import SECRET
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.templates import alert_provider_kind
from tests.controller.running import AnyWorld
from tests.receiver import Answer, Receiver, Request

JSON = {"Content-Type": "application/json"}
POST_ID = "4xp9fdt77pncbef59f4k1qe83o"
TAKEN = Answer(body=f'{{"id": "{POST_ID}"}}'.encode(), headers=JSON)


async def create_chat(world: AnyWorld, chat: Receiver, **spec: Any) -> None:
    """Have a receiver answer as a Mattermost, and create the AlertProvider `chat` that knows it."""
    await create_chat_in(world.api, world.namespace, chat, **spec)


async def create_chat_in(cluster: Cluster, namespace: str, chat: Receiver, **spec: Any) -> None:
    """Do so in a namespace of a cluster."""
    chat.answers_by_path["/api/v4/posts"] = TAKEN
    metadata = {"name": "chat", "namespace": namespace}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata | {"annotations": {SEND_TO: chat.url}},
        "stringData": {"token": "t0ken"},
    }
    await cluster.create(secret, SECRET)
    given = {
        "type": "mattermost",
        "address": chat.url,
        "secretRef": {"name": "chat"},
        "channel": "c1",
        "threads": True,
    }
    provider = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "AlertProvider",
        "metadata": metadata,
        "spec": given | spec,
    }
    await cluster.create(provider, alert_provider_kind(GROUP))


def is_edit(request: Request) -> bool:
    """Tell an edit from a message."""
    return request.path.endswith("/patch")


def posted(chat: Receiver) -> list[Request]:
    """List the messages."""
    return [each for each in chat.requests if not is_edit(each)]


def edited(chat: Receiver) -> list[Request]:
    """List the edits."""
    return [each for each in chat.requests if is_edit(each)]
