"""What is made once for all processes: by one of them, whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.testbed.tools import made_once


def test_who_asks_while_it_is_made_waits_and_is_told_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    begun, go_on = Event(), Event()
    makers: list[str] = []

    def make(name: str) -> Path:
        def make(target: Path) -> None:
            makers.append(name)
            begun.set()
            go_on.wait()
            target.write_text(name)

        return made_once(str(tmp_path / "thing"), make)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(make, "first")
        begun.wait()
        second = pool.submit(make, "second")
        said = ""
        while "thing: another process makes it" not in said:
            said += capfd.readouterr().out
        go_on.set()
        assert first.result() == second.result() == tmp_path / "thing"
    assert makers == ["first"]
    assert (tmp_path / "thing").read_text() == "first"


def test_what_could_not_be_made_leaves_nothing_and_is_made_by_the_next_who_asks(tmp_path: Path):
    def fail(target: Path) -> None:
        target.write_text("half")
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        made_once(str(tmp_path / "thing"), fail)
    assert not (tmp_path / "thing").exists()
    kept = made_once(str(tmp_path / "thing"), lambda target: target.mkdir())
    assert kept.is_dir()
