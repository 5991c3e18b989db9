"""AdmissionReviews of admission.k8s.io/v1: what a webhook is asked, and what its answer says."""

import uuid

from tidegate_embedded.apiserver.expressions import condition_holds
from tidegate_embedded.apiserver.requests import ApiRequest
from tidegate_embedded.apiserver.reviewing import Review
from tidegate_embedded.apiserver.values import Object
from tidegate_embedded.apiserver.webhooks.addresses import NoAnswer
from tidegate_embedded.apiserver.webhooks.rules import NAMESPACES, Hook, object_for

_OPTIONS = ("fieldManager", "fieldValidation")


class Untold(Exception):
    """Its conditions could not be evaluated, so it is unknown whether the webhook applies."""


def question(hook: Hook, review: Review, request: ApiRequest) -> Object:
    """Write the request of an AdmissionReview."""
    resource, subresource = hook.resource, review.subresource
    asked: Object = {
        "uid": str(uuid.uuid4()),
        "kind": _kind(review, resource.group, resource.version, resource.kind),
        "resource": _named(resource.group, resource.version, resource=resource.plural),
    }
    own = review.resource
    asked["requestKind"] = _kind(review, own.group, own.version, own.kind)
    asked["requestResource"] = _named(own.group, own.version, resource=own.plural)
    if subresource:
        asked["subResource"] = asked["requestSubResource"] = subresource
    if review.name:
        asked["name"] = review.name
    namespace = review.name if own.storage_key == NAMESPACES else review.namespace
    if namespace:
        asked["namespace"] = namespace
    options: Object = {
        "kind": f"{review.operation.title()}Options",
        "apiVersion": "meta.k8s.io/v1",
        **{name: request.query[name] for name in _OPTIONS if request.query.get(name)},
    }
    if review.dry_run:
        options["dryRun"] = ["All"]
    return {
        **asked,
        "operation": review.operation,
        "userInfo": {
            "username": request.user,
            "groups": ["system:masters", "system:authenticated"],
        },
        "object": object_for(hook, review, review.object),
        "oldObject": object_for(hook, review, review.old),
        "dryRun": review.dry_run,
        "options": options,
    }


def _kind(review: Review, group: str, version: str, kind: str) -> Object:
    group, version, kind = review.kind or (group, version, kind)
    return _named(group, version, kind=kind)


def _named(group: str, version: str, **name: str) -> Object:
    return {"group": group, "version": version, **name}


def conditions_hold(hook: Hook, asked: Object) -> bool:
    """Tell whether a webhook's conditions hold; raises `Untold` where that cannot be told."""
    scope = {"object": asked["object"], "oldObject": asked["oldObject"], "request": asked}
    failures = []
    for condition in hook.webhook.get("matchConditions") or ():
        expression = condition["expression"]
        try:
            if not condition_holds(expression, scope):
                return False
        except ValueError as error:
            failures.append(f"expression '{expression}' resulted in error: {error}")
    if failures:
        raise Untold(", ".join(failures))
    return True


def response_of(answer: object, asked: Object) -> Object:
    """Return the response in an answer; raises `NoAnswer`."""
    response = answer.get("response") if isinstance(answer, dict) else None
    wrong = ""
    if not isinstance(response, dict):
        wrong = "webhook response was absent"
    elif response.get("uid") != asked["uid"]:
        wrong = f'expected response.uid="{asked["uid"]}", got "{response.get("uid", "")}"'
    elif response.get("patch") and not response.get("patchType"):
        wrong = "webhook returned response.patch but not response.patchType"
    if wrong or not isinstance(response, dict):
        raise NoAnswer(f"received invalid webhook response: {wrong}")
    return response
