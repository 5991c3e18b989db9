"""GitHub: the deployments of a repository."""

from tests.case import NotifierCase
from tests.notifiers.alerts import JSON, TOKEN
from tests.receiver import Answer

CASE = (
    NotifierCase(
        name="github",
        notifier="github",
        path="",
        token=TOKEN,
        channel="octo/app:staging",
        success=Answer(status=201, body=b'{"id": 1}', headers=JSON),
    ),
)
