"""Telegram: a bot, and a topic of a chat."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="telegram",
        notifier="telegram",
        token=TOKEN,
        success=Answer(body=b'{"ok": true}', headers=JSON),
    ),
)
