"""Images: what people call a revision by, beside its hash.

What was applied and what was promoted is remembered in the status, so that a run can be told as
`podinfo:6.1 → podinfo:6.2`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from canary.api.status import IMAGES_BYTES, CanaryStatus, ContainerImage, clip
from canary.core.facts import Image

IMAGES_KEPT = 8
"""A status keeps the images of so many containers of a revision."""
_SHOWN = 3
_DIGEST = re.compile(r"(?P<algorithm>@\w+:)(?P<shown>\w{12})\w+$")


def recorded(images: Iterable[Image]) -> tuple[ContainerImage, ...]:
    """Give images as a status keeps them."""
    return tuple(
        ContainerImage(container=each.container, image=each.image, init=each.init)
        for each in islice(images, IMAGES_KEPT)
    )


def images_told(status: CanaryStatus) -> str:
    """Name the images that a status speaks of: what the run changes, or what was applied."""
    if status.run is not None and status.run.images:
        return status.run.images
    applied = status.applied_images
    told = difference(status.promoted_images, applied) or _shown(applied)
    return clip(told, IMAGES_BYTES)


def named(revision: str, images: Iterable[Image | ContainerImage]) -> str:
    """Name a revision with its images, where they are known."""
    shown = _shown(images)
    return f"{revision} ({shown})" if shown else revision


def with_digest(images: Iterable[ContainerImage]) -> str:
    """Give the first image of a revision that is known by its digest; empty where none is."""
    return next((each.image for each in images if not each.init and "@" in each.image), "")


def difference(before: Sequence[ContainerImage], after: Sequence[ContainerImage]) -> str:
    """Say which images differ; empty where none does, or where one side is not known."""
    if not before or not after:
        return ""
    old, new = _by_container(before), _by_container(after)
    return listed(
        (
            *(
                _pair(old[place], image)
                for place, image in new.items()
                if place in old and old[place] != image
            ),
            *(f"{_short(image)} added" for place, image in new.items() if place not in old),
            *(f"{_short(image)} removed" for place, image in old.items() if place not in new),
        )
    )


def listed(texts: Iterable[str]) -> str:
    """List the first few of several texts, and count the rest."""
    each = list(texts)
    left = len(each) - _SHOWN
    return ", ".join(each[:_SHOWN]) + (f" and {left} more" if left > 0 else "")


def _by_container(images: Iterable[ContainerImage]) -> Mapping[tuple[bool, str], str]:
    return {(each.init, each.container): each.image for each in images}


def _shown(images: Iterable[Image | ContainerImage]) -> str:
    return listed(_short(each.image) for each in images if not each.init)


def _pair(old: str, new: str) -> str:
    """Write two images that differ, as short as they can be told apart."""
    short = next((form for form in (_short, _name, _digest_cut) if form(old) != form(new)), str)
    return f"{short(old)} → {short(new)}"


def _short(image: str) -> str:
    """Write an image by its name and tag, or by its digest where it has no tag."""
    name, _, digest = _name(image).partition("@")
    return name if ":" in name or not digest else f"{name}@{digest}"


def _name(image: str) -> str:
    """Write an image without the registry and the path."""
    return _digest_cut(image).rpartition("/")[2]


def _digest_cut(image: str) -> str:
    """Write an image with the first characters of its digest."""
    return _DIGEST.sub(r"\g<algorithm>\g<shown>", image)
