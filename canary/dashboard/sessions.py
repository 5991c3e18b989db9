"""Sessions: who is logged in, in memory alone, and the key that opens a laptop's dashboard once."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest

from canary.dashboard.viewers import Viewer

IDLE_SECONDS = 3_600.0
LONGEST_SECONDS = 12 * 3_600.0
MOST_SESSIONS = 1_000
KEY_SECONDS = 60.0
_BYTES = 32


@dataclass(slots=True, kw_only=True)
class Session:
    """A viewer who is logged in."""

    viewer: Viewer
    opened: float
    used: float
    longest: float = LONGEST_SECONDS
    """How long it may last, however much it is used."""
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(_BYTES), repr=False)
    """What every form of this session carries."""
    streams: int = 0
    """How many pages of it are live."""

    def ends_at(self) -> float:
        """When it ends by itself, on the clock of the sessions."""
        return min(self.used + IDLE_SECONDS, self.opened + self.longest)

    def end(self) -> None:
        """End it now, and its streams with it."""
        self.opened = float("-inf")

    def owns(self, token: str) -> bool:
        """Tell whether a form comes from a page of this session."""
        return compare_digest(token.encode(), self.form_token.encode())


@dataclass(slots=True, kw_only=True)
class Logins:
    """How many logins there were since the start."""

    accepted: int = 0
    refused: int = 0


class Sessions:
    """The sessions of this process; the one unused for longest gives way to one too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.logins = Logins()
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, viewer: Viewer, *, seconds: float = LONGEST_SECONDS) -> str:
        """Open a session of so many seconds; give the name that its cookie holds.

        The name is kept nowhere here.
        """
        name, now = secrets.token_urlsafe(_BYTES), self._clock()
        self._keep(name, Session(viewer=viewer, opened=now, used=now, longest=seconds))
        return name

    def open_as(self, name: str, viewer: Viewer, *, form_token: str) -> Session:
        """Open a session that each request names itself, and whose forms outlive that name."""
        now = self._clock()
        session = Session(viewer=viewer, opened=now, used=now, form_token=form_token)
        self._keep(name, session)
        return session

    def find(self, name: str) -> Session | None:
        """Find a session that has not ended, and count it as used now."""
        digest, now = _digest(name), self._clock()
        session = self._sessions.get(digest)
        if session is None or self.ended(session):
            self._sessions.pop(digest, None)
            return None
        session.used = now
        self._sessions.move_to_end(digest)
        return session

    def _keep(self, name: str, session: Session) -> None:
        self.logins.accepted += 1
        self._sessions[_digest(name)] = session
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)

    def ended(self, session: Session) -> bool:
        """Tell whether a session has ended by itself."""
        return self._clock() >= session.ends_at()

    def close(self, name: str) -> None:
        """End a session."""
        session = self._sessions.pop(_digest(name), None)
        if session is not None:
            session.end()


class OneTimeKey:
    """A key in the address that is printed: it opens one session, within a time."""

    def __init__(self, clock: Callable[[], float], *, seconds: float = KEY_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._key = b""
        self._ends = float("-inf")

    def make(self) -> str:
        """Make a key; the one before no longer opens anything."""
        key = secrets.token_urlsafe(_BYTES)
        self._key, self._ends = key.encode(), self._clock() + self._seconds
        return key

    def opens(self, key: str) -> bool:
        """Tell whether a key opens a session, and use it up."""
        fits = compare_digest(key.encode(), self._key) and bool(self._key)
        if not fits or self._clock() >= self._ends:
            return False
        self._key = b""
        return True


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
