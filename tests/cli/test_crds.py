"""`tidegate crds`."""

import yaml
from click.testing import CliRunner

from canary.api.resources import KINDS
from canary.api.schema import render
from canary.cli.crds import crds


def test_definitions_are_written_into_every_folder_named(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b" / "c"]
    arguments = [part for folder in folders for part in ("--write", str(folder))]
    result = CliRunner().invoke(crds, arguments)
    assert (result.exit_code, result.output) == (0, "")
    for folder in folders:
        assert {path.name: path.read_text() for path in folder.iterdir()} == render()


def test_definitions_are_printed_as_documents_that_kubectl_reads():
    result = CliRunner().invoke(crds, [])
    assert result.exit_code == 0
    kinds = [each["spec"]["names"]["kind"] for each in yaml.safe_load_all(result.output)]
    assert kinds == [kind.name for kind in KINDS]
