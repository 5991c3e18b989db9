"""Everything stored, and what may be done with it: read, create, replace, patch, apply, delete.

This is the API server without HTTP; the controllers of the embedded world call it directly.
Every operation here is one synchronous step, so none sees another half done, and no admission
webhook is asked; requests that come by HTTP take the steps of `writes` one by one, and ask.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tidegate_embedded.apiserver.changes import Written
from tidegate_embedded.apiserver.decoding import WriteOptions
from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.reviewing import settled
from tidegate_embedded.apiserver.storage import Storage, Stored
from tidegate_embedded.apiserver.values import now
from tidegate_embedded.apiserver.writing import PatchKind, Writes


class Objects:
    """Everything stored, by the rules of the Kubernetes API."""

    def __init__(
        self, registry: Registry, storage: Storage, clock: Callable[[], datetime] = now
    ) -> None:
        self.registry = registry
        self.storage = storage
        self.clock = clock
        self.writes = Writes(registry, storage, clock)

    def find(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """Return an object, or None."""
        return self.writes.find(resource, namespace, name)

    def read(self, resource: Resource, namespace: str, name: str) -> Stored:
        """Return an object; raises a 404."""
        return self.writes.read(resource, namespace, name)

    def create(
        self,
        resource: Resource,
        namespace: str,
        item: Any,
        options: WriteOptions = WriteOptions(),  # noqa: B008  (frozen)
    ) -> Written:
        """Create an object."""
        return settled(self.writes.create(resource, namespace, item, options))

    def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        item: Any,
        options: WriteOptions = WriteOptions(),  # noqa: B008  (frozen)
        *,
        subresource: str = "",
    ) -> Written:
        """Replace an object, or a subresource of it."""
        return settled(
            self.writes.replace(resource, namespace, name, item, options, subresource=subresource)
        )

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        kind: PatchKind,
        changes: Any,
        options: WriteOptions = WriteOptions(),  # noqa: B008  (frozen)
    ) -> Written:
        """Change a part of an object."""
        return settled(self.writes.patch(resource, namespace, name, kind, changes, options))

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        options: DeleteOptions = DeleteOptions(),  # noqa: B008  (frozen)
    ) -> Written:
        """Delete an object, or begin to where finalizers or grace hold it."""
        return settled(self.writes.delete(resource, namespace, name, options))
