"""Mattermost: an incoming webhook, or a bot."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(name="mattermost-webhook", notifier="mattermost", success=Answer(body=b"ok")),
    NotifierCase(
        name="mattermost-bot",
        notifier="mattermost",
        path="/",
        token=TOKEN,
        success=Answer(status=201, body=b'{"id": "post"}', headers=JSON),
    ),
)
