"""Rocket.Chat: an incoming webhook, or a user."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="rocket-webhook",
        notifier="rocket",
        success=Answer(body=b'{"success": true}', headers=JSON),
    ),
    NotifierCase(
        name="rocket-user",
        notifier="rocket",
        path="/",
        token=f"U5:{TOKEN}",
        success=Answer(
            body=b'{"success": true, "message": {"_id": "jC9chsFddTvsbFQG7", "rid": "GENERAL"}}',
            headers=JSON,
        ),
        ref="GENERAL/jC9chsFddTvsbFQG7",
        gone=Answer(
            status=400,
            body=b'{"success": false, "error": "No message found with the id of \\"jC9\\"."}',
            headers=JSON,
        ),
    ),
)
