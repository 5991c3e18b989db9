"""Jira Service Management and Opsgenie."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="opsgenie",
        notifier="opsgenie",
        path="/v2/alerts",
        token=TOKEN,
        success=Answer(status=202, body=b'{"result": "Request will be processed"}', headers=JSON),
    ),
)
