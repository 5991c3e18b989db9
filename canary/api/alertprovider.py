"""The AlertProvider: a chat room or receiver that Canaries tell what happens to them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from analysis.errors import QueryError
from analysis.template import fill
from canary.api.fields import PLUGIN, Form, Scalar, Text, Url, wrong
from canary.api.meta import ApiModel, ObjectMeta, SecretReference
from canary.api.rules import HAS_ADDRESS, rules

WORDS = (
    "reason",
    "cause",
    "message",
    "severity",
    "name",
    "namespace",
    "target",
    "revision",
    "images",
    "phase",
    "weight",
    "step",
    "run",
    "cluster",
    "dashboard",
)
"""What a template of alerts can name."""
_NOTHING = dict.fromkeys(WORDS, "")


def _template(text: str) -> str:
    try:
        fill(text, _NOTHING, what="template")
    except QueryError as error:
        raise wrong(str(error).removeprefix("template: ")) from error
    return text


Template = Annotated[Text, AfterValidator(_template)]
"""Text with `{{ reason }}` and its like."""


LinkTemplate = Annotated[
    str,
    Form(
        r"https?://[^\s/?#@{}]+([/?#].*)?",
        "write an address that begins with http:// or https:// and names a host; {{ name }} and the "
        "like may follow it",
        maximum=1024,
    ),
    AfterValidator(_template),
]
"""An address with `{{ reason }}` and its like behind the host."""


FieldName = Annotated[
    str,
    Form(
        r"[^\s{}]([^{}]*[^\s{}])?",
        "write a name of up to 40 characters, without braces",
        maximum=40,
    ),
]


SettingName = Annotated[
    str,
    Form(
        r"[a-z][A-Za-z0-9]*",
        "write the name of a setting of the receiver, such as pageOnGates",
        maximum=63,
    ),
]


Settings = Annotated[
    dict[SettingName, Scalar],
    Field(max_length=16),
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""What was chosen of a receiver, by name. The API server leaves its values to us."""


class AlertTemplate(ApiModel):
    """The words of an alert; what is left out is as without a template."""

    title: Template | None = Field(
        default=None, description="The headline, such as '{{ name }}: {{ reason }}'."
    )
    message: Template | None = Field(default=None, description="What happened, in a sentence.")
    fields: dict[FieldName, Template] = Field(
        default_factory=dict,
        max_length=10,
        description="What stands below it, by name; one that comes to nothing is left out.",
    )


class ReceiverLinks(ApiModel):
    """Where alerts lead, beside the dashboard; what is filled in is encoded for an address."""

    logs: LinkTemplate | None = Field(
        default=None,
        description="The logs of a Canary, such as "
        "'https://grafana.example.com/explore?namespace={{ namespace }}&app={{ target }}'.",
    )
    runbook: LinkTemplate | None = Field(
        default=None,
        description="What to do about an alert, such as "
        "'https://wiki.example.com/runbooks/{{ reason }}'.",
    )


class AlertProviderSpec(ApiModel):
    """A receiver and how it is reached."""

    model_config = ConfigDict(json_schema_extra=rules(HAS_ADDRESS))

    type: Annotated[
        str, Form(PLUGIN, "write the name of a notifier, such as slack or webhook", maximum=63)
    ] = Field(description="The notifier that tells the receiver, such as slack or webhook.")
    channel: Text = Field(default="general", description="The channel that is written to.")
    username: Text = Field(default="tidegate", description="The name that messages come from.")
    address: Url | None = Field(
        default=None, description="Address that messages are sent to; better kept in a Secret."
    )
    proxy: (
        Annotated[
            str,
            Form(
                r"(https?|socks5)://[^\s/?#]+/?",
                "write the address of a proxy that begins with http://, https:// or socks5://",
                maximum=2048,
            ),
        ]
        | None
    ) = Field(default=None, description="Address of a proxy that messages are sent through.")
    secret_ref: SecretReference | None = Field(
        default=None,
        description="A Secret with the key `address`, which wins over the field, and `token` where "
        "the receiver asks for one: a bot's token, a routing key, an integration's key. With the key "
        "`hmac` what a webhook is sent is signed.",
    )
    threads: bool = Field(
        default=False,
        description="Whether a run is one thread: its first alert is edited as the run goes, where "
        "the receiver allows that, and later alerts are replies.",
    )
    buttons: bool = Field(
        default=False,
        description="Whether alerts about a shut gate have buttons that answer it; for an app of "
        "type slack that the dashboard listens to.",
    )
    reasons: tuple[
        Annotated[str, Form("[A-Z][A-Za-z0-9]*", "write a reason, such as RolledBack", maximum=63)],
        ...,
    ] = Field(
        default=(),
        max_length=32,
        description="The only reasons that are sent to it, such as RolledBack; all when left out.",
    )
    template: AlertTemplate | None = Field(
        default=None,
        description="Other words for its alerts, with {{ reason }}, {{ message }} and the like.",
    )
    links: ReceiverLinks | None = Field(
        default=None, description="Where its alerts lead, beside the dashboard."
    )
    settings: Settings = Field(
        default_factory=dict,
        description="What else can be chosen of a receiver of its type, such as pageOnGates; a "
        "setting that the type does not know is refused.",
    )


class AlertProvider(ApiModel):
    """A chat room or receiver that Canaries tell what happens to them."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["tidegate.dev/v1beta1", "flagger.app/v1beta1"] = Field(
        description="API group and version of this object."
    )
    kind: Literal["AlertProvider"] = Field(description="Kind of this object.")
    metadata: ObjectMeta = Field(description="Name, labels and the like.")
    spec: AlertProviderSpec = Field(description="The receiver and how it is reached.")
