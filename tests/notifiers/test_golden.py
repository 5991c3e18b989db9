"""Golden files: what each notifier sends."""

import json
from pathlib import Path

import pytest

from tests.case import NotifierCase, notifier_cases
from tests.notifiers.alerts import ALERTS
from tests.receiver import Receiver

GOLDEN = Path(__file__).parents[1] / "golden" / "notifiers"


@pytest.mark.parametrize("alert", ALERTS)
@pytest.mark.parametrize("case", notifier_cases(), ids=lambda case: case.name)
async def test_sends_what_the_golden_file_holds(
    case: NotifierCase, alert: str, receiver: Receiver, *, update_golden: bool
) -> None:
    receiver.answers(case.success)
    await case.make(receiver.url).send(ALERTS[alert])
    file = GOLDEN / case.name / f"{alert}.json"
    sent = [{"path": each.path, "body": each.document} for each in receiver.requests]
    if update_golden:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(sent, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert sent == json.loads(file.read_text(encoding="utf-8"))


def test_every_golden_file_belongs_to_a_case() -> None:
    known = {f"{case.name}/{alert}.json" for case in notifier_cases() for alert in ALERTS}
    assert {str(file.relative_to(GOLDEN)) for file in GOLDEN.glob("*/*")} == known
