"""Buttons under a message of Slack's, whose presses go to the app that has written it."""

from collections.abc import Sequence
from typing import Any

from canary.notifiers import Button
from canary.notifiers.posting import shortened

PRESSED = "tidegate."
"""How the name of each action begins, before its verb."""
BLOCK = "tidegate-gate"
"""The name of the block that buttons are in, by which they are found again in the message."""
_LONGEST_LABEL, _LONGEST_TITLE, _LONGEST_QUESTION = 75, 100, 300
_STYLES = {"approve": "primary", "reject": "danger", "abort": "danger"}
_MOST = 25
"""How many buttons a block can hold."""


def escaped(text: str) -> str:
    """Write text so that it is neither a link nor a mention (Slack's formatting reference)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def buttons_attachment(buttons: Sequence[Button], *, colour: str) -> dict[str, Any]:
    """Write buttons as an attachment of their own, each with a question that is asked first."""
    return {
        "color": colour,
        "fallback": escaped(", ".join(each.label for each in buttons)),
        "blocks": [
            {
                "type": "actions",
                "block_id": BLOCK,
                "elements": [_element(place, each) for place, each in enumerate(buttons[:_MOST])],
            }
        ],
    }


def _element(place: int, button: Button) -> dict[str, Any]:
    return {
        "type": "button",
        # Each name is there once in a block.
        "action_id": f"{PRESSED}{button.verb}.{place}",
        "text": _plain(button.label, _LONGEST_LABEL),
        "value": button.reference,
        **({"style": _STYLES[button.verb]} if button.verb in _STYLES else {}),
        "confirm": {
            "title": _plain(f"{button.label}?", _LONGEST_TITLE),
            "text": _plain(button.question, _LONGEST_QUESTION),
            "confirm": _plain("Yes", 30),
            "deny": _plain("No", 30),
        },
    }


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": shortened(text, longest), "emoji": False}
