"""What Slack says of a pressed button, read; and what is said in Slack about it, written."""

import re
from collections.abc import Mapping
from typing import Any

from canary.dashboard.presses import Press, PressReply
from canary.notifiers.buttons import BLOCK, PRESSED, escaped

_ID = re.compile(r"[A-Z0-9]{1,64}")
_MOMENT = re.compile(r"\d{1,20}\.\d{1,20}")
_ACTION = re.compile(re.escape(PRESSED) + r"(?P<verb>[a-z]{1,16})\.\d{1,3}")


def read_press(payload: Mapping[str, Any]) -> Press | None:
    """Read the press of one of our buttons; None where it is something else."""
    actions = payload.get("actions")
    if payload.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return None
    action = actions[0]
    found = _ACTION.fullmatch(_text(action, "action_id"))
    workspace, user = _text(payload, "team", "id"), _text(payload, "user", "id")
    team = _text(payload, "user", "team_id") or workspace
    message, at = _text(payload, "container", "message_ts"), _text(action, "action_ts")
    ids = (workspace, team, user)
    if found is None or not all(map(_ID.fullmatch, ids)) or not _MOMENT.fullmatch(at):
        return None
    return Press(
        id=f"{workspace}/{user}/{message}/{at}",
        app=_text(payload, "api_app_id"),
        workspace=workspace,
        team=team,
        user=user,
        verb=found["verb"],
        reference=_text(action, "value"),
    )


def answers(reply: PressReply, press: Press, message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say what came of a press: to its person alone, or in the thread; and take the buttons away."""
    told = f"<@{press.user}> {escaped(reply.told)}"
    said: list[dict[str, Any]] = []
    thread = _text(message, "thread_ts") or _text(message, "ts")
    if reply.counted and thread:
        said.append({"response_type": "in_channel", "thread_ts": thread, "text": told})
    else:
        said.append({"response_type": "ephemeral", "text": escaped(reply.told)})
    said[0]["replace_original"] = False
    attachments = message.get("attachments")
    if reply.over and isinstance(attachments, list):
        kept = [each for each in attachments if not _has_buttons(each)]
        note = {"fallback": told, "text": told, "mrkdwn_in": []} if reply.counted else None
        said.append(
            {
                "replace_original": True,
                "text": _text(message, "text"),
                "attachments": [*kept, *([note] if note else [])],
            }
        )
    return said


def _has_buttons(attachment: Any) -> bool:
    blocks = attachment.get("blocks") if isinstance(attachment, Mapping) else None
    return isinstance(blocks, list) and any(_text(each, "block_id") == BLOCK for each in blocks)


def _text(node: Any, *path: str) -> str:
    """Read a text deep in a document; empty where there is none."""
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""
