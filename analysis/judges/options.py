"""Options of judges: what users may choose, and how that is read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import nan

from analysis.errors import QueryError
from analysis.model import Bounds, Metric
from analysis.secrecy import shown_text


@dataclass(frozen=True, slots=True)
class NumberOption:
    """A number that users may choose."""

    default: float
    fits: Callable[[float], bool]
    expected: str

    def read(self, text: str) -> float | None:
        """Read what was written; None where it does not fit."""
        number = _number(text)
        return number if self.fits(number) else None


@dataclass(frozen=True, slots=True)
class WordOption:
    """A word that users may choose among some, of which the first is the default."""

    words: tuple[str, ...]

    @property
    def default(self) -> str:
        """The word that holds where none is written."""
        return self.words[0]

    @property
    def expected(self) -> str:
        """What may be written."""
        return f"one of {', '.join(self.words)}"

    def read(self, text: str) -> str | None:
        """Read what was written; None where it does not fit."""
        return text if text in self.words else None


def read_numbers(metric: Metric, known: Mapping[str, NumberOption]) -> dict[str, float]:
    """Read the options of a metric whose judge reads numbers alone.

    Raises:
        QueryError: one is not read, or does not fit; says what to write.
    """
    return read_choices(metric, known, {})[0]


def read_choices(
    metric: Metric, numbers: Mapping[str, NumberOption], words: Mapping[str, WordOption]
) -> tuple[dict[str, float], dict[str, str]]:
    """Read the options of a metric: the numbers and the words, by name.

    Raises:
        QueryError: one is not read, or does not fit; says what to write.
    """
    known: Mapping[str, NumberOption | WordOption] = {**numbers, **words}
    refuse_unknown(metric, known)
    chosen_numbers = {name: option.default for name, option in numbers.items()}
    chosen_words = {name: option.default for name, option in words.items()}
    for name, text in metric.options:
        option = known[name]
        match option.read(text):
            case None:
                raise QueryError(
                    f"judgeOptions.{name}: {shown_text(text)!r} does not fit; write "
                    f"{option.expected}"
                )
            case str(word):
                chosen_words[name] = word
            case number:
                chosen_numbers[name] = number
    return chosen_numbers, chosen_words


def refuse_unknown(metric: Metric, known: Iterable[str]) -> None:
    """Refuse an option that a metric's judge does not read.

    Raises:
        QueryError: there is one; says which ones are read.
    """
    read = sorted(known)
    for name, _ in metric.options:
        if name not in read:
            raise QueryError(
                f"judgeOptions.{shown_text(name)}: judge {metric.judge} reads no such option; it "
                f"reads {', '.join(read)}"
            )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan


def refuse_range(metric: Metric, why: str) -> None:
    """Refuse a range for a metric whose judge does not use one; `why` says what it does instead.

    Raises:
        QueryError: it has one; says what to write.
    """
    if metric.threshold_range != Bounds():
        raise QueryError(
            f"thresholdRange: judge {metric.judge} {why} and cannot use "
            f"{metric.threshold_range.text}; remove it, or add a metric with judge: threshold"
        )
