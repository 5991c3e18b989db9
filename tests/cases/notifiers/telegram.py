"""Telegram: a bot, and a topic of a chat."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="telegram",
        notifier="telegram",
        token=TOKEN,
        success=Answer(body=b'{"ok": true, "result": {"message_id": 42}}', headers=JSON),
        ref="42",
        gone=Answer(
            status=400,
            body=b'{"ok": false, "description": "Bad Request: message to edit not found"}',
            headers=JSON,
        ),
    ),
)
