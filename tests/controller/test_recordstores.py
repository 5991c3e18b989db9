"""Stores of run records: nothing that is there is overwritten, by whatever process it was written."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import fsspec
import pytest

from canary.controller.recordstores import (
    PART_BYTES,
    FileRecords,
    LogRecords,
    ObjectRecords,
    record_store,
)
from canary.errors import CanaryError

RUN = "shop/cart/41-new/"


@pytest.fixture
def objects() -> Iterator[fsspec.AbstractFileSystem]:
    filesystem = fsspec.filesystem("memory")
    filesystem.store.clear()
    yield filesystem
    filesystem.store.clear()


def read(objects: fsspec.AbstractFileSystem) -> list[str]:
    """Read a record as people do: all of its objects, in the order of their names."""
    found = sorted(objects.find(f"/records/{RUN}"))
    return [line for path in found for line in objects.cat_file(path).decode().splitlines()]


def test_lines_are_appended_to_a_file_by_one_process_after_the_other(tmp_path):
    for process in "ab":
        store = record_store(tmp_path.joinpath("deep", "down").as_uri(), process=process)
        assert isinstance(store, FileRecords)
        store.append(RUN, [f"{process}1".encode(), f"{process}2".encode()])
        store.append(RUN, [f"{process}3".encode()])
    written = tmp_path.joinpath("deep", "down", RUN, "record.jsonl").read_text()
    assert written.splitlines() == ["a1", "a2", "a3", "b1", "b2", "b3"]


def test_a_line_that_a_crash_has_cut_short_spoils_no_other(tmp_path):
    store = FileRecords(tmp_path)
    store.append(RUN, [b"whole"])
    with (tmp_path / RUN / "record.jsonl").open("ab") as file:
        file.write(b"cut sho")
    store.append(RUN, [b"next"])
    assert (tmp_path / RUN / "record.jsonl").read_text().splitlines() == [
        "whole",
        "cut sho",
        "next",
    ]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "shop").write_text("in the way")
    with pytest.raises(OSError):
        FileRecords(tmp_path).append(RUN, [b"line"])


def test_an_object_store_gets_objects_of_each_process(objects):
    for process in ("pod-1", "pod/2"):
        store = record_store("memory://records", process=process)
        assert isinstance(store, ObjectRecords)
        store.append(RUN, [f"{process}: 1".encode()])
        store.append(RUN, [f"{process}: 2".encode(), f"{process}: 3".encode()])
    assert len(objects.find(f"/records/{RUN}")) == 2
    assert sorted(read(objects)) == [
        f"{process}: {n}" for process in ("pod-1", "pod/2") for n in (1, 2, 3)
    ]


def test_an_object_that_is_large_enough_is_left_alone(objects):
    moments = iter(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=each) for each in range(9))
    store = ObjectRecords(objects, "/records", process="pod", clock=lambda: next(moments))
    line = b"x" * (PART_BYTES // 2)
    for _ in range(4):
        store.append(RUN, [line])
    assert [objects.size(each) for each in sorted(objects.find("/records"))] == [
        2 * len(line) + 2
    ] * 2
    assert len(read(objects)) == 4


def test_of_many_runs_only_the_newest_objects_are_kept_to_be_written_again(objects):
    store = ObjectRecords(objects, "/records", process="pod", open_parts=1)
    for folder in (RUN, "shop/cart/42-new/", RUN):
        store.append(folder, [b"line"])
    assert len(objects.find(f"/records/{RUN}")) == 2


def test_a_store_that_fails_is_asked_again_with_the_same_lines(objects):
    class Full(fsspec.get_filesystem_class("memory")):
        protocol, cachable, full = "full", False, True

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            if self.full:
                raise OSError("no space left")
            super().pipe_file(path, value, mode, **kwargs)

    full = Full()
    store = ObjectRecords(full, "/records", process="pod")
    with pytest.raises(OSError, match="no space left"):
        store.append(RUN, [b"one"])
    full.full = False
    store.append(RUN, [b"one"])
    store.append(RUN, [b"two"])
    assert read(objects) == ["one", "two"]


def test_a_store_with_real_folders_gets_them(tmp_path):
    local = fsspec.filesystem("file")
    store = ObjectRecords(local, str(tmp_path), process="pod")
    store.append(RUN, [b"one"])
    (written,) = (tmp_path / RUN).iterdir()
    assert written.read_text() == "one\n"


def test_lines_may_go_to_the_log(caplog):
    caplog.set_level("INFO", "canary")
    store = record_store("log", process="pod")
    assert isinstance(store, LogRecords)
    store.append(RUN, [b'{"kind":"begun"}', b'{"kind":"ended"}'])
    assert [each.getMessage() for each in caplog.records] == [
        '{"kind":"begun"}',
        '{"kind":"ended"}',
    ]
    assert {(vars(each)["canary"], vars(each)["run"]) for each in caplog.records} == {
        ("shop/cart", "41-new")
    }


def test_without_a_setting_there_is_no_store():
    assert record_store("", process="pod") is None


def test_a_store_that_nobody_knows_is_refused():
    with pytest.raises(CanaryError, match="--records: 'nowhere://x' is no store that fsspec knows"):
        record_store("nowhere://x", process="pod")


def test_a_store_whose_package_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(CanaryError, match=r"pip install 'tidegate\[records\]'"):
        record_store("s3://bucket", process="pod")


def test_a_store_whose_own_package_is_missing_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(CanaryError, match=r"'s3://bucket' cannot be written: .*s3fs"):
        record_store("s3://bucket", process="pod")
