"""The names by which Envoy Gateway's Envoy knows the Services of a route, and where it finds files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed import rooted
from tests.testbed.envoy_gateway import renamed

CANARY = "outbound|80||podinfo-canary.test.svc.cluster.local"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("service/test/podinfo-canary/80/http", CANARY),
        ("service/test/podinfo-canary/80", CANARY),
        (
            "cluster.service/test/podinfo-canary/80/http.upstream_rq_total",
            f"cluster.{CANARY}.upstream_rq_total",
        ),
        ("httproute/test/podinfo/rule/0", "httproute/test/podinfo/rule/0"),
        ("xds_cluster", "xds_cluster"),
    ],
)
def test_clusters_and_counters_go_by_the_names_that_istio_would_give(said: str, named: str) -> None:
    assert renamed(json.dumps([said])) == json.dumps([named])


@pytest.mark.control_plane
def test_a_command_finds_a_folder_of_ours_at_the_root_and_all_else_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "file").write_text("found")
    command = f"cat /ours-at-the-root/file; cat {folder / 'file'}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.testbed.namespace"),
            *(sys.executable, str(rooted.__file__), str(folder), "ours-at-the-root"),
            *("/bin/sh", "-c", command),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "foundfound"
    assert not Path("/ours-at-the-root").exists()
