"""Results on disk as they arrive: one SQLite file per run, which survives a crash and is continued by the next run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from wam_widgets.checks import require_place

#: What the header of the file says: "WAM" and the version of the tables.
APPLICATION = 0x57414D01

#: Seconds to wait for another program that writes to the file.
PATIENCE = 60.0

#: Rows of the blob `curves`.
CURVES = ("units", "insertion energy", "deletion energy", "insertion score", "deletion score")

_TABLES = """
CREATE TABLE run (configuration TEXT NOT NULL);
CREATE TABLE items (
    item INTEGER PRIMARY KEY,  -- its place in the data set
    seed INTEGER NOT NULL,
    cluster TEXT NOT NULL,     -- the group that it belongs to, as JSON
    target TEXT NOT NULL,      -- what was explained, as JSON
    digest TEXT NOT NULL,      -- of the signal and its label
    error TEXT,                -- why there are no rows
    warnings TEXT NOT NULL,    -- as JSON
    seconds REAL NOT NULL
);
CREATE TABLE rows (
    item INTEGER NOT NULL REFERENCES items,
    protocol TEXT NOT NULL,
    method TEXT NOT NULL,
    place INTEGER NOT NULL,    -- of the method among those of the protocol
    domain TEXT NOT NULL,
    control TEXT,
    insertion REAL NOT NULL,   -- area under the curve
    deletion REAL NOT NULL,
    curves BLOB NOT NULL,      -- float64, little-endian, (5, step + 1): units, two of energy, two of the score
    PRIMARY KEY (item, protocol, method)
);
"""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What was measured of one item, by one method, under one protocol."""

    protocol: str
    method: str
    domain: str
    """The terms in which units were inserted and deleted."""
    control: str | None
    """Which control it is; None for a method."""
    insertion: float
    """Area under the curve."""
    deletion: float
    """Area under the curve."""
    curves: Float[np.ndarray, "5 step"]
    """In the order of `CURVES`."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """All that is known of one item."""

    item: int
    """Its place in the data set."""
    seed: int
    """Of everything drawn for it."""
    group: Any
    """The group that it belongs to, as JSON can hold it."""
    target: Any
    """What was explained, as JSON can hold it."""
    digest: str
    """Of its signal and its label; "" if it couldn't be read."""
    rows: tuple[Row, ...] = ()
    error: str | None = None
    """Why there are no rows."""
    warnings: tuple[str, ...] = ()
    """What the methods warned of."""
    seconds: float = 0.0


class Table(NamedTuple):
    """The rows of one protocol, item by item."""

    items: tuple[int, ...]
    groups: tuple[Any, ...]
    methods: tuple[str, ...]
    domains: tuple[str, ...]
    controls: tuple[str | None, ...]
    areas: Float[np.ndarray, "2 method item"]
    """Insertion and deletion."""
    units: Float[np.ndarray, "method step"]
    """Of the first item: fractions of the units."""
    curves: Float[np.ndarray, "4 method item step"]
    """The further rows of `CURVES`; of no step where only areas were asked for."""


class Store:
    """A run's results in an SQLite file. One transaction per item: what is there is whole, whenever a run is killed.

    Parameters
    ----------
    path : str or Path
        The file; its folder must exist.
    configuration : dict, optional
        What the results depend on, as JSON can hold it. A file that is new is made with it; one that has results must
        have the same. None opens a file that is there.

    Raises
    ------
    FileNotFoundError
        If there is no such folder; or no such file, without a configuration.
    OSError
        If the file can't be opened, read or written, then or later.
    TypeError
        If that is no path.
    ValueError
        If the file is something else, or of a run with another configuration: the message says what differs.
    """

    def __init__(self, path: str | Path, configuration: Mapping[str, Any] | None = None) -> None:
        self.path = _require_place(path, new=configuration is not None)
        with self._told():
            self._connection = sqlite3.connect(self.path, timeout=PATIENCE)
            try:
                if configuration is None:
                    self._find()
                else:
                    self._prepare(json.loads(json.dumps(configuration)))
                self._own = self._written()
            except BaseException:
                self.close()
                raise

    def _find(self) -> None:
        """Open what is there, to read it."""
        try:
            empty = self._is_empty()
        except OSError as error:
            if _code(error.__cause__) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            newest = self.path.with_name(f"{self.path.name}-wal")
            if newest.is_file() and newest.stat().st_size:
                raise OSError(
                    f"The newest items of {str(self.path)!r}, whose run goes on or was stopped, are in "
                    f"{newest.name!r}, which can be read only where one may write. Copy both to a folder of yours."
                ) from error
            self.close()  # a file in a folder in which one may only read
            self._connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
            empty = self._is_empty()
        if empty:
            raise ValueError(f"{str(self.path)!r} has no results. Call `benchmark` with it first.")

    def _prepare(self, wanted: Any) -> None:
        """Open what is there, or make it, to write to it."""
        empty = self._is_empty()
        self._connection.execute("PRAGMA journal_mode = WAL")  # a reader may look while a run writes
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if empty:
            self._make(wanted)
        with self._writing():
            if not (differing := differences(self.configuration, wanted)):
                return
            if self._value("SELECT count(*) FROM rows"):
                raise ValueError(
                    f"`store` must be new or of the same run; {str(self.path)!r} was made by a run with other "
                    f"settings: {'; '.join(differing[:5])}{' …' if len(differing) > 5 else ''}. Call `benchmark` with "
                    f"the settings of the store, or name another file."
                )
            self._connection.execute("DELETE FROM items")  # nothing but failures: nothing is lost
            self._connection.execute("UPDATE run SET configuration = ?", [json.dumps(wanted)])

    def _is_empty(self) -> bool:
        empty: bool = self._value("SELECT count(*) FROM sqlite_master") == 0
        if not empty and self._value("PRAGMA application_id") != APPLICATION:
            raise _something_else(self.path)
        return empty

    def _make(self, configuration: Any) -> None:
        with self._writing():
            if self._value("SELECT count(*) FROM sqlite_master"):
                return  # made meanwhile by another process
            for statement in _TABLES.split(";"):
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO run VALUES (?)", [json.dumps(configuration)])
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")

    @property
    def configuration(self) -> dict[str, Any]:
        """What the results depend on."""
        found: dict[str, Any] = json.loads(self._written())
        return found

    def add(self, record: Record) -> None:
        """Keep what is known of an item, all of it or nothing; what was known of it before goes.

        Raises
        ------
        OSError
            If the file can't be written.
        ValueError
            If a run with another configuration has taken the file meanwhile.
        """
        with self._told(), self._writing():
            if self._written() != self._own:
                raise ValueError(
                    f"`store` must be of one run; a run with other settings has begun in {str(self.path)!r} meanwhile. "
                    f"Give each run a file of its own."
                )
            self._connection.execute("DELETE FROM rows WHERE item = ?", [record.item])
            self._connection.execute(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    record.item,
                    record.seed,
                    json.dumps(record.group),
                    json.dumps(record.target),
                    record.digest,
                    record.error,
                    json.dumps(record.warnings),
                    record.seconds,
                ],
            )
            places: dict[str, int] = {}
            for row in record.rows:
                place = places[row.protocol] = places.get(row.protocol, -1) + 1
                blob = np.ascontiguousarray(row.curves, "<f8").tobytes()
                names = (row.protocol, row.method, place, row.domain, row.control)
                self._connection.execute(
                    "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [record.item, *names, row.insertion, row.deletion, blob],
                )

    def digest(self, item: int) -> str | None:
        """Return the digest of an item that is done, be it with an error; None if it is not."""
        found = self._rows("SELECT digest FROM items WHERE item = ?", [item])
        return next((str(digest) for (digest,) in found), None)

    def forget_failures(self) -> None:
        """Make the items that failed ones that were never tried."""
        with self._told(), self._writing():
            self._connection.execute("DELETE FROM items WHERE error IS NOT NULL")

    def done(self) -> int:
        """Return how many items are done, those that failed among them."""
        return int(self._value("SELECT count(*) FROM items"))

    def seconds(self) -> float:
        """Return how long the items took, one after the other."""
        return float(self._value("SELECT total(seconds) FROM items"))

    def failed(self) -> dict[int, str]:
        """Return the error of every item that failed."""
        return dict(self._rows("SELECT item, error FROM items WHERE error IS NOT NULL ORDER BY item"))

    def warned(self) -> dict[int, tuple[str, ...]]:
        """Return the warnings of every item that has some."""
        found = self._rows("SELECT item, warnings FROM items WHERE warnings != '[]' ORDER BY item")
        return {item: tuple(json.loads(texts)) for item, texts in found}

    def records(self) -> Iterator[Record]:
        """Yield all that is known, item by item in their order, one in memory at a time."""
        columns = "item, seed, cluster, target, digest, error, warnings, seconds"
        for item, seed, group, target, digest, error, texts, seconds in self._rows(
            f"SELECT {columns} FROM items ORDER BY item"  # noqa: S608  # a constant
        ):
            found = self._rows(
                "SELECT protocol, method, domain, control, insertion, deletion, curves FROM rows WHERE item = ? "
                "ORDER BY protocol, place",
                [item],
            )
            rows = tuple(
                Row(protocol, method, domain, control, insertion, deletion, _unpacked(blob))
                for protocol, method, domain, control, insertion, deletion, blob in found
            )
            about = (json.loads(group), json.loads(target))
            yield Record(item, seed, *about, digest, rows, error, tuple(json.loads(texts)), seconds)

    def table(self, protocol: str, *, curves: bool = True) -> Table:
        """Return the rows of a protocol.

        Parameters
        ----------
        protocol : str
            Its name.
        curves : bool
            Whether to read the curves too: the larger part by far.

        Returns
        -------
        Table

        Raises
        ------
        ValueError
            If there are none; or the items differ in their methods or the terms of these, so that they make no table.
        """
        known = "FROM rows JOIN items USING (item) WHERE protocol = ?"
        items = list(self._rows(f"SELECT DISTINCT item, cluster {known} ORDER BY item", [protocol]))
        if not items:
            raise ValueError(
                f"{str(self.path)!r} has no rows of the protocol {protocol!r}: {self.done()} item(s) are done, "
                f"{len(self.failed())} failed. Look at `report.failed`."
            )
        first = self._rows(
            "SELECT method, domain, control, curves FROM rows WHERE protocol = ? AND item = ? ORDER BY place",
            [protocol, items[0][0]],
        )
        methods, domains, controls, blobs = zip(*first, strict=True)
        units = np.stack([_unpacked(blob)[0] for blob in blobs])
        areas = np.full((2, len(methods), len(items)), np.nan)
        traced = np.empty((4, len(methods), len(items), units.shape[1] if curves else 0))
        place = {key: number for number, key in enumerate(zip(methods, domains, strict=True))}
        number = {item: index for index, (item, _) in enumerate(items)}
        wanted = "curves" if curves else "NULL"
        rows = self._rows(f"SELECT item, method, domain, insertion, deletion, {wanted} {known}", [protocol])
        for item, method, domain, insertion, deletion, blob in rows:
            if (method, domain) not in place:
                areas[:] = np.nan
                break
            at = place[method, domain], number[item]
            areas[:, *at] = insertion, deletion
            if curves:
                traced[:, *at] = _unpacked(blob)[1:]
        if np.isnan(areas).any():
            raise ValueError(
                f"The items of {str(self.path)!r} must be measured by the same methods in the same terms; theirs "
                f"differ. Let every method return one kind of result, in one wavelet and level, for all items."
            )
        groups = tuple(_hashable(json.loads(group)) for _, group in items)
        return Table(tuple(number), groups, methods, domains, controls, areas, units, traced)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Store:  # noqa: PYI034  # beartype does not know Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _value(self, query: str) -> Any:
        ((found,),) = self._rows(query)
        return found

    def _written(self) -> Any:
        return self._value("SELECT configuration FROM run")

    def _rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        with self._told():
            yield from self._connection.execute(query, values)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write all that is written meanwhile, or nothing, with no other program writing."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say of what SQLite raises what it means for the file."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if type(error) not in (sqlite3.DatabaseError, sqlite3.OperationalError):
                raise  # a mistake of ours
            raise _in_words(error, self.path) from error


def _in_words(error: sqlite3.Error, path: Path) -> Exception:
    if _code(error) == sqlite3.SQLITE_NOTADB:
        return _something_else(path)
    if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OSError(
            f"`store` must not be locked by another program; {str(path)!r} still is after {PATIENCE:g} s of waiting. "
            f"Close what has it open, and call again: all that was finished is in it."
        )
    if _code(error) == sqlite3.SQLITE_CORRUPT:
        return OSError(
            f"`store` must be a whole file; {str(path)!r} is damaged. Restore a copy, or try "
            f"`sqlite3 {path.name} .recover`, which prints what can be saved."
        )
    return OSError(
        f"`store` must name a file that can be opened and written; SQLite says of {str(path)!r}: {error}. "
        f"Name one in a folder of yours, on a disk with room."
    )


def _something_else(path: Path) -> ValueError:
    return ValueError(
        f"`store` must be a file that `benchmark` has made, or a new one; {str(path)!r} is something else. Name "
        f"another."
    )


def _code(error: BaseException | None) -> int:
    """Return the number of an error of SQLite, without what it adds in the higher bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def differences(stored: Any, given: Any, where: str = "") -> list[str]:
    """Say where two configurations differ, in what JSON can hold."""
    if isinstance(stored, dict) and isinstance(given, dict):
        names = dict.fromkeys([*stored, *given])
        missing = object()
        return [
            line
            for name in names
            for line in _difference(
                stored.get(name, missing), given.get(name, missing), f"{where}.{name}".lstrip("."), missing
            )
        ]
    if stored == given:
        return []
    return [f"`{where}` was {_short(stored)} and is now {_short(given)}"]


def _difference(stored: Any, given: Any, where: str, missing: object) -> list[str]:
    if stored is missing:
        return [f"`{where}` is new ({_short(given)})"]
    if given is missing:
        return [f"`{where}` ({_short(stored)}) is missing now"]
    return differences(stored, given, where)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _unpacked(blob: bytes) -> NDArray[np.float64]:
    return np.frombuffer(blob, "<f8").reshape(len(CURVES), -1).astype(np.float64)


def _hashable(group: Any) -> Any:
    return tuple(map(_hashable, group)) if isinstance(group, list) else group


def _require_place(given: object, *, new: bool) -> Path:
    """Return the path of a file, if there may be one."""
    if not isinstance(given, (str, Path)):
        raise TypeError(f"`store` must be a path, a str or a Path; got {given!r}. Pass e.g. `store='run.sqlite'`.")
    path = Path(given)
    if str(path).startswith((":memory:", "file:")):  # what SQLite takes for something else than a file of this name
        raise ValueError(
            f"`store` must name a file, which is opened again to be read; got {str(path)!r}. Pass e.g. "
            f"`store='run.sqlite'`."
        )
    if not (new or path.is_dir() or path.is_file()):
        raise FileNotFoundError(f"There is no store {str(path)!r}. Name the file that `benchmark` was given.")
    return require_place(path, "store", "`store`")
