"""Alertmanager: its API v2."""

from tests.case import NotifierCase
from tests.notifiers.alerts import TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="alertmanager", notifier="alertmanager", path="/", token=TOKEN, success=Answer()
    ),
)
