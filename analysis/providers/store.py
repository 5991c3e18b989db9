"""A metric store that answers one request with series: what providers of such stores share.

A provider says how a question becomes a request, and how an answer is read. The window, the way
there, refusals and what is made of several series are the same for all of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

import orjson

from analysis.durations import parse_duration
from analysis.errors import AnalysisError, QueryError
from analysis.http.exchange import HttpAnswer, Signer
from analysis.identities.tokens import TokenSigner
from analysis.model import Outcome, ProviderSpec
from analysis.providers import SECRET_KEYS, ProviderDefaults, address_of
from analysis.providers.connection import Headers, ProviderConnection, TokenConnection, bad_address
from analysis.providers.refusals import refusal
from analysis.providers.series import REDUCTIONS, Series, outcome
from analysis.providers.windows import Window, closed
from analysis.secrecy import hide_suspicious, shown_address, shown_text

#: What every store can be told: what becomes of several series, how long data take to be whole,
#: and how far back a query looks, where that is not the metric's interval.
OPTIONS = ("reduce", "settle", "window")
#: How many warnings an answer carries.
MOST_WARNINGS = 5

Understood = TypeVar("Understood")

#: What reading an answer of another shape raises.
_MISREAD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question as HTTP: a GET, or a POST where it has a form or content, unless it says another."""

    method: str = ""
    path: str
    """What follows the address of the store."""
    parameters: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer holds."""

    series: Sequence[Series] = ()
    warnings: tuple[str, ...] = ()


class HttpStore(ProviderDefaults, ABC):
    """A store that speaks HTTP: its address, its credentials, and how it says what is wrong."""

    secret_keys: ClassVar[tuple[str, ...]] = SECRET_KEYS
    required: ClassVar[tuple[str, ...]] = ()
    """The keys of the Secret that it cannot do without."""
    options: ClassVar[tuple[str, ...]] = OPTIONS
    home: ClassVar[str] = ""
    """Its address where the template has none; `{region}` stands for the template's region."""
    root: ClassVar[str]
    """What its address must be, in words: "the root of a Graphite server"."""
    settle: ClassVar[timedelta]
    """How long its data take to be whole."""
    bucket: ClassVar[timedelta] = timedelta(seconds=1)
    """The time that one of its points stands for, at the least."""

    def __init__(self, spec: ProviderSpec) -> None:
        self.check(spec)
        self._spec = spec
        self._options = dict(spec.options)
        self._keys = secret_of(spec)
        self._address = address_of(spec).rstrip("/")
        self._where = shown_address(self._address)
        self._tokens = TokenConnection(spec)
        self._sign = self.signer()
        self._connection = ProviderConnection(
            spec, presented=self.presented(self._keys), sign=self._sign
        )

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Find out whether a spec has what this provider needs, and nothing that it does not read.

        Raises:
            QueryError: it has not; says what to write.
        """
        check_options(spec, cls.options)
        keys = secret_of(spec)
        if missing := [key for key in cls.required if not keys.get(key)]:
            raise QueryError(
                f"provider {spec.type} needs the key {missing[0]} of a Secret; add it, and write "
                "the Secret's name into secretRef"
            )
        if not address_of(spec):
            raise bad_address("")

    def presented(self, keys: Mapping[str, str]) -> Headers | None:
        """Give the headers that carry the credentials; None for a token or a password as such."""
        return None

    def signer(self) -> Signer | None:
        """Give what signs each request, or presents a token that expires; None for neither."""
        return None

    @abstractmethod
    def words(self, payload: Any) -> str:
        """Find what the store says of an error; empty where this is not how it speaks."""

    def decode(self, answer: HttpAnswer) -> Any:
        """Decode the body of an answer. One of another form may raise a ValueError."""
        return orjson.loads(answer.body)

    async def send(self, request: Request) -> HttpAnswer:
        """Send a request, and give its answer where that is one.

        Raises:
            QueryError: the store refuses it.
            ProviderUnavailable: the store gives no answer.
        """
        answer = await self._connection.fetch(
            f"{self._address}{request.path}",
            method=request.method,
            parameters=request.parameters,
            form=request.form,
            content=request.content,
            headers=request.headers,
        )
        if not self.answers(answer):
            raise self.refused(answer)
        return answer

    def refused(self, answer: HttpAnswer) -> AnalysisError:
        """Tell what kind of refusal an answer is."""
        if answer.status == 401 and isinstance(self._sign, TokenSigner):
            self._sign.renew()
        return refusal(
            answer,
            self._where,
            # What was fetched to be presented is no secret of the spec, and could be repeated.
            words=lambda payload: hide_suspicious(self.words(payload)),
            secrets=self._spec.secrets,
            root=self.root,
            login=f"{', '.join(self._keys)} of the Secret" if self._keys else "the credentials",
        )

    def answers(self, answer: HttpAnswer) -> bool:
        """Tell whether what came is an answer, and no refusal."""
        return answer.status == 200

    def understand(self, answer: HttpAnswer, read: Callable[[Any], Understood]) -> Understood:
        """Read an answer, whatever it holds.

        Raises:
            QueryError: it is none of this store.
        """
        try:
            payload = self.decode(answer)
        except (ValueError, RecursionError) as error:
            raise QueryError(
                f"{self._where} answers with {answer.media_type or 'something'} that cannot be "
                f"read; check that the address is {self.root}"
            ) from error
        try:
            return read(payload)
        except _MISREAD as error:
            raise QueryError(
                f"{self._where} answers otherwise than it should; check that the address is "
                f"{self.root}"
            ) from error

    def window(self, at: datetime, interval: timedelta) -> Window:
        """Give the window that a question at a moment is about."""
        return closed(
            at,
            duration_of(self._options, "window", interval),
            settle=duration_of(self._options, "settle", self.settle),
            bucket=self.bucket,
        )

    def shown(self, text: object) -> str:
        """Bring what the store says into one line without secrets."""
        return shown_text(str(text), self._spec.secrets)

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()
        await self._tokens.close()


class StoreProvider(HttpStore):
    """Ask a store for the newest window whose data are whole."""

    @abstractmethod
    def request(self, query: str, window: Window) -> Request:
        """Write a question.

        Raises:
            QueryError: the query is none of this store.
        """

    @abstractmethod
    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read an answer. One of another shape may raise what reading it raises.

        Raises:
            AnalysisError: the answer says that there is none, or no whole one.
        """

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        """Ask for the value over the newest window that is whole."""
        return await self.ask_outcome(query, self.window(at, interval))

    async def ask_outcome(self, query: str, window: Window, *, counted: bool = False) -> Outcome:
        """Ask for the value over a window, or for what was counted in it."""
        return self.made_of(await self.ask(query, window), window, counted=counted)

    def made_of(self, reading: Reading, window: Window, *, counted: bool = False) -> Outcome:
        """Make one value of what was read."""
        warnings = tuple(self.shown(each) for each in reading.warnings[:MOST_WARNINGS])
        reduce = self._options.get("reduce", "")
        return outcome(reading.series, window, reduce=reduce, counted=counted, warnings=warnings)

    async def ask(self, query: str, window: Window) -> Reading:
        """Put a question, and read what comes."""
        return self.understood(await self.send(self.request(query, window)), query, window)

    def understood(self, answer: HttpAnswer, query: str, window: Window) -> Reading:
        """Read an answer to a question.

        Raises:
            QueryError: it is none of this store.
        """
        return self.understand(answer, lambda payload: self.read(payload, query, window))


def check_options(spec: ProviderSpec, known: tuple[str, ...]) -> None:
    """Refuse options that a provider does not read, and values that it cannot.

    Raises:
        QueryError: there is one; says what to write.
    """
    options = dict(spec.options)
    if unknown := sorted(options.keys() - set(known)):
        raise QueryError(
            f"provider.options.{unknown[0]}: provider {spec.type} reads no such option; "
            f"it reads {', '.join(sorted(known))}"
        )
    if (reduce := options.get("reduce", "first")) not in REDUCTIONS:
        raise QueryError(
            f"provider.options.reduce: {shown_text(reduce)!r} is none; "
            f"write one of {', '.join(REDUCTIONS)}"
        )
    for name in ("settle", "window"):
        duration_of(options, name, timedelta(0))


def secret_of(spec: ProviderSpec) -> dict[str, str]:
    """Give what a provider was given of its Secret, by key, without white space around it."""
    credentials = spec.credentials
    named = {
        "token": credentials.token,
        "username": credentials.username,
        "password": credentials.password,
    }
    found = {key: value.strip() for key, value in named.items() if value}
    return found | {key: value.strip() for key, value in credentials.others}


def duration_of(options: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    """Read the option of a time.

    Raises:
        QueryError: it is none.
    """
    if name not in options:
        return default
    try:
        return timedelta(seconds=parse_duration(options[name]))
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"provider.options.{name}: {shown_text(options[name])!r} is no duration; "
            "write one such as 90s or 2m"
        ) from error
