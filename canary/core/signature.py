"""What a command's annotation says: who gave it, by which tool, when, for what, and why.

Written as `@<user> via <tool> at <RFC 3339> for <subject>: <reason>`, without `for` where the command
needs no subject. Any other text is taken as a reason without a name.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

LONGEST = 400
"""What is kept of an annotation; the name of a service account alone may take 340."""
_LONGEST_NAME = 64
"""What a sentence shows of a user's name."""

_FORM = re.compile(
    r"@(?P<user>(?:(?! via ).)+) via (?P<tool>[a-z]+) at (?P<at>\S+?)(?: for (?P<subject>[^:]+?))?"
    r"(?:: (?P<reason>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who gave a command, and why; what is empty was not said."""

    user: str = ""
    tool: str = ""
    at: str = ""
    subject: str = ""
    """What the command is for: a gate, by its type or its whole name (`held_gates`), or a step
    (`Skip`)."""
    reason: str = ""

    @classmethod
    def read(cls, value: str) -> Self:
        """Read an annotation, whatever it holds."""
        found = _FORM.fullmatch(value)
        if found is None:
            return cls(reason=value)
        return cls(**{name: text or "" for name, text in found.groupdict().items()})

    @classmethod
    def of(
        cls, user: str, tool: str, moment: datetime, *, subject: str = "", reason: str = ""
    ) -> Self:
        """Sign a command."""
        written = moment.astimezone(UTC).isoformat(timespec="milliseconds")
        return cls(
            user=user, tool=tool, at=written.replace("+00:00", "Z"), subject=subject, reason=reason
        )

    def __str__(self) -> str:
        """Write the annotation."""
        subject = f" for {self.subject}" if self.subject else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"@{self.user} via {self.tool} at {self.at}{subject}{reason}"[:LONGEST]

    @property
    def giver(self) -> str:
        """Name who gave the command, for a sentence."""
        if len(self.user) > _LONGEST_NAME:
            return f"{self.user[: _LONGEST_NAME - 1]}…"
        return self.user or "annotation"

    @property
    def shown(self) -> str:
        """Say by whom and why, after what was done."""
        return f"by {self.giver}" + (f": {self.reason}" if self.reason else "")
