"""Discord: a webhook, as users of the peer write it."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="discord",
        notifier="discord",
        path="/api/webhooks/1/path-is-secret/slack",
        success=Answer(body=b'{"id": "1153"}', headers=JSON),
        ref="1153",
        gone=Answer(
            status=404, body=b'{"message": "Unknown Message", "code": 10008}', headers=JSON
        ),
    ),
)
