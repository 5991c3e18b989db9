"""Session affinity: which cookies a run has, and which of ended runs are still taken from clients.

A run is given its cookies with its first traffic. They are made from the Canary and the run, so
that no two runs have the same, and kept in the status, so that every replica renders the same.
"""

from datetime import datetime, timedelta
from hashlib import blake2b

from canary.api.analysis_spec import SessionAffinity
from canary.api.status import CanaryStatus, Cookie, Cookies, ExpiredCookie, Run
from canary.core.situation import Situation, earliest

EXPIRED_KEPT = 4
"""How many cookies of ended runs are remembered: those of two runs."""
LONGEST_EXPIRY = timedelta(days=1)
"""How long a cookie of an ended run is taken from clients at most; it leads nowhere in any case."""
_DIGEST_BYTES = 8


def keep_cookies(situation: Situation) -> Situation:
    """Give the run its cookies once the canary has traffic, and retire those of an ended run."""
    held = situation.status.cookies
    run, affinity = situation.status.run, situation.spec.analysis.session_affinity
    if held is None and (affinity is None or run is None or not situation.status.canary_weight):
        return situation
    known = held or Cookies()
    if run is None or affinity is None:
        return _with(situation, known, None, None)
    has_had_some, has_traffic = known.run == run.id, situation.status.canary_weight > 0
    if known.canary is None if has_had_some else not has_traffic:
        return _with(situation, known, None, None)
    canary, primary = _made(situation, affinity, run)
    return _with(situation, known.but(run=run.id), canary, primary)


def let_go(situation: Situation) -> Situation:
    """Keep clients on no side any longer, for the rest of the run: both have the same version."""
    held = situation.status.cookies
    return situation if held is None else _with(situation, held, None, None)


def cookies_at(status: CanaryStatus) -> datetime | None:
    """Tell when the next cookie of an ended run is forgotten."""
    expired = status.cookies.expired if status.cookies else ()
    return earliest(each.until for each in expired)


def _with(
    situation: Situation, held: Cookies, canary: Cookie | None, primary: Cookie | None
) -> Situation:
    """Have these cookies, and retire those that were had before."""
    had = (each for each in (held.canary, held.primary) if each is not None)
    retired = (_retired(each, situation.now) for each in had)
    kept = {each.identity for each in (canary, primary) if each is not None}
    expired: dict[tuple[str, str, str], ExpiredCookie] = {}
    for each in (*retired, *held.expired):
        if each.identity not in kept and each.until > situation.now:
            expired.setdefault(each.identity, each)
    remembered = held.but(
        canary=canary, primary=primary, expired=tuple(expired.values())[:EXPIRED_KEPT]
    )
    nothing = remembered == Cookies(run=remembered.run) and situation.status.run is None
    return situation.but(cookies=None if nothing else remembered)


def _retired(cookie: Cookie, now: datetime) -> ExpiredCookie:
    lasts = min(timedelta(seconds=cookie.max_age), LONGEST_EXPIRY)
    return ExpiredCookie(**cookie.model_dump(), until=now + lasts)


def _made(
    situation: Situation, affinity: SessionAffinity, run: Run
) -> tuple[Cookie, Cookie | None]:
    """Make the cookies of a run: the canary's, and the primary's where it is asked for.

    The primary's lasts for an interval, so that each client may meet the canary after that.
    """
    said = f"{situation.facts.uid}/{run.id}/{run.started_at.isoformat()}"
    digest = blake2b(said.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    canary = Cookie(
        name=affinity.cookie_name,
        value=f"{situation.status.runs}-{digest}",
        max_age=affinity.max_age,
        attributes=affinity.attributes,
    )
    if affinity.primary_cookie_name is None:
        return canary, None
    interval = max(1, int(situation.spec.analysis.interval.total_seconds()))
    return canary, canary.but(name=affinity.primary_cookie_name, max_age=interval)
