"""Notices that were delivered: when they are forgotten in a write of their own."""

import pytest

from canary.api.status import CanaryStatus, Phase, Stage, StageRecord
from canary.core.notices import forgotten_alone
from tests.builders import T0


def a_status_at(phase: Phase, stage: Stage | None) -> CanaryStatus:
    return CanaryStatus(phase=phase, stage=StageRecord(name=stage, since=T0) if stage else None)


@pytest.mark.parametrize(
    ("phase", "stage", "alone"),
    [
        pytest.param(Phase.SUCCEEDED, None, True, id="at rest"),
        pytest.param(Phase.PROGRESSING, None, False, id="in a run, between two stages"),
        pytest.param(Phase.PROGRESSING, Stage.ANALYSING, False, id="before the next analysis"),
        pytest.param(Phase.PROGRESSING, Stage.GATED, True, id="before a gate"),
        pytest.param(Phase.WAITING, Stage.WITHHELD, True, id="in line"),
        pytest.param(Phase.PROGRESSING, Stage.PAUSED, True, id="paused"),
        pytest.param(Phase.PROGRESSING, Stage.SUSPENDED, True, id="suspended"),
    ],
)
def test_delivered_notices_are_forgotten_alone_where_no_decision_is_near(
    phase: Phase, stage: Stage | None, alone: bool
) -> None:
    assert forgotten_alone(a_status_at(phase, stage)) is alone
