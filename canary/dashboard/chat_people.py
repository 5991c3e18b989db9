"""Which user of the cluster a user of a chat, or the reader of a link, is: what a file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from canary.dashboard.identity import MOST_GROUPS, name_of_person
from canary.errors import CanaryError

_LONGEST_FILE = 4 * 1024 * 1024
"""A ConfigMap holds less."""


class UnreadableIdentities(CanaryError):
    """The file cannot be used as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the cluster."""

    user: str
    groups: tuple[str, ...]


def _person(name: str) -> str:
    if not name_of_person(name):
        raise ValueError("is none that a person may have; names with system: are the cluster's own")
    return name


_Name = Annotated[str, AfterValidator(_person)]
_LinkName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")]
_ChatUser = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,64}/[A-Z0-9]{1,64}$")]


class _Mapped(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: _Name
    groups: Annotated[list[_Name], Field(max_length=MOST_GROUPS)] = []


class _OfSlack(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    slack: dict[_ChatUser, _Mapped]
    links: object = None


class _OfLinks(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    slack: object = None
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
        try:
            with self._file.open(encoding="utf-8") as file:
                text = file.read(_LONGEST_FILE)
            found = self.model.model_validate(yaml.safe_load(text))
        except OSError as error:
            raise UnreadableIdentities(f"{self._file}: {error.strerror}") from error
        except (UnicodeError, yaml.YAMLError) as error:
            raise UnreadableIdentities(f"{self._file} is no YAML") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(each) for each in first["loc"] if each != "[key]")
            told = first["msg"].removeprefix("Value error, ")
            raise UnreadableIdentities(
                f"{self._file}: {where}: {told}; write it as {self.part}: {{{self.named}: "
                "{user: …, groups: […]}}"
            ) from error
        people: Mapping[str, _Mapped] = getattr(found, self.part)
        return {
            name: Person(user=each.user, groups=tuple(each.groups)) for name, each in people.items()
        }


class ChatPeople(_People):
    """Who the people of Slack are, by `WORKSPACE/USER`."""

    part = "slack"
    model = _OfSlack
    named = "WORKSPACE/USER"


class LinkPeople(_People):
    """Who the people are for whom links are made, by the names that links have."""

    part = "links"
    model = _OfLinks
    named = "NAME"
