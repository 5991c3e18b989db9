"""What the two halves of the stories tell each other: the rights that each has used.

A right is left unused where neither has used it. The half that ends last compares: each tells its own
before it reads the other's, so at least one of them has both.
"""

import json
import os
from collections.abc import Set as AbstractSet
from pathlib import Path
from tempfile import mkstemp

from tests.delivery.role import Right

FOLDER = "TIDEGATE_HALVES"
"""The environment variable that names where they tell; without it all is told in one."""


def used_elsewhere(used: AbstractSet[Right]) -> AbstractSet[Right] | None:
    """Tell the rights that were used, and give the other half's; None where that has not ended yet."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return set()
    # Each half is in namespaces of its own, where both have the same process id.
    descriptor, part = mkstemp(dir=folder)
    with os.fdopen(descriptor, "w") as file:
        json.dump(sorted(used), file)
    own = Path(part).rename(f"{part}.json")
    others = [each for each in Path(folder).glob("*.json") if each != own]
    if not others:
        return None
    return {Right(*right) for each in others for right in json.loads(each.read_text())}
