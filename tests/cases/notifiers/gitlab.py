"""GitLab: the statuses of a project's commits."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="gitlab",
        notifier="gitlab",
        path="",
        token=TOKEN,
        channel="octo/app",
        success=Answer(status=201, body=b'{"id": 1}', headers=JSON),
    ),
)
