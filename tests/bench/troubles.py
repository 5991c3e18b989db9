"""What goes wrong around a controller, again and again: networks, API servers and metric stores."""

import asyncio
import random
from collections import Counter

from tests.bench.store import Store
from tests.controller.faults import Proxy, answer, lose_answer, reset

WRITES = "^(PATCH|PUT|POST) "
PAUSE_SECONDS = (20.0, 60.0)
"""Between two troubles, at least and at most."""
AWAY_SECONDS = (2.0, 6.0)
"""How long an API server is away: shorter than the leader may be silent."""


async def trouble(proxy: Proxy, store: Store, seed: int, troubles: Counter[str]) -> None:
    """Make trouble without an end."""
    draw = random.Random(seed)
    while True:
        await asyncio.sleep(draw.uniform(*PAUSE_SECONDS))
        # What was asked is of no interest here, and would fill the memory.
        proxy.requests.clear()
        proxy.headers.clear()
        match what := draw.choice(("cut", "API server away", "writes refused", "store away")):
            case "cut":
                proxy.cut()
            case "API server away":
                proxy.down = True
                proxy.cut()
                await asyncio.sleep(draw.uniform(*AWAY_SECONDS))
                proxy.relent()
            case "writes refused":
                proxy.meet(WRITES, lose_answer, answer(500), reset, answer(409), lose_answer)
            case "store away":
                store.down = True
                await asyncio.sleep(draw.uniform(*AWAY_SECONDS))
                store.down = False
        troubles[what] += 1
