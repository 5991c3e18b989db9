"""The images that a release would bring, beside those that the target has."""

from collections.abc import Iterable, Iterator, Mapping

import click

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text


def images(workload: Manifest) -> dict[str, str]:
    """Give the images of a workload's containers, by their names."""
    pod = part(part(part(workload, "spec"), "template"), "spec")
    return {text(each, "name"): text(each, "image") for each in items(part(pod, "containers"))}


def pictured(target: Manifest | None, asked: Iterable[str]) -> Iterator[str]:
    """Say what a release with other images would change.

    Raises:
        UsageError: the target has no such container, or several and none is named.
    """
    known = images(target) if target is not None else {}
    changed = dict(_asked(known, each) for each in asked)
    for name, image in changed.items():
        if image != known[name]:
            yield f"image {name}: {known[name]} → {image}"
    if changed and all(known[name] == image for name, image in changed.items()):
        yield "no run would begin: the target has this image already"


def _asked(known: Mapping[str, str], written: str) -> tuple[str, str]:
    name, equals, image = written.partition("=")
    if not equals and len(known) == 1:
        return next(iter(known)), name
    if not equals or name not in known:
        names = ", ".join(known) or "none"
        raise click.UsageError(f"--image {written}: name one of the target's containers: {names}")
    return name, image
