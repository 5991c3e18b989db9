"""Watches: the changes of a kind as a stream of lines, from a version on."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tidegate_embedded.apiserver import errors, reading, table
from tidegate_embedded.apiserver.conversion import as_json, from_stored
from tidegate_embedded.apiserver.errors import ApiError
from tidegate_embedded.apiserver.negotiation import Form
from tidegate_embedded.apiserver.requests import ApiRequest, integer, is_set, resource_version
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.selectors import Predicate
from tidegate_embedded.apiserver.storage import Event, Storage, Stored
from tidegate_embedded.apiserver.values import Object, to_json

#: A watch without a limit of its own lives at least so long, at most twice that.
LIFETIME_SECONDS = 1800.0
#: The last bookmark comes so long before the end.
LAST_BOOKMARK_SECONDS = 2.0


@dataclass(slots=True)
class Watch:
    """One watch: where it stands, what it selects, and how it writes objects."""

    storage: Storage
    request: ApiRequest
    form: Form
    bookmark_seconds: float
    closing: Callable[[], bool]
    _position: int = field(default=0, init=False)
    _selected: Predicate | None = field(default=None, init=False)
    _initial: list[Stored] | None = field(default=None, init=False)
    _columns_sent: bool = field(default=False, init=False)

    def open(self) -> None:
        """Find where to begin; raises a 400 or 422. A forgotten version is reported in the stream."""
        query = self.request.query
        match = query.get("resourceVersionMatch", "")
        send_initial = query.get("sendInitialEvents")
        causes = []
        if send_initial is not None and match != "NotOlderThan":
            causes.append(
                errors.Cause(
                    errors.FORBIDDEN,
                    "resourceVersionMatch",
                    "Forbidden: sendInitialEvents requires setting resourceVersionMatch to"
                    " NotOlderThan",
                )
            )
        if send_initial is None and match:
            causes.append(
                errors.Cause(
                    errors.FORBIDDEN,
                    "resourceVersionMatch",
                    "Forbidden: resourceVersionMatch is forbidden for watch unless"
                    " sendInitialEvents is provided",
                )
            )
        if causes:
            raise errors.invalid("meta.k8s.io", "ListOptions", "", causes)
        self._selected = reading.selection(self.request)
        asked = resource_version(self.request)
        history = self.storage.history(self.request.resource.storage_key)
        from_now = send_initial is None and not asked
        if from_now or is_set(self.request, "sendInitialEvents"):
            self._position = history.appended
            self._initial = [
                stored
                for _, stored in sorted(history.objects.items())
                if self._selected is None or self._selected(stored.object)
            ]
        elif not asked:
            self._position = history.appended
        else:
            self._position = -1

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the stream's lines, several at once where they come at once."""
        loop = asyncio.get_running_loop()
        request = self.request
        history = self.storage.history(request.resource.storage_key)
        seconds = integer(request, "timeoutSeconds")
        lifetime = float(seconds) if seconds else random.uniform(1, 2) * LIFETIME_SECONDS
        ends = loop.time() + lifetime
        bookmarks = is_set(request, "allowWatchBookmarks")
        next_bookmark = self._next_bookmark(loop.time(), ends) if bookmarks else ends
        if self._initial is not None:
            yield b"".join(self._line("ADDED", stored) for stored in self._initial)
            if bookmarks and is_set(request, "sendInitialEvents"):
                yield self._bookmark({"k8s.io/initial-events-end": "true"})
            self._initial = None
        try:
            if self._position < 0:
                self._position = history.position_after(int(request.query["resourceVersion"]))
            while not self.closing():
                events = history.since(self._position)
                self._position += len(events)
                lines = b"".join(filter(None, map(self._changed, events)))
                if lines:
                    yield lines
                moment = loop.time()
                if moment >= ends:
                    return
                if bookmarks and moment >= next_bookmark:
                    next_bookmark = self._next_bookmark(moment, ends)
                    yield self._bookmark()
                if not history.since(self._position):
                    await history.changed(max(0.0, min(ends, next_bookmark) - loop.time()))
        except ApiError as error:
            yield b'{"type":"ERROR","object":' + to_json(error.status) + b"}\n"

    def _next_bookmark(self, moment: float, ends: float) -> float:
        last = ends - LAST_BOOKMARK_SECONDS
        regular = moment + self.bookmark_seconds
        return min(regular, last) if moment < last else max(regular, ends)

    def _changed(self, event: Event) -> bytes | None:
        if self._selected is None:
            return self._line(event.change, event.stored)
        now_selected = event.change != "DELETED" and self._selected(event.stored.object)
        before = event.before is not None and self._selected(event.before.object)
        if now_selected:
            return self._line("MODIFIED" if before else "ADDED", event.stored)
        if not before or event.before is None:
            return None
        if event.change == "DELETED":
            return self._line("DELETED", event.stored)
        # It has left the selection: its last selected state, at the version of the change.
        last = event.before.object
        metadata = {**last["metadata"], "resourceVersion": str(event.version)}
        return self._line("DELETED", Stored({**last, "metadata": metadata}, event.version))

    def _line(self, change: str, stored: Stored) -> bytes:
        return b'{"type":"%s","object":%s}\n' % (change.encode(), self._written(stored))

    def _written(self, stored: Stored) -> bytes:
        resource = self.request.resource
        if self.form == "metadata":
            return stored.represented("metadata", table.partial_metadata)
        if self.form == "table":
            return to_json(self._table(stored, resource))
        return as_json(stored, resource)

    def _table(self, stored: Stored, resource: Resource) -> Object:
        include = self.request.query.get("includeObject", "Metadata")
        item = from_stored(stored.object, resource)
        metadata = {"resourceVersion": str(stored.version)}
        columns, self._columns_sent = not self._columns_sent, True
        return table.table(
            [table.row(item, resource, include)], resource, metadata, columns=columns
        )

    def _bookmark(self, annotations: Object | None = None) -> bytes:
        metadata: Object = {"resourceVersion": str(self.storage.version)}
        if annotations:
            metadata["annotations"] = annotations
        resource = self.request.resource
        item: Object = {
            "kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata,
        }  # fmt: skip
        if self.form == "metadata":
            item = table.partial_metadata(item)
        elif self.form == "table":
            item = table.table([{"cells": [], "object": item}], resource, metadata, columns=False)
        return b'{"type":"BOOKMARK","object":' + to_json(item) + b"}\n"
