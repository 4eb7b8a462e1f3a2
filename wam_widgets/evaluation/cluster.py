"""Items over the workers of a Dask cluster. Imported only where somebody passes a client."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import dask
import distributed
from distributed.protocol import pickle as untyped_pickle

from .items import Item
from .store import Record

#: Distributed leaves some of its functions untyped.
pickle: Any = untyped_pickle

#: Items per thread of the cluster that are on their way or being done: enough for no thread to wait.
AHEAD = 3

#: Seconds after which the number of threads is asked again: clusters grow and shrink.
ASK_AGAIN = 5.0

#: A worker may have threads, and a process workers. Random numbers, warnings and the modes and hooks of a model are one
#: for all threads: items that are measured at the same time would see each other's.
ONE_AT_A_TIME = threading.Lock()


class Loaded(distributed.WorkerPlugin):
    """Model and job on a worker, loaded once. The scheduler gives it to workers that come later, too."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    def setup(self, worker: Any) -> None:
        """Load the model when the worker starts, or the plugin is registered."""
        del worker  # it has all that is needed
        self.model, self.job = pickle.loads(self.payload)


def spread(client: object, model: Any, job: Any) -> Callable[[Iterator[Item | Record]], Iterator[Record]]:
    """Send a model to all workers, and return what spreads items over them.

    Raises
    ------
    TypeError
        If that is no client, or the model or a method can't be sent.
    ValueError
        If the client is closed.
    RuntimeError
        If the workers can't load what was sent.
    """
    if not isinstance(client, distributed.Client) or client.asynchronous:
        raise TypeError(
            f"`client` must be a dask.distributed.Client that is not asynchronous; got {client!r}. Pass e.g. "
            f"`Client(LocalCluster(n_workers=2, threads_per_worker=1))`."
        )
    if client.status != "running":
        raise ValueError(
            f"`client` must be connected to a cluster; got one that is {client.status!r}. Call `benchmark` before the "
            f"end of `with Client(...) as client:`, or make a new client."
        )
    try:
        payload = pickle.dumps((model, job))
    except Exception as error:
        raise TypeError(
            f"The model and the methods must be things that pickle can send to workers; it says: {error}. Take locks, "
            f"open files, generators and hooks out of the model, or leave them out in its `__getstate__`, and make "
            f"methods `Explainer`s or functions at the top of a module, until `cloudpickle.dumps(model)` works."
        ) from error
    name = f"wam_widgets-{uuid.uuid4().hex}"
    try:
        client.register_plugin(Loaded(payload), name=name)
    except Exception as error:
        raise RuntimeError(
            f"The workers couldn't load the model and the methods; the first says: {type(error).__name__}: {error}. "
            f"Their code must be importable there: install wam_widgets and the module of the model on every worker, or "
            f"send it with `client.upload_file('my_model.py')`."
        ) from error
    return lambda todo: _spread(client, name, todo)


def _spread(client: Any, name: str, todo: Iterator[Item | Record]) -> Iterator[Record]:
    arriving: Any = distributed.as_completed(loop=client.loop)  # type: ignore[no-untyped-call]
    waiting: dict[str, tuple[Item, Any]] = {}
    most, asked = 2, -ASK_AGAIN
    try:
        for item in todo:
            if isinstance(item, Record):
                yield item
                continue
            while len(waiting) >= most:
                yield from _arrived(client, name, arriving, waiting)
                if time.monotonic() - asked > ASK_AGAIN:
                    most, asked = max(2, AHEAD * _threads(client)), time.monotonic()
            _submit(client, name, item, arriving, waiting)
        while waiting:
            yield from _arrived(client, name, arriving, waiting)
    finally:
        arriving.clear()
        if client.status == "running":
            with contextlib.suppress(Exception):  # it may end now, and all that it holds with it
                client.cancel([future for _, future in waiting.values()])
                client.unregister_worker_plugin(name)


def _threads(client: Any) -> int:
    try:
        return sum(client.nthreads().values())
    except Exception as error:
        _require_running(client, error)
        raise


def _submit(client: Any, name: str, item: Item, arriving: Any, waiting: dict[str, tuple[Item, Any]]) -> None:
    key = f"{name}-{item.index}-{uuid.uuid4().hex}"  # another one each time: a client that restarts may drop the old
    # An item belongs in the graph, however large: there a lost worker's items are found again. Dask warns of it, and
    # catching that here would set free what an item being measured by another thread of this process warns of.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": sys.maxsize}):
        try:
            future = client.submit(measure, name, item, key=key, pure=False)
        except Exception as error:
            _require_running(client, error)
            raise
    waiting[key] = item, future
    arriving.add(future)


def _arrived(client: Any, name: str, arriving: Any, waiting: dict[str, tuple[Item, Any]]) -> Iterator[Record]:
    """Yield what came back, or why nothing can come; an item that the cluster has dropped is sent again."""
    future = next(arriving)
    item, _ = waiting.pop(future.key)
    try:
        found: Record = future.result()
    except Exception as error:  # noqa: BLE001  # such as workers that die of this item, one after the other
        _require_running(client, error)
        if isinstance(error, CancelledError):
            _submit(client, name, item, arriving, waiting)
            return
        text = f"the cluster: {type(error).__name__}: {error}"
        found = Record(item.index, item.seed, item.group, None, item.digest, error=text)
    yield found


def _require_running(client: Any, error: Exception) -> None:
    if client.status != "running":
        raise RuntimeError(
            "The cluster ended; all that was finished is in the store. Call again with a new client, or without."
        ) from error


def measure(name: str, item: Item) -> Record:
    """Measure an item on a worker."""
    loaded: Any = distributed.get_worker().plugins[name]
    with ONE_AT_A_TIME:
        found: Record = loaded.job.measure(loaded.model, item)
    return found
