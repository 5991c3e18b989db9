"""What the API server refuses, as the Status objects of the Kubernetes API.

Texts and codes are those of kube-apiserver, for clients parse them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tidegate_embedded.apiserver.values import Object

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
NOT_SUPPORTED = "FieldValueNotSupported"
DUPLICATE = "FieldValueDuplicate"
FORBIDDEN = "FieldValueForbidden"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
TYPE_INVALID = "FieldValueTypeInvalid"
MANAGER_CONFLICT = "FieldManagerConflict"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a refusal: a machine-readable reason, the field's path, and a message."""

    reason: str
    field: str
    message: str

    def __str__(self) -> str:
        """Name the field and what is wrong with it."""
        return f"{self.field}: {self.message}"

    def as_object(self) -> Object:
        """Render the cause as it stands in a Status."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A refused request; `status` is the Status object that answers it."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Object | None = None,
        causes: Iterable[Cause] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.causes = tuple(causes)
        self.details: Object = dict(details or {})
        if self.causes:
            self.details["causes"] = [cause.as_object() for cause in self.causes]

    @property
    def status(self) -> Object:
        """Render the Status object."""
        status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        status["code"] = self.code
        return status


class PathNotFound(Exception):
    """No resource is served at this path; answered as plain text, as the real one does."""


def qualified(group: str, name: str) -> str:
    """Join a resource or kind with its group, as messages name it."""
    return f"{name}.{group}" if group else name


def _details(group: str, kind: str, name: str) -> Object:
    details: Object = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    return details


def not_found(group: str, plural: str, name: str) -> ApiError:
    """Answer that there is no such object."""
    message = f'{qualified(group, plural)} "{name}" not found'
    return ApiError(404, "NotFound", message, details=_details(group, plural, name))


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """Answer that an object of that name exists."""
    message = f'{qualified(group, plural)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details=_details(group, plural, name))


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> ApiError:
    """Answer that the object is not in the state that the request was made for."""
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_details(group, plural, name))


def field_conflicts(causes: Iterable[Cause]) -> ApiError:
    """Answer that fields applied belong to other managers."""
    listed = tuple(causes)
    if len(listed) == 1:
        said = f"1 conflict: {listed[0].message}: {listed[0].field}"
    else:
        owners: dict[str, list[str]] = {}
        for cause in sorted(listed, key=lambda cause: cause.message):
            owners.setdefault(cause.message, []).append(f"- {cause.field}")
        lines = "\n".join(
            f"conflicts{owner.removeprefix('conflict')}:\n" + "\n".join(fields)
            for owner, fields in owners.items()
        )
        said = f"{len(listed)} conflicts: {lines}"
    message = f"Apply failed with {said}"
    return ApiError(409, "Conflict", message, causes=listed)


def invalid(group: str, kind: str, name: str, causes: Iterable[Cause]) -> ApiError:
    """Answer that the object breaks rules of its kind; every one is named."""
    listed = tuple(causes)
    said = ", ".join(str(cause) for cause in listed)
    if len(listed) > 1:
        said = f"[{said}]"
    message = f'{qualified(group, kind)} "{name}" is invalid: {said}'
    return ApiError(422, "Invalid", message, details=_details(group, kind, name), causes=listed)


def bad_request(message: str) -> ApiError:
    """Answer that the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def forbidden(
    group: str, plural: str, name: str, why: str, causes: Iterable[Cause] = ()
) -> ApiError:
    """Answer that a policy of the server refuses the request."""
    message = f'{qualified(group, plural)} "{name}" is forbidden: {why}'
    details = _details(group, plural, name)
    return ApiError(403, "Forbidden", message, details=details, causes=causes)


def unauthorized() -> ApiError:
    """Answer that the credentials are missing or unknown."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> ApiError:
    """Answer that the resource version is older than the history kept."""
    return ApiError(410, "Expired", message)


def too_large_version(asked: int, current: int) -> ApiError:
    """Answer that the resource version has not been reached yet."""
    return ApiError(
        504,
        "Timeout",
        f"Too large resource version: {asked}, current: {current}",
        details={
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ],
            "retryAfterSeconds": 1,
        },
    )


def unsupported_media_type(accepted: Iterable[str]) -> ApiError:
    """Answer that the body's content type is not one of those accepted."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return ApiError(415, "UnsupportedMediaType", message)


def not_acceptable(offered: Iterable[str]) -> ApiError:
    """Answer that no representation asked for can be made."""
    message = "only the following media types are accepted: " + ", ".join(offered)
    return ApiError(406, "NotAcceptable", message)


def internal(message: str) -> ApiError:
    """Answer that the server, or what it relies on, failed."""
    details: Object = {"causes": [{"message": message}]}
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", details=details)


def denied(webhook: str, status: Object) -> ApiError:
    """Answer that an admission webhook said no, with what it said of it."""
    said = status.get("message") or status.get("reason")
    refusal = f'admission webhook "{webhook}" denied the request'
    message = f"{refusal}: {said}" if said else f"{refusal} without explanation"
    code = status.get("code")
    if not isinstance(code, int) or code < 400:
        code = 400
    return ApiError(code, status.get("reason") or "", message, details=status.get("details"))


def method_not_allowed() -> ApiError:
    """Answer that the resource has no such verb."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def required(field: str, detail: str = "") -> Cause:
    """Say that a field is missing."""
    return Cause(REQUIRED, field, f"Required value: {detail}" if detail else "Required value")


def invalid_value(field: str, value: Any, detail: str) -> Cause:
    """Say that a field's value breaks a rule."""
    return Cause(INVALID, field, f"Invalid value: {shown(value)}: {detail}")


def type_invalid(field: str, value: Any, detail: str) -> Cause:
    """Say that a field's value has another type than its schema asks for."""
    return Cause(TYPE_INVALID, field, f"Invalid value: {shown(value)}: {detail}")


def unsupported(field: str, value: Any, supported: Iterable[Any]) -> Cause:
    """Say that a field's value is none of those known."""
    listed = ", ".join(shown(item) for item in supported)
    return Cause(
        NOT_SUPPORTED, field, f"Unsupported value: {shown(value)}: supported values: {listed}"
    )


def duplicate(field: str, value: Any) -> Cause:
    """Say that a value stands twice where it may stand once."""
    return Cause(DUPLICATE, field, f"Duplicate value: {shown(value)}")


def shown(value: Any) -> str:
    """Render a value as Kubernetes' messages do: objects by their type, text in quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return '"object"'
    if isinstance(value, list):
        return '"array"'
    return str(value)
