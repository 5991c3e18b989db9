"""Admission webhooks that fail, and how they are configured."""

import base64
import secrets
import threading
from typing import Any

import pytest

from tests.reviewers import CONFIG_MAPS, CONFIGURATIONS, NO_PROBES, Guarded, allows, configuration


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (lambda _: 503, "failed to call webhook: "),
            (lambda _: b"nonsense", "failed to call webhook: "),
            (lambda _: b'{"kind":"AdmissionReview"}', "received invalid webhook response: "),
            (allows(uid="another"), "received invalid webhook response: "),
            (allows(patch=""), None),
            (
                allows(patch=base64.b64encode(b"[]").decode()),
                "received invalid webhook response: webhook returned response.patch but not",
            ),
        ],
        ids=["503", "nonsense", "no response", "another uid", "an empty patch", "no patch type"],
    )
    def test_refuse_or_pass_by_the_policy(self, guarded, answer, said):
        guarded.configure(
            "Mutating",
            guarded.webhook("/ignored", failurePolicy="Ignore"),
            guarded.webhook("/required", failurePolicy="Fail"),
        )
        guarded.reviewers.answers["/ignored"] = answer
        assert guarded.create("one").status_code == 201
        guarded.reviewers.answers["/required"] = answer
        self._refused(guarded.create("two"), said)

    def _refused(self, response: Any, said: str | None) -> None:
        if said is None:
            assert response.status_code == 201
            return
        assert response.status_code == 500
        status = response.json()
        failed = f'failed calling webhook "required.tidegate.dev": {said}'
        assert status["message"].startswith(f"Internal error occurred: {failed}")
        assert status["reason"] == "InternalError"
        assert status["details"]["causes"][0]["message"].startswith(failed)

    @pytest.mark.parametrize(
        "client",
        [
            {"url": "https://127.0.0.1:1/"},
            {"service": {"namespace": "default", "name": "nobody"}},
        ],
        ids=["nobody listens", "no such Service"],
    )
    def test_of_addresses_that_lead_nowhere(self, guarded, client):
        guarded.configure(
            "Validating",
            guarded.webhook("/ignored", clientConfig=client, failurePolicy="Ignore"),
            guarded.webhook("/required", clientConfig=client, objectSelector=NO_PROBES),
        )
        self._refused(guarded.create(), 'failed to call webhook: Post "https://')

    def test_of_servers_that_the_bundle_does_not_vouch_for(self, guarded):
        client = {"url": guarded.reviewers.client("/required")["url"]}
        guarded.configure(
            "Validating",
            guarded.webhook("/required", clientConfig=client, objectSelector=NO_PROBES),
        )
        self._refused(guarded.create(), 'failed to call webhook: Post "https://127.0.0.1:')
        assert guarded.reviewers.requests("/required") == []

    def test_of_servers_that_take_too_long(self, guarded):
        guarded.configure("Validating", guarded.webhook("/required", timeoutSeconds=1))
        guarded.reviewers.answers["/required"] = lambda _: _after(guarded.reviewers.released)
        refused = guarded.create()
        self._refused(refused, 'failed to call webhook: Post "https://127.0.0.1:')
        assert refused.json()["message"].endswith("context deadline exceeded")


class TestConfigurations:
    def test_have_defaults(self, guarded):
        webhook = guarded.webhook("/one")
        for given in ("timeoutSeconds", "namespaceSelector"):
            del webhook[given]
        created = self._create(guarded, "Mutating", webhook)
        assert created.status_code == 201, created.text
        [stored] = created.json()["webhooks"]
        rules = [{**CONFIG_MAPS, "scope": "*"}]
        assert stored == {
            **webhook,
            "rules": rules,
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "reinvocationPolicy": "Never",
            "timeoutSeconds": 10,
        }

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (
                {"name": "one"},
                (
                    'webhooks[0].name: Invalid value: "one": should be a domain with at least three'
                    " segments separated by dots"
                ),
            ),
            (
                {"clientConfig": {"url": "http://one.example/"}},
                (
                    "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed"
                    " URL scheme; desired format: https://host[/path]"
                ),
            ),
            (
                {"clientConfig": {}},
                (
                    "webhooks[0].clientConfig: Required value: exactly one of url or service is"
                    " required"
                ),
            ),
            (
                {"failurePolicy": "Maybe"},
                (
                    'webhooks[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail",'
                    ' "Ignore"'
                ),
            ),
            (
                {"sideEffects": "Some"},
                (
                    'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None",'
                    ' "NoneOnDryRun"'
                ),
            ),
            (
                {"timeoutSeconds": 31},
                (
                    "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1"
                    " and 30 seconds"
                ),
            ),
            (
                {"admissionReviewVersions": ["v3"]},
                (
                    'webhooks[0].admissionReviewVersions: Invalid value: ["v3"]: must include at least'
                    " one of v1, v1beta1"
                ),
            ),
            (
                {"rules": [{**CONFIG_MAPS, "operations": ["READ"]}]},
                (
                    'webhooks[0].rules[0].operations[0]: Unsupported value: "READ": supported values:'
                    ' "*", "CONNECT", "CREATE", "DELETE", "UPDATE"'
                ),
            ),
            (
                {"rules": [{**CONFIG_MAPS, "resources": []}]},
                "webhooks[0].rules[0].resources: Required value",
            ),
            (
                {"matchConditions": [{"name": "a", "expression": "object.a ="}]},
                "webhooks[0].matchConditions[0].expression: Invalid value: ",
            ),
            (
                {"matchConditions": [{"name": "a", "expression": "self.a == 1"}]},
                "webhooks[0].matchConditions[0].expression: Invalid value: ",
            ),
        ],
    )
    def test_that_are_wrong_are_refused(self, guarded, wrong, said):
        refused = self._create(guarded, "Validating", guarded.webhook("/one", **wrong))
        assert refused.status_code == 422, refused.text
        assert said in refused.json()["message"]

    def _create(self, guarded: Guarded, phase: str, webhook: dict[str, Any]) -> Any:
        item = configuration(phase, f"conformance-{secrets.token_hex(4)}", webhook)
        return guarded.api.post(CONFIGURATIONS[phase], item, dryRun="All")


def _after(released: threading.Event) -> dict[str, Any]:
    released.wait()
    return {"allowed": True}
