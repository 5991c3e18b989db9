"""Any receiver of JSON."""

from tests.case import NotifierCase
from tests.notifiers.alerts import TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(name="webhook", notifier="webhook", token=TOKEN, success=Answer(status=202)),
    NotifierCase(
        name="webhook-2",
        notifier="webhook",
        token=TOKEN,
        settings={"version": 2},
        success=Answer(status=202),
    ),
)
