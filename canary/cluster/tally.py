"""How many objects of a kind there are: counted as they come and go, not when they are asked for."""

from collections.abc import Callable

Sort = Callable[[object], str]
"""Names what a record is counted as; empty for one that is not counted."""


class ObjectTally:
    """Counts the records of one kind by their sort, and knows the namespace that has the most."""

    def __init__(self, sort: Sort) -> None:
        self._sort = sort
        self._sorts: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._namespaces: dict[int, dict[str, None]] = {}
        """The namespaces by how many there are in them: the fullest is found without a search."""
        self.fullest = ("", 0)
        """The namespace with the most records, and how many these are."""

    def change(self, namespace: str, before: object | None, after: object | None) -> None:
        """Take in that a record has come, has changed, or has gone."""
        was = "" if before is None else self._sort(before)
        now = "" if after is None else self._sort(after)
        if was == now:
            return
        for sort, by in ((was, -1), (now, 1)):
            if sort:
                self._sorts[sort] = self._sorts.get(sort, 0) + by
        if bool(was) != bool(now):
            self._move(namespace, 1 if now else -1)

    @property
    def sorts(self) -> dict[str, int]:
        """How many there are of each sort that there is, or was; a reader may be another thread."""
        return self._sorts.copy()

    def _move(self, namespace: str, by: int) -> None:
        before = self._counts.get(namespace, 0)
        after = before + by
        if before:
            del self._namespaces[before][namespace]
        if after:
            self._counts[namespace] = after
            self._namespaces.setdefault(after, {})[namespace] = None
        else:
            self._counts.pop(namespace, None)
        _, most = self.fullest
        if after > most:
            self.fullest = (namespace, after)
        elif before == most:
            # One fewer is what this namespace has itself, unless another has as many as before.
            most = before if self._namespaces[before] else after
            self.fullest = (next(iter(self._namespaces[most])), most) if most else ("", 0)
        if before and not self._namespaces[before]:
            del self._namespaces[before]
