"""Records what a release of the controller leaves in each moment, and what it makes of it itself.

It runs the code of the working tree that it is in. To record a release that is a commit, put these
tests into a working tree of that commit, and take what they write:

    git worktree add ../before COMMIT
    cp --recursive tests/upgrade ../before/tests/
    cd ../before
    PYTHONPATH=$PWD:$PWD/embedded/src python -m tests.upgrade.record tests/upgrade/recorded/COMMIT

Then copy that folder back, remove those of older releases, and read the difference. The way back is
tried by hand likewise: record the working tree of today, copy `tests/upgrade` with it over, and run
`pytest tests/upgrade/test_release_before.py` there.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from tests.controller.running import World
from tests.receiver import receiving
from tests.upgrade.moments import MOMENTS, UNREADY, Place, arrange, bring_about, phase
from tests.upgrade.schemas import known
from tests.upgrade.snapshots import LEASES, Snapshot, take, written
from tests.upgrade.taking_over import take_over
from tidegate_embedded.apiserver.values import Object
from tidegate_embedded.controllers import InstantRuntime, PodRuntime
from tidegate_embedded.controllers.runtime import Report, running

_withheld: set[str] = set()
"""The namespaces in which some pods do not become ready any longer."""


class WithholdingRuntime(InstantRuntime):
    """Pods are ready at once, beside those that shall not be while a moment is recorded."""

    async def start(self, pod: Object, report: Report) -> None:
        name, image = UNREADY.get(pod["metadata"]["namespace"], ("", ""))
        images = [each["image"] for each in pod["spec"]["containers"]]
        if (
            pod["metadata"]["namespace"] in _withheld
            and pod["metadata"]["name"].startswith(name)
            and any(each.endswith(image) for each in images)
        ):
            report(running(pod, "10.244.9.9", ready=False))
            return
        await super().start(pod, report)


class WithholdingWorld(World):
    """A world in which pods can be withheld."""

    def runtime(self) -> PodRuntime:
        return WithholdingRuntime(back_off_seconds=0.05)


async def moments(directory: Path) -> dict[str, Snapshot]:
    """Bring about all moments, at once, and take what is stored of each."""
    async with WithholdingWorld(directory) as world, receiving() as receiver:
        places = {each.name: Place(world, receiver, each.name) for each in MOMENTS}
        for name in places:
            await world.api.create(manifests.namespace(name), NAMESPACE)
        async with world.running_controller(verified_commands=True):
            for each in MOMENTS:
                await arrange(places[each.name], each)
            for each in MOMENTS:
                await places[each.name].until_said(phase("Initialized"))
            _withheld.update(UNREADY)
            await asyncio.gather(*(bring_about(places[each.name], each) for each in MOMENTS))
        return {each: take(world, each, receiver.url) for each in (*places, LEASES)}


async def record(directory: Path) -> tuple[dict[str, Snapshot], str]:
    """Record every moment and what comes of it; tell what was not kept by the release itself."""
    snapshots = await moments(directory)
    async with World(directory) as world, receiving() as receiver:
        lost, found = await take_over(world, snapshots, receiver)
    recorded = {name: each | {"comes": found.get(name)} for name, each in snapshots.items()}
    return recorded, str(lost or "nothing")


def main(folder: Path) -> None:
    """Write what is recorded into a folder, and what this release knows of a status beside it."""
    with TemporaryDirectory() as directory:
        recorded, lost = asyncio.run(record(Path(directory)))
    folder.mkdir(parents=True, exist_ok=True)
    for name, each in recorded.items():
        (folder / f"{name}.json").write_text(written(each))
    folder.with_suffix(".known.json").write_text(known())
    print(f"recorded {len(recorded)} namespaces in {folder}; not kept by itself: {lost}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
