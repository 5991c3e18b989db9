"""Apprise: a Gotify server, whose token is the end of the path."""

from tests.case import NotifierCase
from tests.receiver import Answer

CASE = (
    NotifierCase(name="apprise", notifier="apprise", scheme="gotify", channel="", success=Answer()),
)
