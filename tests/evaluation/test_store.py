"""The file that results arrive in."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wam_widgets.evaluation.fingerprint import fingerprint
from wam_widgets.evaluation.store import PATIENCE, Record, Row, Store, differences

SETTINGS = {"seed": 0, "methods": {"WAM": {"level": 3}}}


FACTOR = 2


def uses_a_global(value: int) -> int:
    return FACTOR * value


WEIGHTS = [1.0, 2.0]
NAMES = {"a": {"cat", "dog", "owl"}, "b": (1, None)}


def helper(value: float) -> float:
    return value + WEIGHTS[0]


def uses_others(value: float) -> list[float]:
    return [helper(value) for _ in NAMES]


class Scaled:
    """A method as an object."""

    __slots__ = ("by", "itself")

    def __init__(self, by: object) -> None:
        self.by = by
        self.itself = self

    def __call__(self, value: Any) -> Any:
        return value * self.by


class Recounting(Scaled):
    """Leaves a counter out."""

    calls = 0

    def __getstate__(self) -> Any:
        return self.by


def of_all_kinds() -> list[Any]:
    """Return things that are described, with the same values in every process."""
    layers = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())
    torch.nn.init.ones_(layers[0].weight)  # type: ignore[arg-type]
    torch.nn.init.ones_(layers[0].bias)  # type: ignore[arg-type]
    others = [frozenset("abcdef"), np.array(["a"]), {helper: object()}, threading.Lock(), functools.lru_cache(helper)]
    return [uses_others, Scaled(layers), Scaled(helper), layers, functools.partial(uses_others, 2), *others]


def row(method: str = "WAM", protocol: str = "wam", domain: str = "haar", steps: int = 4) -> Row:
    curves = np.arange(5 * (steps + 1), dtype=np.float64).reshape(5, -1) / 7
    return Row(protocol, method, domain, None, 0.1, 0.2, curves)


def record(item: int = 0, *rows: Row, error: str | None = None) -> Record:
    return Record(item, item, ["dog", 1], 2, "abc", rows, error, ("careful",), 0.5)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    given = record(3, row(), row("pixels", domain="samples"))
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        store.add(given)
    with Store(tmp_path / "a.sqlite") as store:
        (found,) = store.records()
        assert store.configuration == SETTINGS
        assert (store.digest(3), store.digest(2), store.done()) == ("abc", None, 1)
        assert (found.item, found.group, found.target, found.warnings) == (3, ["dog", 1], 2, ("careful",))
        assert [(each.method, each.domain, each.control) for each in found.rows] == [
            ("WAM", "haar", None),
            ("pixels", "samples", None),
        ]
        np.testing.assert_array_equal(found.rows[1].curves, given.rows[1].curves)


def test_an_item_that_is_done_again_replaces_what_was_known(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        store.add(record(0, error="broken"))
        assert store.failed() == {0: "broken"}
        store.add(record(0, row()))
        store.add(record(0, row()))
        assert (store.failed(), store.done(), len(next(store.records()).rows)) == ({}, 1, 1)


def test_an_item_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        with pytest.raises(sqlite3.IntegrityError):
            store.add(record(0, row(), row()))  # one key twice
        assert store.done() == 0
        assert list(store.records()) == []


def test_another_configuration_is_refused_with_what_differs(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        store.add(record(0, row()))
    with pytest.raises(ValueError, match=r"`methods\.WAM\.level` was 3 and is now 5; `client` is new \(true\)"):
        Store(tmp_path / "a.sqlite", {"seed": 0, "methods": {"WAM": {"level": 5}}, "client": True})
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        assert store.done() == 1


def test_a_store_of_failures_only_takes_a_new_configuration(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        store.add(record(0, error="broken"))
    with Store(tmp_path / "a.sqlite", {"seed": 1}) as store:
        assert (store.done(), store.configuration) == (0, {"seed": 1})


def test_differences_are_named_by_their_path() -> None:
    assert differences({"a": {"b": [1, 2]}, "c": 0}, {"a": {"b": [1, 3]}, "d": 0}) == [
        "`a.b` was [1, 2] and is now [1, 3]",
        "`c` (0) is missing now",
        "`d` is new (0)",
    ]


def test_a_table_holds_items_in_their_order(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        for item in (5, 2):
            store.add(record(item, row(), row("pixels"), row(protocol="rise", steps=2)))
        store.add(record(3, error="broken"))
        table = store.table("wam")
        assert (table.items, table.groups, table.methods) == ((2, 5), (("dog", 1), ("dog", 1)), ("WAM", "pixels"))
        assert (table.areas.shape, table.curves.shape, table.units.shape) == ((2, 2, 2), (4, 2, 2, 5), (2, 5))
        np.testing.assert_array_equal(table.curves[:, 0, 1], row().curves[1:])
        assert store.table("rise", curves=False).curves.shape == (4, 1, 2, 0)
        with pytest.raises(ValueError, match=r"no rows of the protocol 'xplique': 3 item\(s\) are done, 1 failed"):
            store.table("xplique")


def test_items_of_other_methods_make_no_table(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        store.add(record(0, row(), row("pixels")))
        store.add(record(1, row()))
        with pytest.raises(ValueError, match="same methods in the same terms"):
            store.table("wam")
        store.add(record(1, row(domain="db4"), row("pixels")))
        with pytest.raises(ValueError, match="same methods in the same terms"):
            store.table("wam")


def test_others_may_read_while_a_run_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store, Store(tmp_path / "a.sqlite") as reader:
        store.add(record(0, row()))
        assert reader.done() == 1


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no store " * 100)
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE mine (a)")
    other.close()
    for name in ("text", "other.sqlite"):
        with pytest.raises(ValueError, match="is something else"):
            Store(tmp_path / name, SETTINGS)
    with pytest.raises(FileNotFoundError, match=r"folder of `store` must exist.*mkdir"):
        Store(tmp_path / "none/a.sqlite", SETTINGS)
    with pytest.raises(FileNotFoundError, match="There is no store"):
        Store(tmp_path / "none.sqlite")
    with pytest.raises(IsADirectoryError, match="folder"):
        Store(tmp_path, SETTINGS)


@pytest.mark.usefixtures("as_a_user")
def test_what_names_no_file_is_refused() -> None:
    for given in (None, 3, b"x"):
        with pytest.raises(TypeError, match=rf"`store` must be a path.*; got {given!r}\. Pass e.g. `store="):
            Store(given, SETTINGS)  # type: ignore[arg-type]
    for name in (":memory:", "file:a.db", "file:a?mode=memory"):
        with pytest.raises(ValueError, match="`store` must name a file, which is opened again"):
            Store(name, SETTINGS)


def test_a_file_that_cannot_be_opened_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").symlink_to(tmp_path / "nowhere/a.sqlite")
    with pytest.raises(OSError, match=r"can be opened and written; SQLite says of .*a\.sqlite': unable to open"):
        Store(tmp_path / "a.sqlite", SETTINGS)


def test_functions_are_told_apart_by_what_they_do() -> None:
    def multiply(by: int) -> object:
        return lambda value: value * by

    assert fingerprint(multiply(2)) == fingerprint(multiply(2))
    assert fingerprint(multiply(2)) != fingerprint(multiply(3))
    with pytest.MonkeyPatch.context() as patch:
        before = fingerprint(uses_a_global)
        patch.setattr(f"{__name__}.FACTOR", 3)
        assert fingerprint(uses_a_global) != before
    assert fingerprint(uses_a_global) == before
    assert fingerprint(lambda value: value + 1) != fingerprint(lambda value: value + 2)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (torch.nn.Sequential(torch.nn.Tanh()), torch.nn.Sequential(torch.nn.ReLU())),
        (torch.nn.AvgPool2d(2), torch.nn.AvgPool2d(2, stride=1)),
        (Scaled(1), Scaled(-1)),
        (Scaled(torch.nn.Tanh()), Scaled(torch.nn.ReLU())),
        (Scaled(1).__call__, Scaled(2).__call__),
        (Scaled(1), Recounting(1)),
        ([{1}], [{2}]),
        (np.array(["a"]), np.array(["b"])),
        (functools.lru_cache(helper), functools.lru_cache(uses_others)),
    ],
    ids=["layers", "options", "attributes", "models within", "methods", "classes", "sets", "words", "caches"],
)
def test_things_that_do_otherwise_look_otherwise(first: Any, second: Any) -> None:
    assert fingerprint(first) != fingerprint(second)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEIGHTS", [1.5, 2.0]),
        ("NAMES", {"a": {"cat"}}),
        ("helper", lambda value: value),
        ("FACTOR", 5),  # which isn't used
    ],
)
def test_what_a_function_uses_by_way_of_others_counts(name: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(uses_others), fingerprint(Scaled(uses_others))
    monkeypatch.setattr(f"{__name__}.{name}", value)
    after = fingerprint(uses_others), fingerprint(Scaled(uses_others))
    assert (before[0] != after[0]) == (before[1] != after[1]) == (name != "FACTOR")


def test_an_object_says_itself_what_counts() -> None:
    used = Recounting(2)
    used.calls = 7
    assert fingerprint(used) == fingerprint(Recounting(2)) != fingerprint(Recounting(3))


def test_another_process_finds_the_same() -> None:
    """Whatever its addresses and the order of its sets."""
    code = f"import json; from {__name__} import *; print(json.dumps(fingerprint(of_all_kinds())))"
    for hashing in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashing}
        told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert json.loads(told.stdout) == json.loads(json.dumps(fingerprint(of_all_kinds())))


def test_of_two_runs_that_begin_in_one_file_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path / "a.sqlite", {"seed": 0}) as first, Store(tmp_path / "a.sqlite", {"seed": 1}) as second:
        with pytest.raises(ValueError, match=r"one run; a run with other settings has begun in .*file of its own"):
            first.add(record(0, row()))
        second.add(record(1, row()))
        assert [each.item for each in second.records()] == [1]
    make = Store._make

    def later(store: Store, configuration: Any) -> None:
        """Another process makes the file in between."""
        monkeypatch.setattr(Store, "_make", make)
        with Store(tmp_path / "b.sqlite", {"seed": 0}) as quicker:
            quicker.add(record(0, row()))
        make(store, configuration)

    monkeypatch.setattr(Store, "_make", later)
    with pytest.raises(ValueError, match="`seed` was 0 and is now 1"):
        Store(tmp_path / "b.sqlite", {"seed": 1})


def test_a_file_that_another_program_locks_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PATIENCE >= 10
    monkeypatch.setattr("wam_widgets.evaluation.store.PATIENCE", 0.1)
    with Store(tmp_path / "a.sqlite", SETTINGS) as store, closing(sqlite3.connect(tmp_path / "a.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        locked = r"locked by another program.*a\.sqlite' still is after 0\.1 s.*Close what"
        with pytest.raises(OSError, match=locked):
            store.add(record(0, row()))
        with pytest.raises(OSError, match=locked):
            store.forget_failures()
        assert store.done() == 0
        other.rollback()
        store.add(record(0, row()))


def test_a_damaged_file_is_told_as_such_by_all_that_reads_and_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        for item in range(30):
            store.add(record(item, row()))
    bits = (tmp_path / "a.sqlite").read_bytes()
    with Store(tmp_path / "a.sqlite") as store:
        (tmp_path / "a.sqlite").write_bytes(bits[:4096] + b"\xff" * (len(bits) - 4096))
        reads = (
            store.done,
            store.failed,
            store.warned,
            store.seconds,
            lambda: store.digest(1),
            lambda: store.table("wam"),
        )
        for act in (*reads, lambda: list(store.records()), lambda: store.add(record(0, row()))):
            with pytest.raises(
                OSError, match=r"a\.sqlite' is damaged\. Restore a copy, or try `sqlite3 a\.sqlite \.recover`"
            ):
                act()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can see."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        stored = Path(name) / "stored"
        stored.mkdir()
        yield stored
        stored.chmod(0o755)


@contextmanager
def as_a_reader(folder: Path) -> Iterator[None]:
    """Become somebody who may read what is in a folder, but not write there: the superuser may always."""
    for each in folder.iterdir():
        each.chmod(0o444)
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_one_who_may_only_read_can_open_what_is_finished(folder: Path) -> None:
    path = folder / "a b?.sqlite"
    with Store(path, SETTINGS) as store:
        store.add(record(0, row()))
    with as_a_reader(folder):
        with Store(path) as store:
            assert (store.done(), store.configuration, store.table("wam").items) == (1, SETTINGS, (0,))
        with pytest.raises(OSError, match="can be opened and written"):
            Store(path, SETTINGS)


def test_one_who_may_only_read_is_told_where_the_newest_items_of_a_stopped_run_are(
    tmp_path: Path, folder: Path
) -> None:
    with Store(tmp_path / "a.sqlite", SETTINGS) as store:
        store.add(record(0, row()))
        for name in ("a.sqlite", "a.sqlite-wal"):  # as they are when it is killed
            shutil.copy(tmp_path / name, folder)
    with (
        as_a_reader(folder),
        pytest.raises(OSError, match=r"newest items .* are in 'a\.sqlite-wal'.*Copy both to a fol"),
    ):
        Store(folder / "a.sqlite")
