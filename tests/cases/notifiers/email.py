"""Mail: no HTTP; `tests/notifiers/test_email.py` has the server that it speaks with."""

from tests.case import NotifierCase

CASE: tuple[NotifierCase, ...] = ()
