"""The file that results arrive in."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from wam_widgets.evaluation.fingerprint import fingerprint
from wam_widgets.evaluation.store import Record, Row, Store, differences

SETTINGS = {"seed": 0, "methods": {"WAM": {"level": 3}}}


FACTOR = 2


def uses_a_global(value: int) -> int:
    return FACTOR * value


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
