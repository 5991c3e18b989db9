"""Google Chat: an incoming webhook with its key."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="gchat",
        notifier="gchat",
        path="/v1/spaces/A/messages?key=path-is-secret",
        success=Answer(body=b'{"name": "spaces/A/messages/1"}', headers=JSON),
        ref="test/podinfo/7-5d8c9f",
    ),
)
