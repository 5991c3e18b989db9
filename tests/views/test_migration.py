"""What is different for an object of Flagger's, told from its manifest."""

import pytest

from canary.views.migration import DIFFERENCES, differences


@pytest.mark.parametrize(
    ("kind", "spec", "says"),
    [
        ("Canary", {}, "deleting a Canary leaves the target at zero pods"),
        ("Canary", {"analysis": {"alerts": [{"name": "x"}]}}, "an alert without `severity` is never sent"),
        ("Canary", {"analysis": {"interval": "5s"}}, "an `interval` of the analysis below 10 s"),
        ("Canary", {"analysis": {"webhooks": [{"url": "http://127.0.0.1/"}]}}, "hooks, metric stores and chat"),
        ("Canary", {"analysis": {"webhooks": [{"type": "rollback"}]}}, "the rollback hook is not asked"),
        ("Canary", {"analysis": {"iterations": 3, "mirror": True}}, "blue/green: mirrors"),
        ("Canary", {"analysis": {"iterations": 3, "match": [{}]}, "service": {"match": [{}]}}, "A/B testing"),
        ("Canary", {"analysis": {"metrics": [{"templateVariables": {"a": "b"}}]}}, "a template variable"),
        ("Canary", {"autoscalerRef": {"kind": "ScaledObject"}}, "KEDA takes the pods"),
        ("Canary", {"targetRef": {"apiVersion": "v1", "kind": "Service"}}, "with a target of kind Service"),
        ("Canary", {"provider": "knative"}, "with `provider: knative` the newest Revision"),
        ("MetricTemplate", {"provider": {"type": "influxdb"}}, "an empty answer of InfluxDB is 0"),
        ("AlertProvider", {"type": "gchat"}, "`gchat` and `discord` post the old cards"),
    ],
)  # fmt: skip
def test_a_difference_is_told_of_the_objects_that_it_concerns(kind, spec, says):
    said = [str(each) for _, each in differences({"kind": kind, "spec": spec})]
    assert [each for each in said if each.startswith(f"Flagger: {says}")]


@pytest.mark.parametrize("value", [None, 1, "text", [], [None], {"a": None}])
@pytest.mark.parametrize("kind", sorted({each.kind for each in DIFFERENCES}))
def test_any_object_can_be_compared(kind, value):
    for spec in (value, {"analysis": value}, {"analysis": {"webhooks": value, "interval": value}}):
        list(differences({"kind": kind, "spec": spec}))
    hooks = [{"url": "http://[broken"}, {"url": "http://load.test/"}]
    url = {"analysis": {"webhooks": hooks, "interval": "soon"}}
    list(differences({"kind": kind, "spec": url}))


def test_what_is_written_already_is_no_difference():
    said = differences(
        {
            "kind": "Canary",
            "spec": {
                "revertOnDeletion": True,
                "analysis": {"alerts": [{"severity": "warn"}], "metrics": [{"name": "x"}]},
            },
        }
    )
    assert [str(each) for _, each in said] == []
