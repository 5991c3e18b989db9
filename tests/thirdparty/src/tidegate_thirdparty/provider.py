"""Provider `fixed`: every query is its own answer, for those who have the key."""

from datetime import datetime, timedelta
from typing import ClassVar

from analysis.errors import QueryError
from analysis.model import ProviderSpec, Sample


class FixedProvider:
    """Answers with the number that the query is."""

    secret_keys: ClassVar[tuple[str, ...]] = ("api-key",)

    def __init__(self, spec: ProviderSpec) -> None:
        self._credentials = spec.credentials

    async def query(self, query: str, at: datetime, interval: timedelta) -> Sample:
        """Answer."""
        if self._credentials.others != (("api-key", "opens"),) or self._credentials.token:
            raise QueryError("exactly the key api-key is needed")
        return Sample(value=float(query), at=at)
