"""A link that answers one gate: what it allows, for whom and until when, and the proof that it is ours.

It is text of letters, digits and `-_.`: what it says, and an HMAC-SHA256 over that. Who has the key can
make links; who has a link can do what it says, and nothing else.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Self

from canary.api.annotations import AT_GATES
from canary.core.gate_reference import GateReference

LONGEST_VALIDITY = timedelta(hours=24)
SHORTEST_KEY = 32
"""In bytes: as many as the HMAC has."""
LONGEST = 2048
_PURPOSE = b"tidegate gate link 1\n"
"""So that nothing else that is signed with the same key is taken for a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLink:
    """What a link says."""

    reference: GateReference
    verb: str
    person: str
    """Whom it was made for, by the name that the dashboard's identities have."""
    ends: datetime

    def signed(self, key: bytes) -> str:
        """Write it, with the proof."""
        said = [self.verb, str(self.reference), self.person, int(self.ends.timestamp())]
        content = json.dumps(said, separators=(",", ":")).encode()
        return f"{_text(content)}.{_text(_proof(content, key))}"

    @classmethod
    def read(cls, text: str, key: bytes) -> Self | None:
        """Read a link that was made with a key; None where it was not, or is of another form."""
        if len(text) > LONGEST or not text.isascii():
            return None
        written, _, proof = text.partition(".")
        content = _bytes(written)
        # What is not proven is not read.
        if content is None or not hmac.compare_digest(_text(_proof(content, key)), proof):
            return None
        verb, about, person, ends = json.loads(content)
        reference = GateReference.read(about)
        if reference is None or verb not in AT_GATES:
            return None
        moment = datetime.fromtimestamp(ends, UTC)
        return cls(reference=reference, verb=verb, person=person, ends=moment)

    def refusal(self, now: datetime) -> str:
        """Say why it does not count at a moment; empty where it does."""
        if now >= self.ends:
            return "it has ended"
        if self.ends - now > LONGEST_VALIDITY:
            return "it would last longer than 24 h"
        return ""


def _proof(content: bytes, key: bytes) -> bytes:
    return hmac.new(key, _PURPOSE + content, sha256).digest()


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    """Read what `_text` has written; None for every other way of writing the same."""
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return content if _text(content) == text else None
