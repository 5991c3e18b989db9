"""Figures of what simulations tell: how often a good release is rolled back, and what that takes."""

import random
import time
from datetime import timedelta

from canary.api.status import Outcome
from canary.simulation.release import Rehearsal, ReleaseSetting, RouterTraits
from canary.simulation.traffic import ServiceTraffic
from tests.analysis.test_evidence import HARM, looked_at, requests_until_proof, share_above
from tests.bench.figures import Figure
from tests.builders import a_spec

RELEASES, LOOKS, ALPHA, ERRORS = 1000, 60, 0.05, 0.005
SECONDS, REQUESTS = 60.0, 900.0
TRAFFIC = (12, 60, 600)
_PERCENT = 100


def measure() -> list[Figure]:
    """Simulate the judge alone, and whole releases."""
    false = max(share_above(looked_at(each), ALPHA) for each in TRAFFIC)
    needed = requests_until_proof(HARM, 4, 1 / ALPHA, runs=RELEASES).mean()
    ended, seconds = released()
    return [
        _false(f"a good release rolled back within {LOOKS} looks, α 5 %, at most", false),
        Figure(
            name="requests of a canary that fails 4 times as often, to its rollback, α 5 %, mean",
            value=f"{needed:.0f}",
            target=f"≤ {REQUESTS:g}",
            reached=needed <= REQUESTS,
        ),
        _false(
            f"{RELEASES:,} whole good releases, by the controller's decisions, rolled back", ended
        ),
        Figure(
            name=f"{RELEASES:,} simulated releases of an hour, CPU",
            value=f"{seconds:.1f} s",
            target=f"≤ {SECONDS:g} s",
            reached=seconds <= SECONDS,
        ),
    ]


def released() -> tuple[float, float]:
    """Release good revisions for an hour each; give the share rolled back, and the CPU of all."""
    metric = {
        "name": "request-success-rate",
        "judge": "sequential",
        "judgeOptions": {"alpha": str(ALPHA)},
    }
    steps = [{"weight": 50, "duration": f"{LOOKS}m"}]
    used, chance = time.process_time(), random.Random(0).random
    rehearsal = Rehearsal(
        ReleaseSetting(
            spec=a_spec(analysis={"interval": "60s", "steps": steps, "metrics": [metric]}),
            router=RouterTraits(name="istio"),
            traffic=ServiceTraffic(per_minute=120, errors=ERRORS),
            replicas=2,
            starting=timedelta(seconds=15),
            horizon=timedelta(hours=2),
        )
    )
    ends = [rehearsal.release(ERRORS, chance) for _ in range(RELEASES)]
    assert all(each.took >= timedelta(hours=1) for each in ends if each.outcome == Outcome.PROMOTED)
    rolled_back = sum(each.outcome != Outcome.PROMOTED for each in ends) / RELEASES
    return rolled_back, time.process_time() - used


def _false(name: str, share: float) -> Figure:
    return Figure(
        name=name,
        value=f"{share * _PERCENT:.1f} %",
        target=f"≤ {ALPHA * _PERCENT:g} %",
        reached=share <= ALPHA,
    )
