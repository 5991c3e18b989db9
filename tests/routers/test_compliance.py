"""What every registered router keeps, whoever wrote it."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.annotations import ORIGINAL, WRITTEN
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.service import GitOps
from canary.api.status import Cookie
from canary.api.traffic import HttpMatch
from canary.core.plan import plan
from canary.core.traffic import Seen, Stickiness, Traffic
from canary.objects.ownership import GITOPS_ANNOTATIONS
from canary.objects.render import Lacking
from canary.routers import ROUTERS, Router, router_for
from canary.simulation.cluster import seen as what_is_seen
from tests.routers.builders import (
    TOGETHER,
    Restored,
    a_canary,
    a_cluster,
    canaries,
    every_provider,
    left_to_write,
    rendered,
    restored,
    router_case,
    served_version,
    the_traffic,
    written,
)
from tests.routers.published import PublishedSchemas
from tests.routers.vocabulary import AFFINITY
from tests.sampling import cases, examples

CASES = [
    pytest.param(provider, canary, id=f"{provider}-{index}")
    for provider in every_provider()
    for index, canary in enumerate(canaries(provider))
]
#: Those that make their objects, rather than write into those of their user.
MADE_CASES = [each for each in CASES if not router_case(str(each.values[0])).edits]
#: Those that have objects of their own, which CRDs describe and which go with the Canary.
OWN_CASES = [each for each in MADE_CASES if not router_for(str(each.values[0])).by_apex]
every_case = pytest.mark.parametrize(("provider", "canary"), CASES)
every_case_of_made_objects = pytest.mark.parametrize(("provider", "canary"), MADE_CASES)
every_case_of_own_objects = pytest.mark.parametrize(("provider", "canary"), OWN_CASES)
every_name = pytest.mark.parametrize("provider", every_provider())

#: Groups of Kubernetes itself, whose kinds no CRD describes.
BUILT_IN = frozenset({"", "networking.k8s.io"})
#: There are many cases, and each has these examples.
few = settings(max_examples=examples(6))

percents = st.integers(0, 100)
texts = st.one_of(
    *(
        st.sampled_from(["/a", "/b/c"]).map(lambda text, how=how: {how: text})
        for how in ("exact", "prefix", "suffix", "regex")
    )
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("beta"),
        "uri": texts,
        "scheme": texts,
        "method": texts,
        "authority": texts,
        "headers": st.dictionaries(st.sampled_from(["x-a", "cookie"]), texts, min_size=1),
        "withoutHeaders": st.dictionaries(st.just("x-b"), texts, min_size=1),
        "queryParams": st.dictionaries(st.sampled_from(["q", "r"]), texts, min_size=1),
        "sourceLabels": st.just({"app": "web"}),
        "sourceNamespace": st.just("shop"),
        "gateways": st.just(["mesh"]),
        "port": st.just(9898),
        "ignoreUriCase": st.just(True),
    },
)


@st.composite
def traffics(draw: st.DrawFn) -> Traffic:
    """Give any traffic that a run may intend."""
    match = draw(st.lists(conditions.map(HttpMatch.model_validate), max_size=3))
    weight, mirror = draw(percents), draw(st.just(0) | percents)
    beside = weight and not mirror
    return Traffic(
        weight=weight,
        match=tuple(match),
        mirror=mirror,
        baseline=draw(st.just(0) | st.integers(0, (100 - weight) // 2)) if beside else 0,
    )


def a_cookie(name: str = "stick", value: str = "1-0123456789abcdef", **fields: Any) -> Cookie:
    return Cookie(name=name, value=value, **({"max_age": 60} | fields))


@st.composite
def kept_traffics(draw: st.DrawFn) -> Traffic:
    """Give any traffic of which clients stay on a side, or have stayed on one."""
    traffic = draw(traffics())
    match = tuple(each for each in traffic.match if "cookie" not in each.headers)
    if not traffic.weight:
        expired = tuple(draw(st.lists(st.builds(a_cookie, st.sampled_from("ab")), max_size=4)))
        return Traffic(match=match, cookies=Stickiness(expired=expired))
    primary = draw(st.booleans()) and traffic.weight < 100
    cookies = Stickiness(canary=a_cookie(), primary=a_cookie("old") if primary else None)
    return replace(traffic, match=match, cookies=cookies, baseline=0)


def asking_for(canary: Canary, traffic: Traffic) -> Canary:
    """Write a Canary that asks for some traffic among all that it asks for."""
    document = canary.as_written()
    document["spec"]["analysis"] |= {
        "match": [each.as_written() for each in traffic.match],
        "mirror": bool(traffic.mirror),
        "mirrorWeight": traffic.mirror,
    }
    if traffic.match and not traffic.shared:
        # A/B testing: all requests that match, or none.
        document["spec"]["analysis"] |= {"iterations": 1, "stepWeight": None}
    elif traffic.shared and document["spec"]["analysis"].pop("iterations", None):
        document["spec"]["analysis"] |= {"stepWeight": 10}
    if traffic.baseline:
        metric = {"name": "request-success-rate", "judge": "sequential", "compareWith": "baseline"}
        document["spec"]["analysis"] |= {"metrics": [metric], "mirror": False}
    cookies = {"cookieName": "stick", "primaryCookieName": "old"}
    asked = cookies if traffic.cookies != Stickiness() else None
    document["spec"]["analysis"]["sessionAffinity"] = asked
    return Canary.model_validate(document)


STRUCTURE = [
    "http",
    "tcp",
    "route",
    "destination",
    "host",
    "weight",
    "rules",
    "name",
    "backends",
    "backendRefs",
    "service",
    "port",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(STRUCTURE),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def foreign(router: Router, canary: Canary) -> tuple[Manifest, ...]:
    """Make objects that were there before tidegate, whose owners are others."""
    specs = router_case(str(canary.spec.provider)).foreign
    return tuple(
        {
            "apiVersion": key.kind.api_version(key.kind.versions[0]),
            "kind": key.kind.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "labels": {"team": "shop", "app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"note": "hand-made"},
                "ownerReferences": [
                    {"apiVersion": "shop/v1", "kind": "App", "name": "app", "uid": "app-uid"}
                ],
                "finalizers": ["example.com/keep"],
            },
            "spec": deepcopy(specs[key.kind.kind]),
        }
        for key in written(router, canary)
    )


def named(obj: Manifest) -> tuple[str, str]:
    """Give the kind and name of an object."""
    return (obj["kind"], obj["metadata"]["name"])


def assert_does(seen: Seen | None, traffic: Traffic) -> None:
    """What is read back is what was written."""
    assert seen is not None
    assert seen.does(traffic)
    wanted = what_is_seen(traffic)
    assert (seen.keeps_canary, seen.keeps_primary) == (wanted.keeps_canary, wanted.keeps_primary)
    # Where the canary gets nothing, nothing tells apart who would take part.
    assert seen.matched == bool(traffic.match) or not seen.exposes_canary()


def shuffled(value: Any, draw: st.DrawFn) -> Any:
    """Give the same JSON with its keys in another order."""
    if isinstance(value, dict):
        order = draw(st.permutations(list(value)))
        return {key: shuffled(value[key], draw) for key in order}
    if isinstance(value, list):
        return [shuffled(each, draw) for each in value]
    return value


@st.composite
def reordered(draw: st.DrawFn, canary: Canary) -> Canary:
    """Write the same Canary with the keys of its maps in another order."""
    return Canary.model_validate(shuffled(canary.as_written(), draw))


def kept_from_gitops(provider: str) -> Mapping[str, str]:
    """Give what tells GitOps tools to leave an object alone, where they should."""
    return {} if router_case(provider).released else GITOPS_ANNOTATIONS


@every_case
class TestEveryRouter:
    def test_takes_what_it_is_made_for(self, provider: str, canary: Canary) -> None:
        assert router_for(provider).problems(canary) == ()

    def test_reads_back_every_weight_that_it_writes(self, provider: str, canary: Canary) -> None:
        router = router_for(provider)
        abilities = router.abilities(canary)
        for traffic in (the_traffic(canary, percent) for percent in cases(range(101))):
            if not abilities.allow(traffic):
                continue
            made = rendered(router, canary, a_cluster(router, canary), traffic)
            seen = router.read(canary, a_cluster(router, canary, made))
            assert_does(seen, traffic)

    @few
    @given(traffic=traffics() | kept_traffics())
    def test_reads_back_all_traffic_that_it_is_able_to_say_and_refuses_the_rest(
        self, provider: str, canary: Canary, traffic: Traffic
    ) -> None:
        router, asking = router_for(provider), asking_for(canary, traffic)
        able, refused = router.abilities(asking).allow(traffic), router.problems(asking)
        if not able:
            # Where traffic can only be switched, no step asks for a share of it; and with weights
            # requests are copied before the canary answers any.
            abilities = router.abilities(asking)
            before = traffic.mirror and traffic.weight and not abilities.mirrors_shares
            assert refused or before or not abilities.splits
        elif not canary.spec.service.match:
            assert not refused
        if refused or not able:
            return
        made = rendered(router, asking, a_cluster(router, asking), traffic)
        cluster = a_cluster(router, asking, made)
        seen = router.read(asking, cluster)
        assert_does(seen, traffic)
        assert rendered(router, asking, cluster, traffic) == made
        removed = restored(router, asking, cluster).remove
        # The apex service stays for its clients, and so do objects of the user.
        stay = router.by_apex or router_case(provider).edits
        own = () if stay else made
        assert {(key.kind.kind, key.name) for key in removed} == {
            (obj["kind"], obj["metadata"]["name"]) for obj in own
        }

    @few
    @given(percent=percents, before=percents)
    def test_changes_nothing_when_it_renders_again(
        self, provider: str, canary: Canary, percent: int, before: int
    ) -> None:
        router, traffic = router_for(provider), the_traffic(canary, percent)
        earlier = rendered(router, canary, a_cluster(router, canary), the_traffic(canary, before))
        once = rendered(router, canary, a_cluster(router, canary, earlier), traffic)
        cluster = a_cluster(router, canary, once)
        again = rendered(router, canary, cluster, traffic)
        assert again == once
        assert left_to_write(router, canary, cluster, traffic) == []

    def test_keeps_what_others_wrote_into_metadata(self, provider: str, canary: Canary) -> None:
        router = router_for(provider)
        own = deepcopy(rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 20)))
        for obj in own:
            obj["metadata"]["labels"]["cost-centre"] = "42"
            obj["metadata"]["annotations"]["audit"] = "yes"
            obj["metadata"]["finalizers"] = ["example.com/keep"]
            obj["metadata"]["ownerReferences"].insert(0, {"kind": "App", "uid": "app-uid"})
        for objects in (own, foreign(router, canary)):
            cluster = a_cluster(router, canary, objects)
            for obj in rendered(router, canary, cluster, the_traffic(canary, 30)):
                before = next(
                    each
                    for each in objects
                    if (each["kind"], each["metadata"]["name"])
                    == (obj["kind"], obj["metadata"]["name"])
                )["metadata"]
                assert before["labels"].items() <= obj["metadata"]["labels"].items()
                kept = before["annotations"].keys() - router_case(provider).annotations
                for key in kept - {WRITTEN}:
                    assert obj["metadata"]["annotations"][key] == before["annotations"][key]
                assert before["finalizers"] == obj["metadata"]["finalizers"]
                for owner in before["ownerReferences"]:
                    assert owner in obj["metadata"]["ownerReferences"]

    def test_leaves_a_field_that_somebody_else_has_added(
        self, provider: str, canary: Canary
    ) -> None:
        router, traffic = router_for(provider), the_traffic(canary, 40)
        made = deepcopy(rendered(router, canary, a_cluster(router, canary), traffic))
        for obj in made:
            obj["spec"]["exportTo"] = ["."]
            obj["metadata"]["labels"]["mutated"] = "by admission"
        cluster = a_cluster(router, canary, made)
        assert left_to_write(router, canary, cluster, traffic) == []

    @few
    @given(spec=json_values)
    def test_reads_any_spec_without_failing(
        self, provider: str, canary: Canary, spec: object
    ) -> None:
        router = router_for(provider)
        made = rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 0))
        cluster = a_cluster(router, canary, [obj | {"spec": spec} for obj in made])
        seen = router.read(canary, cluster)
        assert seen is None or isinstance(seen, Seen)

    def test_reads_no_weights_where_there_is_no_route(self, provider: str, canary: Canary) -> None:
        router = router_for(provider)
        assert router.read(canary, a_cluster(router, canary)) is None
        objects = foreign(router, canary)
        assert router.read(canary, a_cluster(router, canary, objects)) is None

    def test_adopts_without_a_mark_of_ownership(self, provider: str, canary: Canary) -> None:
        router = router_for(provider)
        found = foreign(router, canary)
        adopted = rendered(
            router, canary, a_cluster(router, canary, found), the_traffic(canary, 10)
        )
        routing = router_case(provider).annotations
        for obj in adopted:
            assert obj["metadata"]["labels"] == found[0]["metadata"]["labels"]
            assert obj["metadata"]["ownerReferences"] == found[0]["metadata"]["ownerReferences"]
            assert obj["metadata"]["annotations"].keys() - routing == {
                *("note", ORIGINAL),
                *kept_from_gitops(provider),
            }
        written_into = (obj["metadata"]["annotations"] for obj in adopted)
        assert routing <= {name for annotations in written_into for name in annotations}

    def test_tells_gitops_tools_to_leave_what_it_adopts_until_it_is_given_back(
        self, provider: str, canary: Canary
    ) -> None:
        router = router_for(provider)
        found = foreign(router, canary)
        adopted = rendered(
            router, canary, a_cluster(router, canary, found), the_traffic(canary, 10)
        )
        for obj in adopted:
            assert obj["metadata"]["annotations"].items() >= kept_from_gitops(provider).items()
        back = restored(router, canary, a_cluster(router, canary, adopted))
        for obj in back.write:
            assert GITOPS_ANNOTATIONS.keys().isdisjoint(obj["metadata"]["annotations"])

    def test_shares_what_it_adopts_where_the_canary_says_so(
        self, provider: str, canary: Canary
    ) -> None:
        router = router_for(provider)
        service = canary.spec.service.but(gitops=GitOps.SHARED)
        sharing = canary.but(spec=canary.spec.but(service=service))
        cluster = a_cluster(router, sharing, foreign(router, canary))
        for obj in rendered(router, sharing, cluster, the_traffic(sharing, 10)):
            assert GITOPS_ANNOTATIONS.keys().isdisjoint(obj["metadata"]["annotations"])

    def test_renders_only_declared_objects_and_the_weights_last(
        self, provider: str, canary: Canary
    ) -> None:
        router = router_for(provider)
        assert {key.kind for key in router.objects(canary).all} == set(router.kinds)
        made, other = (
            rendered(router, canary, a_cluster(router, canary), the_traffic(canary, percent))
            for percent in (10, 11)
        )
        for obj in made:
            assert obj["metadata"]["namespace"] == canary.metadata.namespace
        left = list(zip(made, other, strict=True))
        # Of routers that are named together each writes its objects in its own order.
        for part in provider.split("+"):
            keys = written(router_for(part), canary)
            pairs, left = left[: len(keys)], left[len(keys) :]
            assert [named(one) for one, _ in (pairs[-1], *pairs[:-1])] == [
                (key.kind.kind, key.name) for key in keys
            ]
            changed = [one != another for one, another in pairs]
            assert changed == sorted(changed)
            differ = {one["kind"] for one, another in pairs if one != another}
            assert differ <= {pairs[-1][0]["kind"]}
        assert not left

    @few
    @given(data=st.data())
    def test_renders_the_same_in_whatever_order_a_user_writes_maps(
        self, provider: str, canary: Canary, data: st.DataObject
    ) -> None:
        router, traffic = router_for(provider), the_traffic(canary, 10)
        once = rendered(router, canary, a_cluster(router, canary), traffic)
        other = rendered(router, data.draw(reordered(canary)), a_cluster(router, canary), traffic)
        assert other == once

    def test_names_an_object_of_its_user_without_which_it_renders_nothing(
        self, provider: str, canary: Canary
    ) -> None:
        router, needed = router_for(provider), router_case(provider).read
        made = rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 10))
        whole = a_cluster(router, canary, made)
        for key in router.objects(canary).read:
            known = {each: obj for each, obj in whole.existing.items() if each != key}
            wanted = router.render(canary, replace(whole, existing=known), the_traffic(canary, 20))
            lacks = (key.kind.kind, key.name) in {
                (obj["kind"], obj["metadata"]["name"]) for obj in needed
            }
            assert isinstance(wanted, Lacking) == lacks
            assert not lacks or str(wanted).startswith(f"{key} does not exist: ")
            # What it has made goes all the same.
            back = router.restore(canary, replace(whole, existing=known))
            own = () if router.by_apex else router.objects(canary).written
            assert sorted(back.remove, key=str) == sorted(own, key=str)

    def test_does_not_touch_what_it_is_given(self, provider: str, canary: Canary) -> None:
        router = router_for(provider)
        document = json.dumps(canary.as_written())
        for objects in (
            rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 10)),
            foreign(router, canary),
        ):
            cluster = a_cluster(router, canary, objects)
            before = deepcopy(cluster.existing)
            for obj in rendered(router, canary, cluster, the_traffic(canary, 70)):
                obj["metadata"]["labels"]["changed"] = "by the caller"
                obj["spec"].clear()
            for obj in restored(router, canary, cluster).write:
                obj["metadata"]["labels"]["changed"] = "by the caller"
                obj["spec"].clear()
            router.read(canary, cluster)
            assert cluster.existing == before
        assert json.dumps(canary.as_written()) == document


@every_case_of_made_objects
class TestEveryRouterThatMakesItsObjects:
    @few
    @given(spec=json_values)
    def test_repairs_an_edited_spec_with_the_current_weights(
        self, provider: str, canary: Canary, spec: object
    ) -> None:
        router = router_for(provider)
        able = router.abilities(canary).allow
        traffic = next(filter(able, (the_traffic(canary, percent) for percent in (40, 100, 0))))
        made = rendered(router, canary, a_cluster(router, canary), traffic)
        theirs = spec if isinstance(spec, dict) else {}
        edited = [obj | {"spec": theirs} for obj in made]
        cluster = a_cluster(router, canary, edited)
        for obj, mended in zip(made, rendered(router, canary, cluster, traffic), strict=True):
            assert obj["spec"].items() <= mended["spec"].items()
            assert (mended["spec"].keys() - obj["spec"].keys()) <= theirs.keys()
            assert mended | {"spec": obj["spec"]} == obj
        mended_cluster = a_cluster(router, canary, rendered(router, canary, cluster, traffic))
        seen = router.read(canary, mended_cluster)
        assert seen is not None
        assert seen.does(traffic)

    def test_takes_back_labels_and_annotations_that_the_canary_gives_no_longer(
        self, provider: str, canary: Canary
    ) -> None:
        router, traffic = router_for(provider), the_traffic(canary, 40)
        apex = {"labels": {"given": "1"}, "annotations": {"given": "1"}}
        document = canary.as_written()
        document["spec"]["service"]["apex"] = apex
        generous = Canary.model_validate(document)
        before = rendered(router, generous, a_cluster(router, generous), traffic)
        del document["spec"]["service"]["apex"]
        plain = Canary.model_validate(document)
        cluster = a_cluster(router, plain, before)
        after = rendered(router, plain, cluster, traffic)
        assert "given" in str(before)
        assert "given" not in str(after)
        assert str(written(router, plain)[0]) in left_to_write(router, plain, cluster, traffic)


@every_case_of_own_objects
class TestEveryRouterWithObjectsOfItsOwn:
    def test_removes_exactly_what_it_created(self, provider: str, canary: Canary) -> None:
        router = router_for(provider)
        assert restored(router, canary, a_cluster(router, canary)) == Restored()
        made = rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 50))
        back = restored(router, canary, a_cluster(router, canary, made))
        assert back.write == ()
        assert sorted(back.remove, key=str) == sorted(written(router, canary), key=str)

    @few
    @given(steps=st.lists(percents, min_size=1, max_size=3))
    def test_puts_adopted_objects_back_exactly(
        self, provider: str, canary: Canary, steps: list[int]
    ) -> None:
        router, found = router_for(provider), foreign(router_for(provider), canary)
        objects = found
        for percent in steps:
            cluster = a_cluster(router, canary, objects)
            objects = rendered(router, canary, cluster, the_traffic(canary, percent))
            assert all(ORIGINAL in obj["metadata"]["annotations"] for obj in objects)
        back = restored(router, canary, a_cluster(router, canary, objects))
        assert back.remove == ()
        assert sorted(back.write, key=named) == sorted(found, key=named)
        # Once more, over what was restored: nothing is left to do.
        again = restored(router, canary, a_cluster(router, canary, back.write))
        assert again.remove == ()
        for obj in again.write:
            assert obj in found

    def test_renders_what_the_published_schema_takes_and_adds_nothing_to(
        self, provider: str, canary: Canary, published: PublishedSchemas
    ) -> None:
        router = router_for(provider)
        kinds = {kind.kind: kind for kind in router.kinds}
        for version in sorted({version for kind in router.kinds for version in kind.versions}):
            cluster = a_cluster(router, canary, version=version)
            for obj in rendered(router, canary, cluster, the_traffic(canary, 10)):
                group, _, written = obj["apiVersion"].rpartition("/")
                assert written == served_version(kinds[obj["kind"]], version)
                if group not in BUILT_IN:
                    assert published.faults(obj) == []
                    assert published.with_defaults(obj) == obj["spec"]


#: Something to ask for in each field of the route.
ASKED = {
    "timeout": "15s",
    "backendTimeout": "15s",
    "gateways": ["public"],
    "gatewayRefs": [{"name": "other"}],
    "hosts": ["app.example.com"],
    "acceptance": "Any",
    "delegation": True,
    "trafficPolicy": {"tls": {"mode": "DISABLE"}},
    "match": [{"uri": {"prefix": "/api/"}}],
    "rewrite": {"uri": "/"},
    "retries": {"attempts": 3},
    "headers": {"request": {"add": {"x-a": "1"}}},
    "mirror": [{"backendRef": {"name": "shadow", "port": 80}}],
    "corsPolicy": {"allowOrigin": ["https://example.com"]},
    "meshName": "global",
    "backends": ["db"],
}
ASKED_OF_ANALYSIS = {
    "match": [{"headers": {"x-a": {"exact": "1"}}}],
    "mirror": True,
    "mirrorWeight": 10,
    "sessionAffinity": {"cookieName": "stick"},
}
#: What decides nothing about who is routed where.
ORNAMENTS = {
    "timeout",
    "backendTimeout",
    "trafficPolicy",
    "rewrite",
    "retries",
    "acceptance",
    "headers",
    "corsPolicy",
    "meshName",
    "backends",
    "mirrorWeight",
}
#: What says how requests come in, which decides nothing where the user's own object says it.
ENTRANCES = {"hosts", "gateways", "gatewayRefs", "delegation"}


@pytest.mark.parametrize("provider", [each for each in every_provider() if each not in TOGETHER])
class TestWhatIsAskedOfASingleRouter:
    @pytest.mark.parametrize(
        ("place", "field", "value"),
        [("service", field, value) for field, value in ASKED.items()]
        + [("analysis", field, value) for field, value in ASKED_OF_ANALYSIS.items()],
    )
    def test_is_done_or_refused_or_is_an_ornament_that_is_ignored_with_a_warning(
        self, provider: str, place: str, field: str, value: object
    ) -> None:
        router = router_for(provider)
        plain, asking = a_canary(provider), a_canary(provider, **{place: {field: value}})
        cluster = a_cluster(router, plain)
        weight = 10 if router.abilities(asking).allow(the_traffic(asking, 10)) else 0
        before = rendered(router, plain, cluster, the_traffic(plain, weight))
        done = before != rendered(router, asking, cluster, the_traffic(asking, weight))
        refused = [problem.field for problem in router.problems(asking)]
        ignored = [warning.field for warning in router.ignored(asking)]
        entrance = bool(router.abilities(asking).entrance) and field in ENTRANCES
        told = ignored if field in ORNAMENTS or entrance else refused
        assert told == ([] if done else [f"spec.{place}.{field}"])
        assert [*refused, *ignored] == told


#: What users say in routes of their own of how the app is spoken to, and not who gets requests.
SPOKEN_TO: Mapping[str, Mapping[str, Any]] = {
    "contour": {
        "routes": [
            {
                "conditions": [{"prefix": "/"}],
                "services": [{"name": "podinfo", "port": 9898, "protocol": "h2c"}],
            }
        ]
    },
    "nginx-f5": {
        "host": "vs.example.com",
        "upstreams": [
            {"name": "app", "service": "podinfo", "port": 9898, "tls": {"enable": True}},
            {"name": "docs", "service": "docs", "port": 80, "read-timeout": "5s"},
        ],
        "subroutes": [{"path": "/", "action": {"pass": "app"}}],
    },
    "traefik": {
        "weighted": {
            "services": [{"name": "podinfo", "port": 9898, "scheme": "h2c", "strategy": "p2c"}],
            "sticky": {"cookie": {"name": "side"}},
        }
    },
}
KEPT: Mapping[str, Manifest] = {
    "contour": {"protocol": "h2c"},
    "nginx-f5": {"tls": {"enable": True}},
    "traefik": {"scheme": "h2c", "strategy": "p2c"},
}


def every_side(value: object) -> list[Manifest]:
    """Find whatever in a spec has the name of a side."""
    if isinstance(value, list):
        return [found for each in value for found in every_side(each)]
    if not isinstance(value, dict):
        return []
    own = [value] if value.get("name") in {"podinfo-primary", "podinfo-canary"} else []
    return own + every_side(list(value.values()))


@pytest.mark.parametrize(
    ("provider", "asked"),
    [
        *(pytest.param(provider, {}, id=provider) for provider in SPOKEN_TO),
        pytest.param("contour", {"mirror": True}, id="contour with copies"),
        pytest.param("traefik", {"mirror": True}, id="traefik with copies"),
    ],
)
class TestARouteOfTheUsersThatSaysHowItsAppIsSpokenTo:
    def test_has_both_sides_spoken_to_so_until_it_is_given_back(
        self, provider: str, asked: dict[str, Any]
    ) -> None:
        router, canary = router_for(provider), a_canary(provider, analysis=asked)
        (key,) = router.objects(canary).adopted
        users = {
            "apiVersion": key.kind.api_version(key.kind.versions[0]),
            "kind": key.kind.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": deepcopy(SPOKEN_TO[provider]),
        }
        objects: tuple[Manifest, ...] = (users,)
        for percent in (0, 30, 100, 0):
            traffic = the_traffic(canary, percent)
            if not router.abilities(canary).allow(traffic):
                continue
            objects = rendered(router, canary, a_cluster(router, canary, objects), traffic)
            sides = every_side([each["spec"] for each in objects])
            assert sides
            assert all(each.items() >= KEPT[provider].items() for each in sides)
        back = restored(router, canary, a_cluster(router, canary, objects))
        assert [each["spec"] for each in back.write] == [SPOKEN_TO[provider]]


@every_name
class TestWhatIsAskedOfEveryRouter:
    @pytest.mark.parametrize(
        ("field", "step"),
        [
            ("match", {"weight": 100, "match": [{"headers": {"x-a": {"exact": "1"}}}]}),
            ("mirror", {"mirror": 100}),
            ("weight", {"weight": 50}),
        ],
    )
    def test_a_step_is_done_or_refused_with_the_place_of_its_field(
        self, provider: str, field: str, step: dict[str, object]
    ) -> None:
        router = router_for(provider)
        canary = a_canary(provider, analysis={"steps": [{"weight": 0}, step]})
        _, asked = plan(canary.spec.analysis).steps
        traffic = Traffic(weight=asked.weight, match=asked.match, mirror=asked.mirror)
        able = router.abilities(canary).allow(traffic)
        refused = [problem.field for problem in router.problems(canary)]
        assert refused == ([] if able else [f"spec.analysis.steps[1].{field}"])

    @pytest.mark.parametrize("place", ["service", "analysis"])
    def test_a_condition_on_cookies_beside_session_affinity_is_refused_with_its_place(
        self, provider: str, place: str
    ) -> None:
        router = router_for(provider)
        on_cookies = {"match": [{"headers": {"x-a": {"exact": "1"}, "Cookie": {"exact": "a=b"}}}]}
        fields = {"analysis": {"sessionAffinity": {"cookieName": "stick"}}}
        fields[place] = fields.get(place, {}) | on_cookies
        refused = [problem.field for problem in router.problems(a_canary(provider, **fields))]
        able = router.abilities(a_canary(provider)).affinity
        wanted = (
            f"spec.{place}.match[0].headers.cookie" if able else "spec.analysis.sessionAffinity"
        )
        assert wanted in refused

    @pytest.mark.parametrize("field", sorted(AFFINITY))
    def test_every_attribute_of_a_cookie_is_written_and_taken_back_or_refused(
        self, provider: str, field: str
    ) -> None:
        router = router_for(provider)
        asked = {"cookieName": "stick", field: AFFINITY[field]}
        canary = a_canary(provider, analysis={"sessionAffinity": asked})
        if not router.abilities(canary).affinity:
            refused = [problem.field for problem in router.problems(canary)]
            assert refused == ["spec.analysis.sessionAffinity"]
            return
        assert router.problems(canary) == ()
        cookie = the_traffic(canary, 10).cookies.canary
        assert cookie is not None
        given = str(rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 10)))
        taken = str(rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 0)))
        assert cookie.set_text in given
        assert cookie.expire_text in taken
        assert cookie.set_text not in taken

    def test_objects_carry_who_made_them_or_stay_their_users(self, provider: str) -> None:
        router, canary = router_for(provider), a_canary(provider)
        for obj in rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 10)):
            if router_case(provider).edits:
                assert ORIGINAL in obj["metadata"]["annotations"]
                continue
            assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "tidegate"
            # A service also has a record of what of it is tidegate's.
            annotations = obj["metadata"]["annotations"]
            others = {WRITTEN, *router_case(provider).annotations}
            assert {key: annotations[key] for key in annotations if key not in others} == {
                "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
                "helm.toolkit.fluxcd.io/driftDetection": "disabled",
            }
            assert obj["metadata"]["ownerReferences"] == [
                {
                    "apiVersion": "tidegate.dev/v1beta1",
                    "kind": "Canary",
                    "name": "podinfo",
                    "uid": "canary-uid",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ]

    def test_what_nobody_has_judged_yet_is_rejected_by_nobody(self, provider: str) -> None:
        router, canary = router_for(provider), a_canary(provider)
        for obj in rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 10)):
            assert router.refusal(obj) == ""
            assert not router.pending(obj)

    def test_leads_nobody_by_what_proxies_learn_beforehand_and_keeps_it_with_the_route(
        self, provider: str
    ) -> None:
        router = router_for(provider)
        for canary in canaries(provider):
            cluster, objects = a_cluster(router, canary), router.objects(canary)
            known = router.beforehand(canary, cluster)
            assert {each.key for each in known} <= {*objects.own, *objects.adopted}
            before = [each.mended(None) for each in known]
            assert router.read(canary, a_cluster(router, canary, before)) is None or not before
            made = rendered(router, canary, cluster, the_traffic(canary, 10))
            own = [each for each in known if each.key in objects.own]
            assert all(each.mended(None) in made for each in own)
            # A route that leads clients stays as it is.
            routed = a_cluster(router, canary, made)
            assert [each.key for each in router.beforehand(canary, routed)] == [
                each.key for each in own
            ]

    def test_needs_no_field_of_a_kind_that_is_not_its_own(self, provider: str) -> None:
        router = router_for(provider)
        for canary in canaries(provider):
            assert {each.kind for each in router.required_fields(canary)} <= set(router.kinds)

    def test_declares_the_kinds_that_it_reads_and_writes(self, provider: str) -> None:
        router = router_for(provider)
        canary = a_canary(provider)
        assert {key.kind for key in router.objects(canary).written} == set(router.writes)
        assert sorted((*router.writes, *router.reads), key=str) == sorted(router.kinds, key=str)

    def test_a_variant_narrows_the_versions_that_are_asked_for(self, provider: str) -> None:
        name, _, variant = provider.partition(":")
        # A variant may be another way to route instead: there is one version of a Service.
        versions = {each for kind in router_for(name).kinds for each in kind.versions}
        for kind in router_for(provider).kinds:
            assert variant not in versions or kind.versions == (variant,)

    def test_a_version_that_nobody_told_is_the_newest(self, provider: str) -> None:
        router, canary = router_for(provider), a_canary(provider)
        cluster = a_cluster(router, canary)
        told = replace(cluster, served={})
        traffic = the_traffic(canary, 10)
        assert rendered(router, canary, told, traffic) == rendered(router, canary, cluster, traffic)


def test_every_registered_router_is_tried() -> None:
    tried = {provider.partition(":")[0] for provider in every_provider()}
    assert tried == {*ROUTERS.names(), *TOGETHER}
