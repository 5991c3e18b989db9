"""What metrics are asked of that name no store, as commands are told."""

import click
import pytest
from click.testing import CliRunner

from canary.cli.stores import with_stores
from canary.controller.queries import Stores


@click.command
@with_stores
def asking(*, stores: Stores) -> None:
    """Say what was told."""
    conditions = ",".join(f"{each.label}{each.operator}{each.text}" for each in stores.matchers)
    click.echo(f"{stores.address} {conditions} {stores.cluster}")


@pytest.mark.parametrize(
    ("flags", "environ", "said"),
    [
        ((), {}, "http://prometheus:9090  \n"),
        (
            ("--metrics-server", "http://p", "--metrics-matchers", 'a="b"', "--cluster-name", "eu"),
            {},
            "http://p a=b eu\n",
        ),
        (
            (),
            {"TIDEGATE_METRICS_MATCHERS": 'a!="b"', "TIDEGATE_CLUSTER_NAME": "us"},
            "http://prometheus:9090 a!=b us\n",
        ),
    ],
)
def test_they_are_the_controllers_flags_and_variables(flags, environ, said):
    assert CliRunner().invoke(asking, flags, env=environ).output == said


def test_conditions_that_cannot_be_added_are_refused_with_what_to_write():
    result = CliRunner().invoke(asking, ["--metrics-matchers", "eu-1"])
    assert result.exit_code == 2
    assert "--metrics-matchers" in result.output
    assert 'write conditions on labels, such as cluster="eu-1"' in " ".join(
        result.output.replace("│", "").split()
    )
