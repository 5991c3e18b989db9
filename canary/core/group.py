"""Groups: Canaries that take their steps together.

The members that count are those whose targets carry the same release. Each reads how far the others
have come, which only moves forward: step k+1 comes when all have passed step k, and the promotion when
all have passed their last. Nothing else holds a group together: once one of them is promoting, no
failure of another brings it back.
"""

from canary.api.ordering import OnFailure
from canary.api.status import Phase
from canary.core import waits as why
from canary.core.dependency import SETTLES
from canary.core.ending import roll_back
from canary.core.peers import Peer
from canary.core.situation import Situation
from canary.core.wishes import Granted, Withheld


def ask_group(situation: Situation) -> Granted | Withheld:
    """Withhold a step until the others have passed the one before it.

    Before the first step those that were released with it are given time to be seen.
    """
    number = situation.current_run.step
    back = not situation.skips_steps and situation.next_number <= number
    if _apart(situation) or back:
        return Granted()
    settles = situation.current_run.started_at + SETTLES
    if not number and situation.now < settles:
        message = f"waiting for the other Canaries of group {_name(situation)} to be seen"
        return Withheld(reason=why.GROUP, message=message, opens_at=settles)
    last = situation.skips_steps or situation.next_step is None
    behind = [
        each for each in _fellows(situation) if not _has_passed(situation, each, number, last=last)
    ]
    if not behind:
        return Granted()
    what = "pass the last step" if last else f"pass step {number}" if number else "be ready"
    names = "; ".join(f"{each} ({_where(each)})" for each in behind)
    message = f"waiting for the others of group {_name(situation)} to {what}: {names}"
    return Withheld(reason=why.GROUP, message=message)


def show_passed(situation: Situation) -> Situation:
    """Let the others know which step this Canary has passed."""
    return situation.with_run(passed_step=situation.current_run.step)


def fail_with_group(situation: Situation) -> Situation | None:
    """Roll a run back where another one of its group was rolled back since it began."""
    group = situation.spec.group
    if _apart(situation) or group is None or group.on_failure is not OnFailure.TOGETHER:
        return None
    began = situation.current_run.started_at
    for each in _fellows(situation):
        since = each.progress.since
        if _failed(situation, each) and since is not None and since >= began:
            message = f"Canary {each} of group {group.name} was rolled back"
            return roll_back(situation, "GroupFailed", message)
    return None


def _apart(situation: Situation) -> bool:
    """Tell whether a run goes by itself: it has no group, or it does not wait for it."""
    run = situation.current_run
    grouped = situation.spec.group is not None and situation.status.release
    return not grouped or run.full_promotion or run.known_good


def _name(situation: Situation) -> str:
    return situation.spec.group.name if situation.spec.group else ""


def _fellows(situation: Situation) -> list[Peer]:
    """List the others of the group that belong to this release, and are waited for."""
    release, group = situation.status.release, situation.spec.group
    alone = group is not None and group.on_failure is OnFailure.ALONE
    return [
        each
        for each in situation.facts.members
        if release in {each.progress.release, each.coming}
        and not each.deleting
        and not (alone and _failed(situation, each))
    ]


def _failed(situation: Situation, peer: Peer) -> bool:
    return peer.progress.phase is Phase.FAILED and _is_at(situation, peer)


def _is_at(situation: Situation, peer: Peer) -> bool:
    """Tell whether the progress of another one is that of this release."""
    return peer.progress.release == situation.status.release


def _has_passed(situation: Situation, peer: Peer, number: int, *, last: bool) -> bool:
    progress = peer.progress
    if not _is_at(situation, peer):
        return False
    return progress.passed_all or (not last and progress.passed >= number)


def _where(peer: Peer) -> str:
    progress = peer.progress
    if progress.phase is Phase.FAILED:
        return "Failed: retry it, or take it out of the group"
    after = f" after step {progress.passed}" if progress.passed > 0 else ""
    return f"{progress.phase or 'New'}{after}"
