"""Slack: an incoming webhook, or a bot."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(name="slack-webhook", notifier="slack", success=Answer(body=b"ok")),
    NotifierCase(
        name="slack-bot",
        notifier="slack",
        path="/api/",
        token=TOKEN,
        success=Answer(
            body=b'{"ok": true, "channel": "C024", "ts": "1503435956.000247"}', headers=JSON
        ),
        ref="C024/1503435956.000247",
        gone=Answer(body=b'{"ok": false, "error": "message_not_found"}', headers=JSON),
    ),
)
