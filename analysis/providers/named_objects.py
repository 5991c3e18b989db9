"""Checks that are objects of an API server, with names made of their keys.

What is there already under the name is the same check, and is not started again.
"""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from analysis.model import Outcome
from analysis.providers.kubeapi import found_by
from analysis.providers.resumable import ResumableStore
from analysis.providers.store import Request
from analysis.resuming import Working

_JSON = {"Content-Type": "application/json"}
_EXISTS, _GONE = 409, 404


class NamedObjects(ResumableStore):
    """Create an object, see how far it is, and delete it."""

    api: ClassVar[str]
    """The group and the version of the objects."""
    plural: ClassVar[str]
    deletion: ClassVar[Mapping[str, Any] | None] = None
    """What a deletion says of objects that the object owns; nothing where it says none."""

    async def create(self, made: Mapping[str, Any]) -> None:
        """Create an object, unless the one of its name is there."""
        answer = await self._connection.fetch(
            f"{self._address}{self._collection(made['metadata']['namespace'])}",
            content=orjson.dumps(made),
            headers=_JSON,
        )
        if answer.status == _EXISTS:
            return
        if answer.status not in {200, 201}:
            raise self.refused(answer)
        self.understand(answer, lambda created: created["metadata"]["name"])

    async def poll(self, handle: str, at: datetime) -> Outcome | Working:
        """Read how far an object is."""
        answer = await self.send(Request(path=self._path(handle)))
        return self.understand(answer, lambda found: self.said(found, at))

    async def cancel(self, handle: str) -> None:
        """Delete an object."""
        answer = await self._connection.fetch(
            f"{self._address}{self._path(handle)}",
            method="DELETE",
            content=orjson.dumps(self.deletion) if self.deletion else None,
            headers=_JSON if self.deletion else None,
        )
        if answer.status not in {200, 202, _GONE}:
            raise self.refused(answer)

    @abstractmethod
    def said(self, found: Any, at: datetime) -> Outcome | Working:
        """Read what an object says of its check."""

    def _collection(self, namespace: str) -> str:
        return f"/apis/{self.api}/namespaces/{quote(namespace, safe='')}/{self.plural}"

    def _path(self, handle: str) -> str:
        namespace, name = found_by(handle)
        return f"{self._collection(namespace)}/{name}"
