"""Which user of the cluster a user of a chat is: what a file of the administrator says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

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
_ChatUser = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,64}/[A-Z0-9]{1,64}$")]


class _Mapped(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: _Name
    groups: Annotated[list[_Name], Field(max_length=MOST_GROUPS)] = []


class _Identities(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    slack: dict[_ChatUser, _Mapped]


class ChatPeople:
    """The people of a file, which is read again each time: who is taken out may do nothing more."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def find(self, team: str, user: str) -> Person | None:
        """Find who a user of a Slack workspace is; None where the file does not say so.

        Raises:
            UnreadableIdentities: the file cannot be used.
        """
        return self.read().get(f"{team}/{user}")

    def read(self) -> Mapping[str, Person]:
        """Read all people.

        Raises:
            UnreadableIdentities: the file cannot be used; says why.
        """
        try:
            with self._file.open(encoding="utf-8") as file:
                text = file.read(_LONGEST_FILE)
            found = _Identities.model_validate(yaml.safe_load(text))
        except OSError as error:
            raise UnreadableIdentities(f"{self._file}: {error.strerror}") from error
        except (UnicodeError, yaml.YAMLError) as error:
            raise UnreadableIdentities(f"{self._file} is no YAML") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(each) for each in first["loc"] if each != "[key]")
            told = first["msg"].removeprefix("Value error, ")
            raise UnreadableIdentities(
                f"{self._file}: {where}: {told}; write it as slack: {{WORKSPACE/USER: {{user: …, "
                "groups: […]}}}"
            ) from error
        return {
            name: Person(user=each.user, groups=tuple(each.groups))
            for name, each in found.slack.items()
        }
