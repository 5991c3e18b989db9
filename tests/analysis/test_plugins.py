"""The table of a plug-in family."""

import json
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.errors import AnalysisError, UnknownPlugin
from analysis.plugins import PluginTable

GROUP = "tidegate.experiments"


def table(**builtin: str) -> PluginTable[object]:
    return PluginTable(group=GROUP, builtin=builtin)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """A folder of installed packages: one, whose plug-ins are `ours` and `theirs`."""
    (tmp_path / "third_party_plugin.py").write_text("class Theirs:\n    pass\n")
    metadata = tmp_path / "third_party-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        f"[{GROUP}]\nours = third_party_plugin:Theirs\ntheirs = third_party_plugin:Theirs\n"
    )
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    sys.modules.pop("third_party_plugin", None)


def test_a_name_stands_for_a_class():
    assert table(ordered="collections:OrderedDict").load("ordered") is OrderedDict


def test_nothing_is_imported_before_it_is_asked_for():
    plugins = table(absent="no_such_module:Absent", decoder="json:JSONDecoder")
    assert plugins.names() == ("absent", "decoder")
    assert plugins.load("decoder") is json.JSONDecoder


def test_an_unknown_name_is_an_error_that_lists_the_known_ones_in_order():
    with pytest.raises(UnknownPlugin) as raised:
        table(smi="json:JSONDecoder", istio="json:JSONEncoder").load("itsio")
    assert raised.value.known == ("istio", "smi")
    assert str(raised.value).startswith(
        "there is no plug-in 'itsio'; name one of istio, smi, or install a plug-in"
    )
    assert isinstance(raised.value, AnalysisError)


def test_an_empty_table_says_that_it_is_empty():
    with pytest.raises(UnknownPlugin, match="install a plug-in"):
        table().load("istio")


def test_a_third_party_adds_a_plugin_by_entry_point(installed):
    plugins = table(ours="json:JSONDecoder")
    assert plugins.names() == ("ours", "theirs")
    assert plugins.load("theirs").__name__ == "Theirs"


def test_a_third_party_does_not_take_the_place_of_a_builtin_plugin(installed):
    assert table(ours="json:JSONDecoder").load("ours") is json.JSONDecoder


class Defaults:
    """What plug-ins of the family may leave out."""

    def later(self) -> str:
        return "as it was before there was this method"


def test_a_third_party_may_leave_out_what_has_a_default(installed):
    plugins: PluginTable[object] = PluginTable(
        group=GROUP,
        builtin={"ours": "json:JSONDecoder"},
        defaults="tests.analysis.test_plugins:Defaults",
    )
    assert plugins.load("theirs")().later().startswith("as it was")
    assert plugins.load("theirs") is plugins.load("theirs")
    assert not hasattr(plugins.load("ours"), "later")


def test_an_unknown_name_lists_the_plugins_of_third_parties_too(installed):
    with pytest.raises(UnknownPlugin, match="ours, theirs"):
        table(ours="json:JSONDecoder").load("nobodys")


@pytest.mark.parametrize(
    ("place", "error"),
    [("no_such_module:Class", ModuleNotFoundError), ("json:NoSuchClass", AttributeError)],
    ids=["a module that is not there", "a class that is not there"],
)
def test_a_broken_registration_is_not_taken_for_an_unknown_name(place, error):
    with pytest.raises(error, match=r"no_such_module|NoSuchClass"):
        table(broken=place).load("broken")
