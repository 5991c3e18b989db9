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
        success=Answer(body=b'{"ok": true, "ts": "1.2"}', headers=JSON),
    ),
)
