"""What a setting is: how it is named, read from text, and checked.

Which settings there are does not belong here but in the table beside it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, cast
from urllib.parse import urlsplit

from analysis.durations import parse_duration
from analysis.egress import rule_problem
from analysis.secrecy import HIDDEN
from canary.errors import Problem

ENVIRONMENT_PREFIX = "TIDEGATE_"
FILE_SUFFIX = "_FILE"
"""TIDEGATE_SLACK_TOKEN_FILE names the file that holds TIDEGATE_SLACK_TOKEN."""


class OptionType(StrEnum):
    """What the value of a flag looks like."""

    TEXT = "text"
    FLAG = "flag"
    WHOLE = "whole"
    NUMBER = "number"
    DURATION = "duration"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting, as a command offers it."""

    name: str
    """The field of `Settings`."""
    form: OptionType
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    secret: bool = False
    """Never a flag: only an environment variable, or a file that one names."""

    @property
    def flag(self) -> str:
        """The option's name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def environment(self) -> str:
        """The option's name in the environment."""
        return f"{ENVIRONMENT_PREFIX}{self.name.upper()}"

    @property
    def shown_default(self) -> str:
        """The default as it would be written."""
        match self.default:
            case bool():
                return str(self.default).lower()
            case tuple():
                return ",".join(self.default)
            case timedelta():
                return f"{self.default.total_seconds():g}s"
        return str(self.default)


Check = Callable[[Any], str]
"""Gives the remedy for a value, or nothing where the value is sound."""


def setting(
    default: Any,
    text: str,
    form: OptionType = OptionType.TEXT,
    *,
    check: Check | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
    hidden: bool = False,
) -> Any:
    """Make a field of `Settings`; a hidden one may hold a secret, and is not shown."""
    return field(
        default=default,
        repr=not (secret or hidden),
        metadata={
            "help": text,
            "form": form,
            "check": check,
            "choices": choices,
            "secret": secret,
            "hidden": secret or hidden,
        },
    )


def within(least: float, most: float) -> Check:
    """Check a number against bounds."""
    return lambda value: "" if least <= value <= most else f"write {least:g} to {most:g}"


def lasting(least: timedelta, most: timedelta) -> Check:
    """Check a duration against bounds."""
    remedy = f"write a duration from {least.total_seconds():g}s to {most.total_seconds():g}s"
    return lambda value: "" if least <= value <= most else remedy


def url(*schemes: str) -> Check:
    """Check an address, where there is one."""
    remedy = f"write an address that begins with {' or '.join(f'{each}://' for each in schemes)}"

    def check(value: str) -> str:
        return "" if not value or _is_url(value, schemes) else remedy

    return check


def urls(value: tuple[str, ...]) -> str:
    """Check addresses."""
    sound = all(_is_url(each, ("http", "https")) for each in value)
    return (
        "" if sound else "write addresses that begin with http:// or https://, separated by commas"
    )


def egress_rules(value: tuple[str, ...]) -> str:
    """Check rules about where requests may go."""
    return next((problem for rule in value if (problem := rule_problem(rule))), "")


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in schemes and bool(parts.hostname) and port != 0 and not _SPACE.search(value)
    )


def listens(value: str) -> str:
    """Check an address to listen on."""
    host, colon, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    sound = colon and port.isascii() and port.isdigit() and int(port) <= 65535
    if sound and (":" not in bare or host != bare):
        return ""
    return "write host:port, or :port for every address of the machine"


def address_of(listen: str) -> tuple[str | None, int]:
    """Take what can be listened on apart into host and port; no host is every address."""
    host, _, port = listen.rpartition(":")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


def names(remedy: str, pattern: str, *, empty: bool = False) -> Check:
    """Check each word of a list against a pattern."""

    def check(value: tuple[str, ...]) -> str:
        sound = all(re.fullmatch(pattern, each) for each in value) and (value or empty)
        return "" if sound else remedy

    return check


def name_or_nothing(value: str) -> str:
    """Check the name of an object, where there is one."""
    sound = not value or re.fullmatch(DNS_LABEL, value)
    return "" if sound else "write lower-case letters, digits and hyphens"


def annotation_prefix(value: str) -> str:
    """Check what stands before the slash in the names of annotations."""
    sound = re.fullmatch(DNS_SUBDOMAIN, value)
    return "" if sound else "write it without a slash, such as nginx.ingress.kubernetes.io"


_SPACE = re.compile(r"\s")
DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
DNS_SUBDOMAIN = rf"(?=.{{1,253}}$){DNS_LABEL}(\.{DNS_LABEL})*"
PLUGIN_NAME = r"[A-Za-z]([A-Za-z0-9.-]*[A-Za-z0-9])?"
LABEL_KEY = r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"


def option_of(row: "Field[Any]") -> Option:
    """Read a row of the table."""
    assert row.default is not MISSING
    return Option(
        name=row.name,
        form=row.metadata["form"],
        default=row.default,
        help=row.metadata["help"],
        choices=row.metadata["choices"],
        secret=row.metadata["secret"],
    )


def given(option: Option, environ: Mapping[str, str], flags: Mapping[str, object]) -> object:
    """Pick what was given for an option; None where nothing was."""
    value = flags.get(option.name)
    if value is None or (option.form is OptionType.LIST and value == ()):
        # A list that a command line does not mention is empty.
        value = environ.get(option.environment, "").strip() or None
    return value


def checked(row: "Field[Any]", value: object, *, is_flag: bool) -> Any:
    """Read a value, and check it.

    Raises:
        ValueError: with the remedy.
    """
    option = option_of(row)
    if option.secret and is_flag:
        raise ValueError(
            f"a secret is no flag; set {option.environment}, or name a file with "
            f"{option.environment}{FILE_SUFFIX}"
        )
    read = _READERS[option.form](value)
    if option.choices and read not in option.choices:
        raise ValueError(f"write one of {', '.join(option.choices)}")
    check = cast("Check | None", row.metadata["check"])
    if remedy := check(read) if check else "":
        raise ValueError(remedy)
    return read


def problem_of(row: "Field[Any]", value: object, remedy: str) -> Problem:
    """Name a flag, its value where it is no secret, and what to do."""
    option = option_of(row)
    where = option.environment if option.secret else option.flag
    telling = option.secret or (row.metadata["hidden"] and re.search(r"[@?]", str(value)))
    shown = HIDDEN if telling and value else value
    return Problem(where, shown, remedy)


def _text(value: object) -> str:
    return str(value).strip()


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise ValueError("write true or false") from None


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise ValueError("write a whole number") from None


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError("write a number") from None


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        seconds = parse_duration(str(value).strip())
    except ValueError:
        raise ValueError("write a duration such as 500ms, 15s, 1m30s or 2h") from None
    # Bounds are checked afterwards; this one keeps what a timedelta can hold.
    return timedelta(seconds=min(seconds, 1e9))


def _list(value: object) -> tuple[str, ...]:
    """Read words separated by commas, given once or several times."""
    parts = [value] if isinstance(value, str) else cast("list[object]", value)
    words = [word.strip() for part in parts for word in str(part).split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


_READERS: Mapping[OptionType, Callable[[object], Any]] = {
    OptionType.TEXT: _text,
    OptionType.FLAG: _flag,
    OptionType.WHOLE: _whole,
    OptionType.NUMBER: _number,
    OptionType.DURATION: _duration,
    OptionType.LIST: _list,
}
