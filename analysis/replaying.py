"""An analysis repeated in the past: what each of its checks would have said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from analysis.engine import Asker, analyse
from analysis.judging import Replayed
from analysis.model import Memory, Metric


async def replay(
    metrics: Sequence[Metric], moments: Iterable[datetime], past: Asker, since: datetime
) -> tuple[Replayed, ...]:
    """Judge metrics at each moment, the oldest first, as one run would have.

    What is counted is counted from `since` on.
    """
    memories: Mapping[str, Memory] = {}
    counted = [replace(each, since=since) for each in metrics]
    looks = []
    for at in moments:
        report = await analyse(counted, past, at, memories=memories)
        memories = report.memories
        looks.append(Replayed(at=at, report=report))
    return tuple(looks)
