"""Where run records go, and what cannot be written there."""

import re

IN_LOG = "log"
"""Where run records go that go to the log."""
_LONGEST = 300


def records(value: str) -> str:
    """Check where run records go, where they go anywhere."""
    if value in {"", IN_LOG}:
        return ""
    if len(value) > _LONGEST or re.search(r"[@?#\s]|::", value):
        return (
            f"write it with neither user, password nor parameters, in {_LONGEST} characters; "
            "a store's package finds its credentials in the environment"
        )
    if not re.match("(?!https?:)[a-z][a-z0-9+.-]*://", value) or (
        value.startswith("file:") and not re.match("file:///.", value)
    ):
        return (
            "write log, file:///PATH, or the address of an object store, such as s3://BUCKET/PATH"
        )
    return ""
