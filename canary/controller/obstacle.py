"""Saying of a Canary that what it needs can't be known, without deciding anything about it.

The weights, the phase and what is waited for stay as they are: nothing is known that could change
them. Only the conditions say what stands in the way.
"""

from datetime import datetime

from canary.api.canary import CanarySpec
from canary.controller.canaries import CanaryRecord
from canary.core.conditions import conditions
from canary.core.facts import Facts
from canary.core.situation import Decision, Situation
from canary.core.waits import OBSTACLE


def obstructed(record: CanaryRecord, spec: CanarySpec, obstacle: str, now: datetime) -> Decision:
    """Remember an obstacle in the conditions of a Canary, and do nothing else."""
    facts = Facts(generation=record.generation)
    situation = Situation(spec=spec, status=record.status, facts=facts, now=now)
    said = conditions(situation.wait(OBSTACLE, obstacle))
    return Decision(
        status=record.status.but(conditions=said, observed_generation=record.generation)
    )
