"""Hooks, gates and alerts of an analysis: where people and other programs have a say.

When each type of hook is called belongs to `core/hooks.py`.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from canary.api.annotations import SEND_TO
from canary.api.fields import Flag, HeaderName, HeaderValue, Span, Text, Url, Whole
from canary.api.meta import ApiModel, NamespacedReference, SecretReference
from canary.api.rules import (
    APPROVALS_ARE_FOR_PEOPLE,
    DEADLINE_IS_FOR_GATES,
    METADATA_IS_SHORT,
    MOST_METADATA,
    WEBHOOK_HAS_URL,
    rules,
)
from canary.api.status import Severity


class WebhookType(StrEnum):
    """The points of a run at which a hook is called."""

    CONFIRM_ROLLOUT = "confirm-rollout"
    PRE_ROLLOUT = "pre-rollout"
    ROLLOUT = "rollout"
    CONFIRM_TRAFFIC_INCREASE = "confirm-traffic-increase"
    CONFIRM_PROMOTION = "confirm-promotion"
    POST_ROLLOUT = "post-rollout"
    ROLLBACK = "rollback"
    EVENT = "event"

    @property
    def is_gate(self) -> bool:
        """Whether a run waits until the hook says yes."""
        return self.value.startswith("confirm-")


def _empty_means(default: StrEnum) -> tuple[BeforeValidator, WithJsonSchema]:
    """Read empty text as the default, and allow it in the schema."""
    return (
        BeforeValidator(lambda value: default if value == "" else value),
        WithJsonSchema({"type": "string", "enum": ["", *(each.value for each in type(default))]}),
    )


def _without_default(schema: dict[str, Any]) -> None:
    """Leave the default to the controller: in a schema it would count as written by the user."""
    schema.pop("default", None)


_TYPE = _empty_means(WebhookType.ROLLOUT)
_SEVERITY = _empty_means(Severity.INFO)


LONGEST_CALL = timedelta(hours=24)
"""A call that takes longer is given up, whatever its hook allows."""
LONGEST_REPEATS = timedelta(hours=1)
"""A failed call is repeated only as often as all of its attempts fit into this time."""


class HookSecretReference(SecretReference):
    """A Secret in the Canary's namespace, and the keys of it that a hook is sent."""

    keys: Annotated[tuple[HeaderName, ...], Field(min_length=1, max_length=16)] = Field(
        default=("token",),
        description="Keys of the Secret that are sent: `token` as a bearer token, any other as the "
        "header of that name; `token` alone when left out.",
    )


OF_EVERY_HOOK = (
    WEBHOOK_HAS_URL,
    METADATA_IS_SHORT,
    DEADLINE_IS_FOR_GATES,
    APPROVALS_ARE_FOR_PEOPLE,
)
"""The rules of a hook; one with rules of its own has these as well."""


class Webhook(ApiModel):
    """A call made at a certain point of a run."""

    model_config = ConfigDict(json_schema_extra=rules(*OF_EVERY_HOOK))

    type: Annotated[WebhookType, _TYPE[0], _TYPE[1]] = Field(
        default=WebhookType.ROLLOUT, description="When the call is made; empty means rollout."
    )
    name: Annotated[str, Field(strict=True, min_length=1, max_length=253)] = Field(
        description="Name of the hook, shown in events and used in approvals."
    )
    url: Url | None = Field(
        default=None,
        description="Where the call goes. A confirm-* gate without it is opened by annotation, "
        "command or dashboard.",
    )
    mute_alert: Flag = Field(
        default=False, description="Whether chat gets no alert when the run waits at this gate."
    )
    timeout: Annotated[timedelta, Span(timedelta(milliseconds=1))] = Field(
        default=timedelta(seconds=10), description="Time limit of one call; 24h at most."
    )
    retries: Annotated[int, Whole(0, 100)] = Field(
        default=0,
        description="How often a failed call is repeated, as far as all attempts fit into 1h.",
    )
    disable_tls: Flag = Field(
        default=False,
        alias="disableTLS",
        description="Whether the certificate of the url is accepted unseen. (TLS stays on.)",
    )
    metadata: dict[Text, Annotated[str, Field(strict=True, max_length=MOST_METADATA)]] = Field(
        default_factory=dict,
        max_length=100,
        description=f"Handed on in the call's body; {MOST_METADATA:,} characters in all at most.",
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, max_length=16, description="Headers of the call."
    )
    secret_ref: HookSecretReference | None = Field(
        default=None,
        description=f"A Secret that the call presents. Its annotation `{SEND_TO}` must "
        "name the url's scheme and host.",
    )
    deadline: Annotated[timedelta, Span(timedelta(seconds=1))] = Field(
        default=timedelta(hours=72),
        description="How long a gate may stay shut before the run is rolled back; 72h when left "
        "out.",
        json_schema_extra=_without_default,
    )
    approvals: Annotated[int, Whole(1, 10)] = Field(
        default=1,
        description="How many people must approve a gate without url; more than one counts only "
        "signed approvals that the API server has checked (--verified-commands).",
    )

    @property
    def call_limit(self) -> timedelta:
        """How long one call may take."""
        return min(self.timeout, LONGEST_CALL)

    @property
    def attempts(self) -> int:
        """How often a call is made at most, the first time included."""
        return max(1, min(self.retries + 1, LONGEST_REPEATS // self.call_limit))


class AlertReference(ApiModel):
    """A receiver of alerts, and how loud a notice must be to reach it."""

    name: Annotated[str, Field(strict=True, min_length=1, max_length=253)] = Field(
        description="Name of the alert, for people."
    )
    severity: Annotated[Severity, _SEVERITY[0], _SEVERITY[1]] = Field(
        default=Severity.INFO,
        description="The least severity that is sent: info, warn or error; empty means info.",
    )
    provider_ref: NamespacedReference = Field(description="The AlertProvider that sends it.")
