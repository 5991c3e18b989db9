"""Any receiver of CloudEvents."""

from tests.case import NotifierCase
from tests.notifiers.alerts import TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="cloudevents", notifier="cloudevents", token=TOKEN, success=Answer(status=202)
    ),
    NotifierCase(
        name="cloudevents-cdevents",
        notifier="cloudevents",
        token=TOKEN,
        settings={"format": "cdevents"},
        success=Answer(status=202),
    ),
)
