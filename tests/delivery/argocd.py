"""What `deploy/argocd/` gives Argo CD of Canaries, and its scripts run in Lua as Argo CD does."""

from typing import Any

import yaml
from lupa.lua51 import LuaRuntime

from canary.api.annotations import VERBS
from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from tests.testbed.tools import ROOT

FOLDER = ROOT / "deploy" / "argocd"
FILE = FOLDER / "argocd-cm.yaml"
HEAD = """\
# What Argo CD must know of Canaries, to be merged into its ConfigMap argocd-cm. Made from the Lua files
# beside it: `make generated`
"""


def lua(name: str) -> str:
    return (FOLDER / f"{name}.lua").read_text()


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)


def written(value: Any) -> str:
    return yaml.dump(value, Dumper=_Readable, sort_keys=False)


def config_map() -> str:
    """Write the settings as Argo CD reads them."""
    resource = f"{GROUP}_Canary"
    actions = {
        "discovery.lua": lua("discovery"),
        "definitions": [
            {"name": verb, "action.lua": lua("action").replace("VERB", verb)}
            for verb in sorted(VERBS)
        ],
    }
    return HEAD + written(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "argocd-cm", "namespace": "argocd"},
            "data": {
                f"resource.customizations.health.{resource}": lua("health"),
                f"resource.customizations.actions.{resource}": written(actions),
            },
        }
    )


DATA = yaml.safe_load(config_map())["data"]
HEALTH = DATA[f"resource.customizations.health.{GROUP}_Canary"]
ACTIONS = yaml.safe_load(DATA[f"resource.customizations.actions.{GROUP}_Canary"])


def run(script: str, obj: Manifest) -> Any:
    """Run a script on an object, and give what it returns as Python has it."""
    runtime = LuaRuntime(unpack_returned_tuples=True)

    def table(value: Any) -> Any:
        if isinstance(value, dict):
            return runtime.table_from({key: table(each) for key, each in value.items()})
        if isinstance(value, list):
            return runtime.table_from([table(each) for each in value])
        return value

    runtime.globals().obj = table(obj)
    return plain(runtime.execute(script))


def plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {key: plain(each) for key, each in value.items()}
    return value
