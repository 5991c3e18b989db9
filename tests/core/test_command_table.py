"""Every command in every state, with every strategy: obeyed where it means something, and else
refused with a reason. What is suspended or deleted answers no command.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canary.api.annotations import VERBS
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Phase, Stage
from canary.core.facts import Command, Facts
from canary.core.gates import held_gates
from tests.builders import a_spec
from tests.core.deciding import decided
from tests.core.test_phase_stages import WAYS
from tests.core.world import MATCH

STRATEGIES: Mapping[str, dict[str, Any]] = {
    "weights": {},
    "A/B": {"iterations": 3, "match": MATCH},
    "blue/green": {"iterations": 3},
    "mirror": {"stepWeights": [20, 60], "mirror": True},
    "steps": {"steps": [{"weight": 10}, {"weight": 60}]},
    "matched, then all": {"steps": [{"weight": 60, "match": MATCH}, {"weight": 60}]},
    "bake": {"stepWeights": [20, 60], "bakeTime": "1h"},
}

RUN = frozenset({"abort", "pause", "promote"})
AT_A_GATE = RUN | {"approve", "reject"}
PAUSED = frozenset({"abort", "resume", "promote"})
WITHOUT_SPEC = frozenset({"abort", "pause"})
STEPPING = {
    Stage.RESOLVING: RUN,
    Stage.FILLING: RUN,
    Stage.PROPAGATING: RUN,
    Stage.ROUTING: RUN,
    Stage.ANALYSING: RUN,
    Stage.RETURNING: RUN,
    Stage.REFUSED: RUN,
    Stage.OBSTRUCTED: RUN,
    Stage.WITHHELD: RUN,
    Stage.GATED: AT_A_GATE,
    Stage.PAUSED: PAUSED,
    Stage.UNGUIDED: WITHOUT_SPEC,
}
TABLE: Mapping[Phase, Mapping[Stage, frozenset[str]]] = {
    Phase.WAITING: STEPPING | {Stage.HELD: RUN},
    Phase.PROGRESSING: STEPPING,
    Phase.WAITING_PROMOTION: STEPPING,
    Phase.FAILED: {
        Stage.BLOCKED: frozenset({"retry"}),
        Stage.FILLING: frozenset({"retry"}),
        Stage.OBSTRUCTED: frozenset({"retry"}),
        Stage.PROPAGATING: frozenset({"retry"}),
        Stage.RETURNING: frozenset({"retry"}),
        Stage.UNSCALED: frozenset({"retry"}),
    },
}
"""What is obeyed; `skip` beside it where the run has come to a step and no gate is shut, and `expedite`
where a policy has something to pass."""


def meant(status: CanaryStatus, facts: Facts) -> frozenset[str]:
    stage = status.stage.name if status.stage else Stage.ANALYSING
    obeyed = TABLE.get(status.phase, {}).get(stage, frozenset())
    if any(each.spec.stop or each.unreadable for each in facts.policies):
        return obeyed - {"promote"}
    if obeyed >= {"promote"} and any(each.expeditable for each in facts.policies):
        obeyed |= {"expedite"}
    at_step = status.run is not None and status.run.step > 0
    skips = obeyed >= {"promote"} and at_step and not held_gates(status)
    return obeyed | {"skip"} if skips else obeyed


def as_strategy(spec: CanarySpec, strategy: str) -> CanarySpec:
    planned = a_spec(analysis=STRATEGIES[strategy]).analysis
    return spec.but(analysis=planned.but(webhooks=spec.analysis.webhooks))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_command_is_obeyed_where_it_means_something_and_else_refused_with_a_reason(strategy):
    ways = WAYS if strategy == "weights" else [each for each in WAYS if each.before.phase in TABLE]
    for way in ways:
        spec = as_strategy(way.spec, strategy)
        status = decided(spec, way.before, way.facts, way.now).status
        silent = spec.suspend or way.facts.deleting or way.facts.routes_away
        for verb in VERBS:
            facts = replace(way.facts, commands=(Command(verb=verb),))
            after = decided(spec, status, facts, way.now + timedelta(seconds=1)).status
            records = [each for each in after.commands if each.verb == verb]
            where = (status.phase, status.stage and status.stage.name, verb)
            assert bool(records) is not bool(silent), where
            for record in records:
                assert record.accepted is (verb in meant(status, way.facts)), (
                    *where,
                    record.message,
                )
                assert record.accepted or record.message
