"""Microsoft Teams: a workflow, which answers before it has run."""

from tests.case import NotifierCase
from tests.receiver import Answer

CASE = (NotifierCase(name="msteams", notifier="msteams", success=Answer(status=202)),)
