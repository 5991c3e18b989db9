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
        success=Answer(status=201, body=b'{"id": "4xp9fdt77pncbef59f4k1qe83o"}', headers=JSON),
        ref="4xp9fdt77pncbef59f4k1qe83o",
        gone=Answer(
            status=403,
            body=b'{"id": "api.context.permissions.app_error", "message": "You do not have the appropriate permissions."}',
            headers=JSON,
        ),
    ),
)
