"""What every kind of ours shares: groups and versions, the base model, object metadata.

The types of single fields are in `fields.py`, rules between fields in `rules.py`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from canary.api.fields import Name, Namespace, Whole

GROUP = "tidegate.dev"
PEER_GROUP = "flagger.app"
VERSION = "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
PEER_API_VERSION = f"{PEER_GROUP}/{VERSION}"
#: Objects of both groups mean the same.
API_VERSIONS = (API_VERSION, PEER_API_VERSION)


class ApiModel(BaseModel):
    """A frozen part of what users write: camel case outside, nothing unknown inside."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        allow_inf_nan=False,
        # Commands that read the status alone do without: it takes a tenth of their start.
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        """Read a null as the Kubernetes API does: as a field that was not written."""
        if isinstance(value, Mapping):
            return {key: each for key, each in value.items() if each is not None}
        return value

    def as_written(self) -> dict[str, Any]:
        """Return the object in camel case with only the fields that the user wrote."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def but(self, **changes: object) -> Self:
        """Copy with changes."""
        return self.model_copy(update=changes)


class ObjectMeta(BaseModel):
    """The metadata of an object, as far as the controller reads it."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )

    name: str = Field(min_length=1, description="The object's name.")
    namespace: str = Field(default="", description="The object's namespace.")
    uid: str = Field(default="", description="The identity of this very object.")
    generation: Annotated[int, Whole(0, 2**63 - 1)] = Field(
        default=0, description="How often the spec has changed."
    )
    resource_version: str = Field(default="", description="The version that was read.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Annotations by key.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels by key.")
    finalizers: tuple[str, ...] = Field(default=(), description="What must end before deletion.")
    creation_timestamp: AwareDatetime | None = Field(
        default=None, description="When the object was made."
    )
    deletion_timestamp: AwareDatetime | None = Field(
        default=None, description="When its deletion was asked for."
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        """Read a null as the Kubernetes API does: as a field that was not written."""
        if isinstance(value, Mapping):
            return {key: each for key, each in value.items() if each is not None}
        return value


class SecretReference(ApiModel):
    """A Secret in the namespace of the object that names it."""

    name: Name = Field(description="Name of the Secret.")


class NamespacedReference(ApiModel):
    """An object of a kind that the field implies."""

    name: Name = Field(description="Name of the object.")
    namespace: Namespace | None = Field(
        default=None, description="Namespace of the object; that of the Canary when left out."
    )
