"""What is wrong with the configuration of an admission webhook."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.errors import Cause
from tidegate_embedded.apiserver.expression_names import VARIABLES
from tidegate_embedded.apiserver.expressions import evaluated, uncompilable
from tidegate_embedded.apiserver.values import Object

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_VERSIONS = ("v1", "v1beta1")
#: What a match condition may name.
_VARIABLES = VARIABLES - {"self", "oldSelf"} | {"object", "oldObject", "request", "authorizer"}
_LONGEST_SECONDS = 30


def webhook_causes(configuration: Object, _old: Object | None) -> Iterator[Cause]:
    """Yield everything that is wrong with a configuration."""
    names: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        where, name = f"webhooks[{index}]", webhook.get("name", "")
        if name.count(".") < 2:
            detail = "should be a domain with at least three segments separated by dots"
            yield errors.invalid_value(f"{where}.name", name, detail)
        if name in names:
            yield errors.duplicate(f"{where}.name", name)
        names.add(name)
        yield from _rules(webhook, where)
        yield from _policies(webhook, where)
        yield from _client(webhook.get("clientConfig") or {}, f"{where}.clientConfig")
        for number, condition in enumerate(webhook.get("matchConditions") or ()):
            wrong = uncompilable(condition.get("expression", ""), _VARIABLES)
            if wrong:
                yield errors.invalid_value(
                    f"{where}.matchConditions[{number}].expression",
                    condition.get("expression"),
                    f"compilation failed: {wrong}",
                )


def unevaluated_conditions(configuration: Object) -> Iterator[str]:
    """Yield the match conditions that this API server cannot evaluate, and so counts as failed."""
    for webhook in configuration.get("webhooks") or ():
        for condition in webhook.get("matchConditions") or ():
            if not evaluated(condition["expression"]):
                yield condition["expression"]


def _rules(webhook: Object, where: str) -> Iterator[Cause]:
    for index, rule in enumerate(webhook.get("rules") or ()):
        place = f"{where}.rules[{index}]"
        for number, operation in enumerate(rule.get("operations") or ()):
            if operation not in _OPERATIONS:
                yield errors.unsupported(f"{place}.operations[{number}]", operation, _OPERATIONS)
        for field in ("operations", "apiGroups", "apiVersions", "resources"):
            if not rule.get(field):
                yield errors.required(f"{place}.{field}")


def _policies(webhook: Object, where: str) -> Iterator[Cause]:
    policy, seconds = webhook.get("failurePolicy"), webhook.get("timeoutSeconds")
    if policy not in {"Fail", "Ignore"}:
        yield errors.unsupported(f"{where}.failurePolicy", policy, ["Fail", "Ignore"])
    effects = webhook.get("sideEffects")
    if not effects:
        detail = f"must specify one of {', '.join(_SIDE_EFFECTS)}"
        yield errors.required(f"{where}.sideEffects", detail)
    elif effects not in _SIDE_EFFECTS:
        yield errors.unsupported(f"{where}.sideEffects", effects, _SIDE_EFFECTS)
    if isinstance(seconds, int) and not 1 <= seconds <= _LONGEST_SECONDS:
        detail = f"the timeout value must be between 1 and {_LONGEST_SECONDS} seconds"
        yield errors.invalid_value(f"{where}.timeoutSeconds", seconds, detail)
    versions = webhook.get("admissionReviewVersions") or []
    if not versions:
        detail = f"must specify one of {', '.join(_VERSIONS)}"
        yield errors.required(f"{where}.admissionReviewVersions", detail)
    elif not set(versions) & set(_VERSIONS):
        listed = ", ".join(map(errors.shown, versions))
        said = f"Invalid value: [{listed}]: must include at least one of {', '.join(_VERSIONS)}"
        yield Cause(errors.INVALID, f"{where}.admissionReviewVersions", said)


def _client(client: Object, where: str) -> Iterator[Cause]:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        yield errors.required(where, "exactly one of url or service is required")
    elif url is not None and urlsplit(url).scheme != "https":
        detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]"
        yield errors.invalid_value(f"{where}.url", urlsplit(url).scheme, detail)
