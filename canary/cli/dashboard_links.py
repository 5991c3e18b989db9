"""`tidegate dashboard`: the options of links that answer gates."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from canary.cli.dashboard_ways import read_secret
from canary.cli.ending import Failed
from canary.core.gate_link import SHORTEST_KEY
from canary.dashboard.chat_people import LinkPeople, UnreadableIdentities

if TYPE_CHECKING:
    from canary.dashboard.process import Chat

links_option = click.option(
    "--links-key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of the key with which tidegate link makes links that answer a gate, once.",
)


def links(
    key_file: Path | None, identities: Path | None, *, many: bool, read_only: bool
) -> "Chat | None":
    """Make what answers links; None where there is no key.

    Raises:
        UsageError: an option is missing, or does not go with another; says which.
        Failed: a file cannot be used.
    """
    if key_file is None:
        return None
    if not many or read_only:
        other = "an --auth for many people" if not many else "commands, and --read-only has none"
        raise click.UsageError(f"--links-key-file needs {other}")
    if identities is None:
        raise click.UsageError("--links-key-file needs --identities")
    try:
        LinkPeople(identities).read()
    except UnreadableIdentities as error:
        raise Failed(f"--identities: {error}") from error
    from canary.dashboard.links import LinkKey, answering_links

    return partial(answering_links, LinkKey(key=read_key(key_file), identities=identities))


def read_key(file: Path) -> bytes:
    """Read the key of links.

    Raises:
        Failed: there is none, or it is too short to be none that can be guessed.
    """
    key = read_secret(file).encode()
    if len(key) < SHORTEST_KEY:
        raise Failed(
            f"{file}: a key of {len(key)} bytes can be guessed; write {SHORTEST_KEY} or more, such as "
            "openssl rand -hex 32 gives"
        )
    return key
