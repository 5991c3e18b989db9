"""Answers that are found when they are looked for."""

from collections.abc import Callable, Iterator, Mapping

from canary.core.needs import Need


class LazyAnswers(Mapping[Need[object], object]):
    """The answers to all needs, each found when it is looked for."""

    def __init__(self, answer: Callable[[Need[object]], object]) -> None:
        self._answer = answer
        self._found: dict[Need[object], object] = {}

    def __getitem__(self, need: Need[object]) -> object:
        if need not in self._found:
            self._found[need] = self._answer(need)
        return self._found[need]

    def __iter__(self) -> Iterator[Need[object]]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
