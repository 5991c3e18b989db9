"""Provider `numbers`: a store that answers a query with a bare number, for those who have the key."""

from datetime import datetime, timedelta
from math import isnan
from typing import ClassVar

from analysis.errors import ProviderUnavailable, QueryError
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers.connection import ProviderConnection, bad_address
from analysis.secrecy import shown_address


class NumbersProvider:
    """Gets an address with a query, and reads the number that comes back."""

    secret_keys: ClassVar[tuple[str, ...]] = ("api-key",)

    def __init__(self, spec: ProviderSpec) -> None:
        if not spec.address:
            raise bad_address(spec.address)
        self._address = spec.address
        self._keys = dict(spec.credentials.others)
        self._connection = ProviderConnection(spec)

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        """Ask the store."""
        answer = await self._connection.fetch(
            self._address, parameters={"query": query}, headers=self._keys
        )
        where = shown_address(self._address)
        if answer.status != 200:
            busy = answer.status == 429 or answer.status >= 500
            problem = ProviderUnavailable if busy else QueryError
            raise problem(f"{where} answers {answer.status}")
        if not answer.body:
            return NoData(reason="the store knows no number")
        try:
            value = float(answer.body)
        except ValueError as error:
            raise QueryError(f"{where} answers with no number; check the address") from error
        return NoData(reason="the number is NaN") if isnan(value) else Sample(value=value, at=at)

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()
