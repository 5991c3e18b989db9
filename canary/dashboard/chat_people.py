"""Which user of the cluster a user of a chat, or the reader of a link, is: what a file says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from canary.dashboard.identity import MOST_GROUPS, name_of_person
from canary.errors import CanaryError

_LONGEST_FILE = 4 * 1024 * 1024
"""A ConfigMap holds less."""


_MAIL_FORM = (
    "write it as slackMail: {domains: [example.com], groups: {GROUP: [alice@example.com]}}, "
    "in small letters"
)


class UnreadableIdentities(CanaryError):
    """The file cannot be used as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the cluster."""

    user: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRules:
    """Whom a mail address stands for."""

    domains: frozenset[str]
    prefix: str
    """Before an address in the name of a user."""
    groups: Mapping[str, tuple[str, ...]]
    """By addresses."""

    def find(self, address: str) -> Person | None:
        """Find which user an address stands for; None where it is in none of the domains.

        The case of an address says nothing, and a letter that looks like another is another: what is
        not ASCII is no address here.
        """
        plain = address.lower() if address.isascii() else ""
        if not _ADDRESS.fullmatch(plain) or plain.rpartition("@")[2] not in self.domains:
            return None
        user = name_of_person(plain, self.prefix)
        return Person(user=user, groups=self.groups.get(plain, ())) if user else None


def _person(name: str) -> str:
    if not name_of_person(name):
        raise ValueError("is none that a person may have; names with system: are the cluster's own")
    return name


_ADDRESS = re.compile(r"[a-z0-9][a-z0-9._%+'-]{0,63}@[a-z0-9-]+(\.[a-z0-9-]+)+")
_Address = Annotated[str, Field(pattern=rf"^{_ADDRESS.pattern}$", max_length=254)]
_Domain = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)]
_Prefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9:._/#-]{0,64}$")]
_Name = Annotated[str, AfterValidator(_person)]
_LinkName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")]
_ChatUser = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,64}/[A-Z0-9]{1,64}$")]


class _Mapped(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: _Name
    groups: Annotated[list[_Name], Field(max_length=MOST_GROUPS)] = []


class _ByMail(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    domains: Annotated[list[_Domain], Field(min_length=1)]
    userPrefix: _Prefix = ""  # noqa: N815 - as it is written
    groups: Annotated[dict[_Name, list[_Address]], Field(max_length=MOST_GROUPS)] = {}

    @model_validator(mode="after")
    def _all_count(self) -> Self:
        for each in chain.from_iterable(self.groups.values()):
            if each.rpartition("@")[2] not in self.domains:
                raise ValueError(f"{each} is in none of the domains, and would never count")
        return self


class _OfSlack(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    slack: dict[_ChatUser, _Mapped]
    slackMail: _ByMail | None = None  # noqa: N815 - as it is written
    links: object = None


class _OfLinks(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    slack: object = None
    slackMail: object = None  # noqa: N815 - as it is written
    links: dict[_LinkName, _Mapped]


class _People:
    """The people of a file, which is read again each time: who is taken out may do nothing more."""

    part: ClassVar[str]
    model: ClassVar[type[BaseModel]]
    named: ClassVar[str]
    """How a person is named there."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def find(self, name: str) -> Person | None:
        """Find which user a name stands for; None where the file does not say so.

        Raises:
            UnreadableIdentities: the file cannot be used.
        """
        return self.read().get(name)

    def read(self) -> Mapping[str, Person]:
        """Read all people.

        Raises:
            UnreadableIdentities: the file cannot be used; says why.
        """
        people: Mapping[str, _Mapped] = getattr(self._parsed(), self.part)
        return {
            name: Person(user=each.user, groups=tuple(each.groups)) for name, each in people.items()
        }

    def _parsed(self) -> BaseModel:
        try:
            with self._file.open(encoding="utf-8") as file:
                text = file.read(_LONGEST_FILE)
            return self.model.model_validate(yaml.safe_load(text))
        except OSError as error:
            raise UnreadableIdentities(f"{self._file}: {error.strerror}") from error
        except (UnicodeError, yaml.YAMLError) as error:
            raise UnreadableIdentities(f"{self._file} is no YAML") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(each) for each in first["loc"] if each != "[key]")
            told = first["msg"].removeprefix("Value error, ")
            if where.startswith("slackMail"):
                raise UnreadableIdentities(
                    f"{self._file}: {where}: {told}; {_MAIL_FORM}"
                ) from error
            raise UnreadableIdentities(
                f"{self._file}: {where}: {told}; write it as {self.part}: {{{self.named}: "
                "{user: …, groups: […]}}"
            ) from error


class ChatPeople(_People):
    """Who the people of Slack are, by `WORKSPACE/USER`, or by mail address where the file says so."""

    part = "slack"
    model = _OfSlack
    named = "WORKSPACE/USER"

    def mails(self) -> MailRules | None:
        """Read whom mail addresses stand for; None where the file has no such rules.

        Raises:
            UnreadableIdentities: the file cannot be used.
        """
        found = self._parsed()
        assert isinstance(found, _OfSlack)
        if (rules := found.slackMail) is None:
            return None
        groups: dict[str, tuple[str, ...]] = {}
        for group, addresses in rules.groups.items():
            for each in addresses:
                groups[each] = (*groups.get(each, ()), group)
        return MailRules(domains=frozenset(rules.domains), prefix=rules.userPrefix, groups=groups)


class LinkPeople(_People):
    """Who the people are for whom links are made, by the names that links have."""

    part = "links"
    model = _OfLinks
    named = "NAME"
