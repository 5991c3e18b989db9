"""The page of removal: what is removed in which order, so that no app is left without pods."""

from canary.api.schema import crds
from canary.controller.canaries import FINALIZER
from tests.docs.pages import DOCS, commands

PAGE = DOCS / "uninstall.md"
CRDS = [each["metadata"]["name"] for each in crds().values()]


def removals() -> list[tuple[str, ...]]:
    """Give the commands of the page that remove something, in their order."""
    found = [
        each.words
        for program in ("kubectl", "helm", "tidegate")
        for each in commands(program)
        if each.page == PAGE and {"delete", "uninstall", "--release"} & set(each.words)
    ]
    text = PAGE.read_text(encoding="utf-8")
    return sorted(found, key=lambda words: text.index(" ".join(words)))


def test_canaries_go_first_the_controller_then_and_the_crds_last() -> None:
    canaries, others, controller, namespace, definitions, orphans = removals()

    assert canaries[:3] == ("kubectl", "delete", "canaries.tidegate.dev")
    assert others[:2] == ("kubectl", "delete")
    assert controller[:3] == ("helm", "uninstall", "tidegate")
    assert namespace[:3] == ("kubectl", "delete", "namespace")
    assert definitions == ("kubectl", "delete", "crds", *CRDS)
    assert orphans == ("tidegate", "orphans", "--release")


def test_every_kind_is_looked_for_before_its_crd_is_removed() -> None:
    looked = [each.words for each in commands("kubectl") if ",".join(CRDS) in each.words]

    assert [words[1] for words in looked] == ["get"]


def test_the_finalizer_is_called_by_its_name() -> None:
    assert f"`{FINALIZER}`" in PAGE.read_text(encoding="utf-8")
