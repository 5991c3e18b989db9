"""The types of single fields: what text, numbers and durations may be, and what to write instead.

Each knows its own schema, so that the API server refuses what Python refuses.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from analysis.durations import DURATION, DURATION_LENGTH, format_duration, parse_duration
from canary.api.namespaces import NamesNamespace, namespace_of_gateway, namespace_of_host


def wrong(remedy: str) -> PydanticCustomError:
    """Make the error of a value whose remedy is known; `validation.py` takes it from there."""
    return PydanticCustomError("remedy", "{remedy}", {"remedy": remedy})


def _matches(pattern: str) -> str:
    """Say in CEL that text matches; a `pattern` of the schema could not say what to write."""
    quote = '"' if "'" in pattern else "'"
    return f"self.matches(r{quote}{pattern}{quote})"


def _rule(cel: str, remedy: str) -> JsonSchemaValue:
    return {"x-kubernetes-validations": [{"rule": cel, "message": remedy}]}


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer within bounds; 3.0 is one, as in JSON Schema, 2.5 and true are not."""

    minimum: int
    maximum: int = 2**31 - 1

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            _whole, core_schema.int_schema(strict=True, ge=self.minimum, le=self.maximum)
        )


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True, slots=True)
class Form:
    """Text that matches a regular expression (of RE2 and Python alike) from end to end.

    An alternation stands in parentheses. What the API server spends on a rule is bounded: it grows
    with the length of the expression, that of the text, and the number of places it stands at.
    """

    pattern: str
    remedy: str
    maximum: int = 253

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self.check, core_schema.str_schema(strict=True, max_length=self.maximum)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), **_rule(_matches(f"^{self.pattern}$"), self.remedy)}

    def check(self, value: str) -> str:
        """Return the text, or raise with the remedy."""
        if re.fullmatch(self.pattern, value) is None:
            raise wrong(self.remedy)
        return value


_LONGEST = timedelta(hours=8760)


#: Units that Flagger's schema takes and Go does not read.
_SPELLED = re.compile(r"(?<=[0-9])(?:(m)in(?:ute)?s?|(s)ec(?:ond)?s?)(?![a-z])")


def go_duration(text: str) -> str:
    """Write a duration such as `1min` or `30sec` as Go reads it; leave any other text alone."""
    return _SPELLED.sub(r"\1\2", text)


#: The name of a plug-in. Names are open: which ones are installed is for the shell to know.
PLUGIN = r"[a-z]([a-z0-9.-]*[a-z0-9])?"
#: The kind of an object, whose name is open in the same way.
KIND = r"[A-Z][A-Za-z0-9]*"


@dataclass(frozen=True, slots=True)
class Span:
    """A Go duration within bounds, held as a timedelta and written as text.

    The schema takes what Go reads; objects of the peer's schema may also say `1min` and `30sec`.
    """

    minimum: timedelta
    maximum: timedelta = _LONGEST

    @property
    def remedy(self) -> str:
        """Say what to write."""
        least, most = format_duration(self.minimum), format_duration(self.maximum)
        return f"write a duration from {least} to {most}, such as 90s, 1m30s or 2h"

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.check,
            serialization=core_schema.plain_serializer_function_ser_schema(
                format_duration, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        least, most = format_duration(self.minimum), format_duration(self.maximum)
        bounds = f"duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"
        return {
            "type": "string",
            "maxLength": DURATION_LENGTH,
            **_rule(f"{_matches(f'^{DURATION}$')} && {bounds}", self.remedy),
        }

    def check(self, value: object) -> timedelta:
        """Read text (or take a timedelta), or raise with the remedy."""
        if isinstance(value, str):
            try:
                seconds = parse_duration(go_duration(value))
            except ValueError:
                raise wrong(self.remedy) from None
            value = timedelta(seconds=min(seconds, 2 * self.maximum.total_seconds()))
        if not isinstance(value, timedelta) or not self.minimum <= value <= self.maximum:
            raise wrong(self.remedy)
        return value


class NumberOrText(ABC):
    """A number, or a text of some form."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # What a rule costs on text of any length the API server cannot bound: Python checks it.
        return {"x-kubernetes-int-or-string": True}

    @abstractmethod
    def check(self, value: object) -> int | str:
        """Return what was written, or raise with the remedy."""


class _PortOrName(NumberOrText):
    """A port number, or the name of a container's port; 0 means unset, as in the Service API."""

    def check(self, value: object) -> int | str:
        """Return the port, or raise with the remedy."""
        value = _whole(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535:
            return value
        # IANA_SVC_NAME: RFC 6335 section 5.1.
        name = r"(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*"
        if isinstance(value, str) and re.fullmatch(name, value):
            return value
        raise wrong("write a port number from 0 to 65535 (not quoted), or a port's name")


def _scalar(value: object) -> bool | int | str:
    value = _whole(value)
    if isinstance(value, bool | int) and abs(value) < 2**31:
        return value
    if isinstance(value, str) and len(value) <= 253:
        return value
    raise wrong("write true, false, a whole number, or a text of up to 253 characters")


Scalar = Annotated[bool | int | str, PlainValidator(_scalar)]
"""What can be chosen of a plug-in, which alone knows what it takes."""
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
Text = Annotated[str, Strict(), Field(max_length=1024)]
LongText = Annotated[str, Strict(), Field(max_length=65536)]
Port = Annotated[int, Whole(1, 65535)]
PortOrName = Annotated[int | str, _PortOrName()]
Percent = Annotated[int, Whole(0, 100)]
Share = Annotated[int, Whole(1, 100)]

Label = Annotated[
    str,
    Form(
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "write at most 55 lower-case letters, digits and hyphens, a letter first and no hyphen last"
        " (with -primary it must fit the 63 characters of a Service's name)",
        maximum=55,
    ),
]
_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NAME_REMEDY = "write the name of an object: lower-case letters, digits, hyphens and dots"
Name = Annotated[str, Form(_NAME, _NAME_REMEDY)]
#: `<target>-primary-<hash>`, the name of the primary's ReplicaSet, must fit 253 characters.
RuleName = Annotated[
    str,
    Form(
        r"[A-Za-z0-9]([-A-Za-z0-9_./ ]*[A-Za-z0-9])?",
        "write the name of a rule: letters, digits, spaces and -_./",
        maximum=128,
    ),
]
TargetName = Annotated[
    str,
    Form(_NAME, _NAME_REMEDY, maximum=253 - len("-primary") - len("-0123456789")),
]
CallerNamespace = Annotated[
    str,
    Form(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "write the name of a namespace: lower-case letters, digits and hyphens",
        maximum=63,
    ),
]
"""The namespace of who calls: a condition, and no reference to an object there."""
Namespace = Annotated[CallerNamespace, NamesNamespace(str)]
GatewayName = Annotated[Text, NamesNamespace(namespace_of_gateway)]
ApiVersion = Annotated[
    str,
    Form(
        r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[a-z0-9]+",
        "write a version such as v1 or a group and version such as apps/v1",
    ),
]
DurationText = Annotated[
    str,
    Form(DURATION, "write a duration such as 500ms, 15s, 1m30s or 2h", maximum=DURATION_LENGTH),
]
Url = Annotated[
    str,
    Form(
        r"https?://([^\s/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?([/?#]\S*)?",
        "write an address that begins with http:// or https:// and names a host",
        maximum=2048,
    ),
]
Host = Annotated[
    str,
    Form(
        r"[^\s/]+",
        "write a host name alone, such as app.example.com, without http:// and without a path",
        maximum=253,
    ),
]
RouteHost = Annotated[Host, NamesNamespace(namespace_of_host, takes=True)]
"""A host whose calls a route takes."""
HeaderName = Annotated[
    str,
    Form(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "write the name of an HTTP header", maximum=256),
]
HeaderValue = Annotated[
    str,
    Form(r"[^\x00\r\n]*", "write a header's value on one line", maximum=4096),
]
Document = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""An object of another API, passed on unchanged."""
