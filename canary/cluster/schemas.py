"""Which fields the installed CRDs have: what a CRD does not have, the API server drops silently.

They are read from the OpenAPI documents that the API server gives to everyone who may log in.
https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
"""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from canary.api.kinds import Kind
from canary.api.raw import items, part
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError, Unreachable

log = logging.getLogger(__name__)

CHECKED_AGAIN = timedelta(minutes=1)
"""After how long a field that is missing is looked for again: the CRD may have been upgraded."""
_BELIEVED = timedelta(hours=1)
"""How long a field that is there is taken to be there: hardly anybody installs an older CRD."""

Field = tuple[str, ...]
"""The place of a field in an object, lists left out: `("spec", "rules", "timeouts")`."""


class Schemas:
    """Knows which fields the installed CRDs lack, of those that were asked about."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that only ever grow."""
        self._cluster = cluster
        self._clock = clock
        self._known: dict[tuple[Kind, Field], tuple[bool, float]] = {}
        """Whether a field is missing, and until when that is believed."""

    def missing(self, kinds: Iterable[Kind]) -> frozenset[Field]:
        """Name the fields of some kinds that are known to be missing."""
        asked = set(kinds)
        return frozenset(
            field
            for (kind, field), (missing, _) in self._known.items()
            if missing and kind in asked
        )

    async def lacks(self, kind: Kind, field: Field) -> bool:
        """Tell whether the installed CRD of a kind lacks a field; false where that is not known.

        Raises:
            Unreachable: the API server could not be asked.
        """
        missing, until = self._known.get((kind, field), (False, 0.0))
        if self._clock() >= until:
            missing = await self._look(kind, field)
            believed = CHECKED_AGAIN if missing else _BELIEVED
            self._known[kind, field] = missing, self._clock() + believed.total_seconds()
        return missing

    async def _look(self, kind: Kind, field: Field) -> bool:
        try:
            found = await self._cluster.openapi(kind)
        except Unreachable:
            raise
        except ClusterError as error:
            log.warning("the fields of %s are not known: %s", kind.resource, error)
            return False
        if found is None:
            return False
        version, document = found
        return not has_field(schema_of(document, kind, version), field)


def has_field(schema: object, field: Field) -> bool:
    """Tell whether objects of a schema keep a field; lists on the way are looked into."""
    for name in field:
        while part(schema, "type") == "array":
            schema = part(schema, "items")
        properties = part(schema, "properties")
        if not isinstance(properties, dict) or part(schema, "x-kubernetes-preserve-unknown-fields"):
            # It says nothing of its fields, and keeps them all.
            return True
        if name not in properties:
            return False
        schema = properties[name]
    return True


def schema_of(document: object, kind: Kind, version: str) -> object:
    """Find the schema of a kind in an OpenAPI v3 document; None where it has none."""
    wanted = {"group": kind.group, "version": version, "kind": kind.kind}
    schemas = part(part(document, "components"), "schemas")
    described = schemas.values() if isinstance(schemas, dict) else ()
    kinds = "x-kubernetes-group-version-kind"
    return next((schema for schema in described if wanted in items(part(schema, kinds))), None)
