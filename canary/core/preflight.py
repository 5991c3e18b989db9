"""Preflight: a new Canary is not initialised while that would undo what protects its target.

What was found is kept in the status, so that it is looked for again only when the spec has changed,
and at an interval while it holds the Canary.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from canary.api.annotations import ACCEPT_RISK
from canary.api.status import CanaryStatus, Phase, Preflight, RiskStatus, Severity, Stage
from canary.core import waits as why
from canary.core.situation import Situation

AGAIN = timedelta(seconds=60)
"""How long a Canary that is held waits before its surroundings are read again."""
HOLDING = (why.SELECTORS_LOST, why.WEIGHTS_IGNORED)
RISKS_KEPT = 10
MESSAGE_LENGTH = 500
POLICY_LENGTH = 4096


def preflight_due(status: CanaryStatus, generation: int, now: datetime) -> bool:
    """Tell whether the surroundings of a Canary must be read."""
    known = status.preflight
    if known is None or known.generation != generation:
        return True
    return _held(status) and not known.at <= now < known.at + AGAIN


def preflight_at(status: CanaryStatus) -> datetime | None:
    """Tell when a Canary that is held looks at its surroundings again."""
    known = status.preflight
    return known.at + AGAIN if known is not None and _held(status) else None


def _held(status: CanaryStatus) -> bool:
    """Tell whether a Canary is held that is not initialised yet."""
    stage = status.stage
    return stage is not None and stage.name is Stage.HELD and status.phase is Phase.INITIALIZING


def note_survey(situation: Situation) -> Situation:
    """Record what was found, and tell once of each risk that is new."""
    survey, before = situation.facts.survey, situation.status.preflight
    if survey is None:
        return situation
    found = tuple(
        RiskStatus(
            object=str(each)[:MESSAGE_LENGTH],
            reason=each.reason,
            message=each.message[:MESSAGE_LENGTH],
            holds=each.holds,
        )
        for each in survey.risks[:RISKS_KEPT]
    )
    known = {each.object for each in before.risks} if before else set()
    noted = situation.but(
        preflight=Preflight(
            generation=situation.facts.generation,
            at=situation.now,
            risks=found,
            traffic_policy=survey.traffic_policy[:POLICY_LENGTH],
        )
    )
    for risk in open_risks(noted):
        if risk.object not in known:
            noted = noted.tell(risk.reason, risk.message, Severity.WARN, alert=risk.holds)
    if survey.gitops and before is None:
        # Once: whether the tool heeds it by now cannot be seen.
        noted = noted.tell("UnderGitOps", survey.gitops[:MESSAGE_LENGTH])
    return noted


def open_risks(situation: Situation) -> Iterator[RiskStatus]:
    """Give the risks that were not accepted."""
    known = situation.status.preflight
    for risk in known.risks if known else ():
        if risk.object not in situation.facts.accepted_risks:
            yield risk


def hold_for_risk(situation: Situation) -> Situation | None:
    """Hold the initialisation of a new Canary while a risk is open that calls for it.

    Where there is a primary, it or its predecessor has served already: nothing is lost by going on.
    """
    if situation.facts.primary is not None:
        return None
    holding = [risk for risk in open_risks(situation) if risk.holds and risk.reason in HOLDING]
    if not holding:
        return None
    remedy = f"; or accept it with the annotation {ACCEPT_RISK}: {holding[0].object}"
    message = "; ".join(risk.message for risk in holding)[:MESSAGE_LENGTH] + remedy
    return situation.but(last_applied_spec="").wait(holding[0].reason, message)
