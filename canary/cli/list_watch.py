"""`tidegate list --watch`: a row for each Canary, and another one whenever it has changed."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from canary.api.kinds import Kind
from canary.cli.common import here
from canary.cli.documents import as_json
from canary.cli.following import FollowedObject, follow
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.logs import printable
from canary.views.canary import CanaryView, canary_view
from canary.views.fleet import Columns, Selection, header, row

_DELETED = "Deleted"


class ChangingRows:
    """Prints Canaries as they change, in the form that was asked for."""

    def __init__(
        self, selection: Selection, *, everywhere: bool, headers: bool, form: str | None
    ) -> None:
        self._selection = selection
        self._everywhere, self._headers, self._form = everywhere, headers, form
        self._began = here()
        self._screen = Screen()
        self._columns: Columns | None = None
        self._shown: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def take(self, seen: Iterable[FollowedObject]) -> None:
        """Print those that have changed since they were printed last."""
        changed: list[tuple[CanaryView, bool]] = []
        for each in seen:
            view = canary_view(each.manifest)
            key = (view.group, view.namespace, view.name)
            if each.deleted or not self._selection.takes(view):
                if self._shown.pop(key, None) is not None and each.deleted:
                    changed.append((view, True))
                continue
            # As of one moment: that time has passed is no change.
            cells = self._cells(view, self._began)
            if self._shown.get(key) != cells:
                self._shown[key] = cells
                changed.append((view, False))
        self._print(changed)

    def _print(self, changed: Sequence[tuple[CanaryView, bool]]) -> None:
        if self._form in {"json", "name"}:
            for view, deleted in changed:
                self._screen.lines(_written(view, self._form, deleted=deleted))
            return
        now = here()
        rows = [self._row(view, now, deleted=deleted) for view, deleted in changed]
        if rows and self._columns is None:
            names = header(everywhere=self._everywhere, wide=self._wide)
            width = None if self._wide or not self._screen.has_end else self._screen.width
            flexible = names.index("WAITING FOR")
            self._columns = Columns.of([names, *rows], flexible=flexible, width=width)
            if self._headers:
                self._screen.line(self._columns.line(names))
        for each in rows:
            assert self._columns is not None
            self._screen.line(self._columns.line(each))

    @property
    def _wide(self) -> bool:
        return self._form == "wide"

    def _cells(self, view: CanaryView, now: datetime) -> tuple[str, ...]:
        return tuple(map(printable, row(view, now, everywhere=self._everywhere, wide=self._wide)))

    def _row(self, view: CanaryView, now: datetime, *, deleted: bool) -> tuple[str, ...]:
        cells = self._cells(view, now)
        place = header(everywhere=self._everywhere, wide=self._wide).index("PHASE")
        return (*cells[:place], _DELETED, *cells[place + 1 :]) if deleted else cells


def _written(view: CanaryView, form: str, *, deleted: bool) -> Iterable[str]:
    if form == "json":
        return as_json(view.document())
    return () if deleted else (f"canary.{view.group}/{view.name}",)


async def watch_rows(
    cluster: Cluster, kinds: Sequence[Kind], namespace: str, labels: str, rows: ChangingRows
) -> None:
    """Print rows until Ctrl-C."""
    async for seen in _merged([follow(cluster, each, namespace, labels=labels) for each in kinds]):
        rows.take(seen)


async def _merged(
    sources: Sequence[AsyncIterator[list[FollowedObject]]],
) -> AsyncIterator[list[FollowedObject]]:
    """Give what comes of several sources, as it comes; the first that fails ends it."""
    heard: asyncio.Queue[list[FollowedObject]] = asyncio.Queue()

    async def listen(source: AsyncIterator[list[FollowedObject]]) -> None:
        async for each in source:
            await heard.put(each)

    listeners = [asyncio.create_task(listen(each)) for each in sources]
    getting: asyncio.Task[list[FollowedObject]] | None = None
    try:
        while True:
            getting = asyncio.create_task(heard.get())
            done, _ = await asyncio.wait({getting, *listeners}, return_when=asyncio.FIRST_COMPLETED)
            for each in listeners:
                if each in done:
                    each.result()
            if getting in done:
                yield getting.result()
            else:
                getting.cancel()
    finally:
        for each in (*listeners, *([getting] if getting else ())):
            each.cancel()
