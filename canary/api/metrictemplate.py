"""The MetricTemplate: a query that Canaries share, and the metric store it is put to."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from canary.api.fields import (
    PLUGIN,
    Flag,
    Form,
    HeaderName,
    HeaderValue,
    Span,
    Text,
    Url,
)
from canary.api.meta import ApiModel, ObjectMeta, SecretReference
from canary.api.rules import (
    COUNTS_HAVE_ONE_PART,
    PROMETHEUS_HAS_ADDRESS,
    TEMPLATE_HAS_QUERY,
    rules,
)


class MetricProvider(ApiModel):
    """A metric store, and how it is reached."""

    model_config = ConfigDict(json_schema_extra=rules(PROMETHEUS_HAS_ADDRESS))

    type: Annotated[
        str, Form(PLUGIN, "write the name of a metric provider, such as prometheus", maximum=63)
    ] = Field(
        description="The metric provider that asks the store, such as prometheus or datadog.",
    )
    address: Url | None = Field(default=None, description="Address of the metric store.")
    headers: dict[
        HeaderName, Annotated[tuple[HeaderValue, ...], Field(min_length=1, max_length=16)]
    ] = Field(
        default_factory=dict,
        max_length=64,
        description="Headers of every query, each with its values, such as X-Scope-OrgID.",
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="A Secret in the template's namespace. The provider is given `token`, or "
        "`username` and `password`, or the keys that it names instead, such as `datadog_api_key`.",
    )
    region: Text | None = Field(default=None, description="Region of the store (CloudWatch).")
    options: dict[Text, Annotated[str, Field(strict=True, min_length=1, max_length=1024)]] = Field(
        default_factory=dict,
        max_length=32,
        description="What else the provider must know, such as `reduce: sum`. Each provider names "
        "the options that it reads, and refuses others.",
    )
    insecure_skip_verify: Flag = Field(
        default=False, description="Whether the certificate of the address is accepted unseen."
    )
    ca_bundle: (
        Annotated[
            str,
            Form(
                r"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s-]+",
                "write certificates as PEM text, beginning with -----BEGIN CERTIFICATE-----",
                maximum=262144,
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="Certificates, as PEM text, of the authorities that the address is verified "
        "with; those of the system when left out.",
    )
    timeout: Annotated[timedelta, Span(timedelta(milliseconds=1), timedelta(minutes=5))] = Field(
        default=timedelta(seconds=5), description="Time limit of one query."
    )


class TemplateVariable(ApiModel):
    """What Canaries of other namespaces may put in the place of a variable."""

    pattern: Annotated[str, Field(strict=True, min_length=1, max_length=256)] = Field(
        description="Regular expression that the whole value must match."
    )


QueryText = Annotated[str, Field(strict=True, min_length=1, max_length=65536)]


class MetricCounts(ApiModel):
    """Queries that count requests of one side, for judges that compare the sides."""

    model_config = ConfigDict(json_schema_extra=rules(COUNTS_HAVE_ONE_PART))

    requests: QueryText = Field(
        description="Counts requests: `increase(SELECTOR)`, or several with `+` and `-`. "
        "`{{ target }}` and `{{ service }}` stand for the workload and the Service of the side."
    )
    bad: QueryText | None = Field(
        default=None, description="Counts those that were bad; no series is none."
    )
    good: QueryText | None = Field(
        default=None, description="Counts those that were good, in place of `bad`."
    )


class MetricTemplateSpec(ApiModel):
    """A query and where it is put."""

    model_config = ConfigDict(json_schema_extra=rules(TEMPLATE_HAS_QUERY))

    provider: MetricProvider = Field(description="The metric store that is asked.")
    query: QueryText | None = Field(
        default=None,
        description="The query, with `{{ namespace }}`, `{{ target }}`, `{{ interval }}` and the "
        "other functions filled in for each Canary. Without it there must be `counts`.",
    )
    counts: MetricCounts | None = Field(
        default=None, description="What judges that count requests ask for in place of `query`."
    )
    variables: dict[Text, TemplateVariable] = Field(
        default_factory=dict,
        max_length=100,
        description="Variables whose values may be more than letters, digits and `_.:/-` where a "
        "Canary of another namespace uses this template.",
    )


class MetricTemplate(ApiModel):
    """A query that Canaries share, and the metric store it is put to."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["tidegate.dev/v1beta1", "flagger.app/v1beta1"] = Field(
        description="API group and version of this object."
    )
    kind: Literal["MetricTemplate"] = Field(description="Kind of this object.")
    metadata: ObjectMeta = Field(description="Name, labels and the like.")
    spec: MetricTemplateSpec = Field(description="The query and where it is put.")
