"""A diary that takes a line."""

from tests.case import NotifierCase
from tests.receiver import Answer

CASE = (NotifierCase(name="diary", notifier="diary", success=Answer(status=204)),)
