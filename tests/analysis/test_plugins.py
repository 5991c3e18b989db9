"""The table of a plug-in family."""

import json
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.errors import AnalysisError, UnknownPlugin
from analysis.plugins import PluginTable, enable

GROUP = "tidegate.experiments"


def table(**builtin: str) -> PluginTable[object]:
    return PluginTable(group=GROUP, builtin=builtin)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """A folder of installed packages: one, whose plug-ins are `ours`, `theirs` and `asleep`.

    What is enabled stays so in this process; `asleep` never is.
    """
    (tmp_path / "third_party_plugin.py").write_text("class Theirs:\n    pass\n")
    metadata = tmp_path / "third_party-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    rows = "".join(f"{name} = third_party_plugin:Theirs\n" for name in ("ours", "theirs", "asleep"))
    # What is enabled is of a family that tidegate has.
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{rows}[tidegate.judges]\n{rows}")
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


def test_a_third_party_adds_a_plugin_by_entry_point_and_it_is_used_once_it_is_named(installed):
    enable(["theirs"])
    plugins = table(ours="json:JSONDecoder")
    assert plugins.names() == ("ours", "theirs")
    assert plugins.load("theirs").__name__ == "Theirs"


def test_a_third_party_does_not_take_the_place_of_a_builtin_plugin(installed):
    enable(["ours"])
    assert table(ours="json:JSONDecoder").load("ours") is json.JSONDecoder


def test_a_plugin_that_is_installed_and_not_named_is_an_error_that_says_how_to_enable_it(installed):
    plugins = table(ours="json:JSONDecoder")
    with pytest.raises(UnknownPlugin) as raised:
        plugins.load("asleep")
    assert str(raised.value) == (
        "there is no plug-in 'asleep'; it is installed and not enabled: add asleep to --plugins"
    )
    assert "asleep" not in plugins.names()


def test_an_unknown_name_lists_what_is_installed_and_not_enabled(installed):
    with pytest.raises(UnknownPlugin) as raised:
        table(ours="json:JSONDecoder").check("nobodys")
    assert "asleep" in raised.value.dormant
    assert str(raised.value).endswith(
        f"; installed and not enabled by --plugins: {', '.join(raised.value.dormant)}"
    )


def test_a_plugin_that_no_installed_package_brings_cannot_be_enabled(installed):
    enable([])
    with pytest.raises(UnknownPlugin) as raised:
        enable(["theirs", "nobodys"])
    assert str(raised.value) == (
        "there is no installed plug-in 'nobodys'; name one of asleep, ours, theirs, or install the "
        "package that brings it"
    )


def test_an_error_survives_a_process_boundary(installed):
    with pytest.raises(UnknownPlugin) as raised:
        table().load("asleep")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.dormant) == (str(raised.value), raised.value.dormant)


class Defaults:
    """What plug-ins of the family may leave out."""

    def later(self) -> str:
        return "as it was before there was this method"


def test_a_third_party_may_leave_out_what_has_a_default(installed):
    enable(["theirs"])
    plugins: PluginTable[object] = PluginTable(
        group=GROUP,
        builtin={"ours": "json:JSONDecoder"},
        defaults="tests.analysis.test_plugins:Defaults",
    )
    assert plugins.load("theirs")().later().startswith("as it was")
    assert plugins.load("theirs") is plugins.load("theirs")
    assert not hasattr(plugins.load("ours"), "later")


def test_an_unknown_name_lists_the_plugins_of_third_parties_that_are_enabled_too(installed):
    enable(["theirs"])
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
