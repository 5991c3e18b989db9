"""`tidegate migrate`: Flagger's objects as ours, with what differs and what stands in the way."""

import json
from pathlib import Path

import yaml
from click.testing import CliRunner

from canary.api.meta import PEER_GROUP
from canary.cli import main
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo.embedded import CRD
from tests.api.examples import a_canary, a_receiver, a_template, patched
from tests.cli.running import tidegate
from tests.cli.test_lint import KUSTOMIZATION, an_overlay
from tests.controller.test_peer import peer_crd

PEER = {"apiVersion": "flagger.app/v1beta1"}
BEFORE = """\
# kept as it is: {{ not parsed }}
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ broken }}}
---
# the canary of the shop
apiVersion: "flagger.app/v1beta1"   # ours soon
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  targetRef: {kind: Deployment, apiVersion: apps/v1, name: shop}
  service: {port: 80}
  analysis:
    threshold: 5      # failed checks
    interval: '1min'
    stepWeight: 10
    metrics:
    - {name: request-success-rate, interval: 30sec, thresholdRange: {min: 99}}
    webhooks:
    - {name: gate, type: confirm-promotion, url: http://gate.test/}
"""
AFTER = (
    BEFORE.replace("flagger.app", "tidegate.dev").replace("'1min'", "'1m'").replace("30sec", "30s")
)


def migrated(*arguments, stdin=None):
    """Run the command; give its exit code and what it prints."""
    result = CliRunner().invoke(main, ["migrate", *map(str, arguments)], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def test_only_what_must_change_is_written_again(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_bytes(BEFORE.replace("\n", "\r\n").encode())
    assert migrated("-f", path, "--write", "-")[:2] == (0, AFTER)
    assert path.read_bytes() == BEFORE.replace("\n", "\r\n").encode()
    assert migrated("-f", path, "--write", tmp_path / "out")[0] == 0
    (written,) = (tmp_path / "out").rglob("*.yaml")
    assert written.read_bytes() == AFTER.replace("\n", "\r\n").encode()


def test_what_changes_and_what_differs_is_said_with_its_line(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(BEFORE)
    code, output, error = migrated("-f", path)
    lines = output.splitlines()
    assert code == 0
    assert f"{path}:15: change: Canary web/shop: spec.analysis.interval: 1min → 1m" in lines
    assert (
        f"{path}:20: differs: Canary web/shop: spec.analysis.webhooks[0]: Flagger: gates wait for "
        "ever; tidegate: 72 h, then rolled back; `deadline` changes it"
    ) in lines
    assert error == (
        "1 object of 1 file can move to tidegate.dev/v1beta1; next: the same with --write DIR.\n"
    )


def test_a_second_time_nothing_is_left_to_move(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(BEFORE)
    out = tmp_path / "out"
    assert migrated("-f", path, "--write", out)[0] == 0
    (moved,) = out.rglob("*.yaml")
    assert moved.read_text() == AFTER
    again = tmp_path / "again"
    assert migrated("-f", out, "--write", again) == (
        0,
        "",
        "Nothing is left to move: all objects are of tidegate.dev/v1beta1.\n",
    )
    assert not again.exists()


def test_files_keep_their_places_below_the_folder(tmp_path):
    for place in ("a/shop.yaml", "b/shop.yaml"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_text(BEFORE)
    out = tmp_path / "out"
    code, _, error = migrated("-f", tmp_path / "a", "-f", tmp_path / "b", "--write", out)
    assert (code, "2 objects of 2 files moved" in error) == (0, True)
    assert {each.parent.name for each in out.rglob("*.yaml")} == {"a", "b"}


def test_nothing_is_written_while_something_stands_in_the_way(tmp_path):
    sound, broken = a_canary() | PEER, patched(a_canary(), {"provider": "appmesh"}) | PEER
    broken["metadata"] = {"name": "other", "namespace": "prod"}
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all([sound, broken]))
    out = tmp_path / "out"
    code, output, error = migrated("-f", path, "--write", out)
    assert (code, out.exists()) == (3, False)
    assert (
        "error: Canary prod/other: spec.provider: 'appmesh': AWS ended App Mesh on 30 September 2026"
        in output
    )
    assert error == "Error: 1 error: nothing was written; mend these first, and run it again\n"


def test_the_analysis_of_an_old_version_gets_its_name_of_today(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(
        BEFORE.replace("v1beta1", "v1alpha3").replace("  analysis:", "  canaryAnalysis:")
    )
    code, output, _ = migrated("-f", path, "--write", "-")
    assert (code, output) == (0, AFTER)


def test_what_a_moved_canary_names_must_move_with_it(tmp_path):
    reference = {"name": "errors", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1}}
    canary = patched(a_canary(), {"analysis/metrics/0": reference}) | PEER
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all([canary, a_template() | PEER]))
    assert migrated("-f", path)[0] == 0
    path.write_text(yaml.safe_dump(canary))
    _, output, _ = migrated("-f", path)
    assert "notice: Canary test/podinfo: spec.analysis.metrics[0].templateRef: 'errors': " in output


def test_patches_move_with_what_they_are_for(tmp_path):
    an_overlay(tmp_path, f"# of the shop\n{yaml.safe_dump(KUSTOMIZATION)}")
    out = tmp_path / "out"
    code, output, error = migrated("-f", tmp_path, "--write", out)
    assert (code, "3 objects of 3 files moved" in error) == (0, True)
    assert "patches[1].target.group: flagger.app → tidegate.dev" in output
    (kustomization,) = out.rglob("kustomization.yaml")
    assert kustomization.read_text().startswith("# of the shop\n")
    target = yaml.safe_load(kustomization.read_text())["patches"][1]["target"]
    assert target == {"group": "tidegate.dev", "kind": "Canary"}
    (patch,) = out.rglob("canary.yaml")
    moved = yaml.safe_load(patch.read_text())
    assert (moved["apiVersion"], moved["spec"]) == (
        "tidegate.dev/v1beta1",
        {"analysis": {"interval": "1m"}},
    )


def test_the_report_shows_no_address_that_may_be_a_secret(tmp_path):
    secret = "T0000/B0000/XXXXXXXX"
    chat = patched(
        a_receiver(), {"address": f"https://hooks.slack.com/services/{secret}", "x": secret}
    )
    path = tmp_path / "chat.yaml"
    path.write_text(yaml.safe_dump(chat | PEER))
    for options in ((), ("-o", "json")):
        code, output, error = migrated("-f", path, *options)
        assert (code, secret in output + error) == (3, False)


def test_programs_read_the_report_as_one_document(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(BEFORE)
    report = json.loads(migrated("-f", path, "-o", "json")[1])
    assert (report["kind"], report["blocked"], report["moving"]) == (
        "MigrationReport",
        False,
        ["Canary web/shop"],
    )
    assert {each["level"] for each in report["findings"]} == {"change", "differs"}


def test_nothing_of_ours_is_no_success(tmp_path):
    (tmp_path / "a.yaml").write_text("kind: ConfigMap\n")
    assert migrated("-f", tmp_path)[0] == 1
    assert migrated()[0] == 2
    assert migrated("-f", tmp_path, "--cluster")[0] == 2


async def test_the_objects_of_a_cluster_are_written_as_a_person_would(
    cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    canary = canary_kind(PEER_GROUP)
    await cluster.create(peer_crd(), CRD)
    stored = a_canary() | PEER | {"metadata": {"name": "shop", "namespace": "default"}}
    await cluster.create(stored, canary)
    options = ("--cluster", "--kubeconfig", str(kubeconfig), "--write", str(tmp_path))
    code, output = await tidegate("migrate", *options)
    assert (code, "1 object of 1 file moved" in output) == (0, True), output
    written = yaml.safe_load((tmp_path / "default/canary-shop.yaml").read_text())
    assert written == a_canary() | {"metadata": {"name": "shop", "namespace": "default"}}
    await cluster.merge_patch(
        canary, "default", "shop", {"status": {"phase": "Progressing"}}, subresource="status"
    )
    code, output = await tidegate("migrate", *options)
    assert code == 3
    assert (
        "Canary default/shop: status.phase: 'Progressing': wait until its run has ended before "
        "Flagger is stopped"
    ) in output
