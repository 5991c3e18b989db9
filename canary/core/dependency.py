"""Dependencies: the Canaries that must have promoted before a run starts.

A dependency that has nothing new is at rest, and so is one whose new revision was not seen yet. The
annotation tidegate.dev/release on both targets tells the two apart; without it a run gives its
dependencies `SETTLES` to be seen.
"""

from datetime import timedelta

from canary.api.status import Phase
from canary.core import waits as why
from canary.core.facts import Dependency
from canary.core.situation import Situation
from canary.core.wishes import Granted, Withheld

SETTLES = timedelta(seconds=10)
"""How long others that were released with this Canary have to be seen."""


def ask_dependencies(situation: Situation) -> Granted | Withheld:
    """Withhold the start of a run until what it depends on is promoted.

    A person who promotes a run needs none of it, and neither does a way back.
    """
    run = situation.current_run
    if run.full_promotion or run.known_good:
        return Granted()
    reasons = [_unpromoted(situation, each) for each in situation.facts.dependencies]
    if open_ones := [reason for reason in reasons if reason]:
        return Withheld(reason=why.DEPENDENCY, message=f"waiting for {'; '.join(open_ones)}")
    settles = run.started_at + SETTLES
    unsure = [each for each in situation.facts.dependencies if not _exact(situation, each)]
    if not unsure or situation.now >= settles:
        return Granted()
    names = ", ".join(str(each.name) for each in unsure)
    message = f"waiting for {_seconds(SETTLES)} in case {names} has a new revision too"
    return Withheld(reason=why.DEPENDENCY, message=message, opens_at=settles)


def _unpromoted(situation: Situation, dependency: Dependency) -> str:
    """Say what is missing of a dependency; nothing where it is promoted."""
    peer, name = dependency.peer, f"Canary {dependency.name}"
    if peer is None:
        return f"{name} to exist: create it, or remove it from spec.dependsOn"
    progress, exact = peer.progress, _exact(situation, dependency)
    what = f"{name} to promote"
    if exact:
        what += f" release {situation.status.release}"
    if progress.invalid:
        return f"{what}: its spec is invalid"
    if progress.phase is Phase.FAILED:
        return f"{what}: its last run has failed"
    if progress.settled and (not exact or progress.release == situation.status.release):
        return ""
    if exact and progress.settled:
        return f"{what}: it has promoted {progress.release or 'no release'}"
    return f"{what}: it is {progress.phase or 'New'}"


def _exact(situation: Situation, dependency: Dependency) -> bool:
    """Tell whether both sides say to which release they belong."""
    peer = dependency.peer
    named = peer is not None and (peer.progress.release or peer.coming)
    return bool(situation.status.release and named)


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
