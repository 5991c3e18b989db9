"""What watches tidegate, as files: a dashboard each, and the rules."""

import json
from typing import Any

import yaml

from canary.monitoring.alerts import RUNBOOKS, rules
from canary.monitoring.dashboards import DASHBOARDS

RULES = "rules.yaml"


def render(runbooks: str = RUNBOOKS) -> dict[str, str]:
    """Give the content of each file, by its path in the folder that they are written to."""
    return {
        **{f"dashboards/{each.name}.json": _json(each.render()) for each in DASHBOARDS},
        RULES: yaml.safe_dump(rules(runbooks), sort_keys=False, width=100),
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
