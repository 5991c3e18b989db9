"""PagerDuty: the events API of a region."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="pagerduty",
        notifier="pagerduty",
        token=TOKEN,
        success=Answer(status=202, body=b'{"status": "success"}', headers=JSON),
    ),
)
