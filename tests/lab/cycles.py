"""Make and close a thousand explorers in a kernel, and print what is left of them: `python -m tests.lab.cycles`."""

from __future__ import annotations

import gc
import json
import threading

import comm
import ipywidgets  # no types anywhere
import psutil  # type: ignore[import-untyped]  # its types are a package of their own
from jupyter_client.manager import start_new_kernel

import wam_widgets as wam
from tests.lab.models import Counted, photo


def state() -> dict[str, float]:
    """Count what an explorer leaves behind if it is not closed well."""
    gc.collect()
    return {
        "comms": len(comm.get_comm_manager().comms),
        "widgets": len(ipywidgets.widgets.widget._instances),  # its only registry
        "threads": threading.active_count(),
        "megabytes": psutil.Process().memory_info().rss / 1e6,
    }


def cycle() -> None:
    """Do it; runs in the kernel."""
    model = Counted()
    explanation = wam.explain(model, photo(8), 1, wavelet=None, samples=9)
    states = []
    for number in range(1001):
        explorer = wam.show(explanation, model=model)
        explorer.close()
        explorer.wait()
        if number in {0, 200, 1000}:
            states.append(state())
    print(json.dumps(states))  # noqa: T201  # to the test


def main() -> None:
    """Start a kernel for it; runs outside."""
    manager, client = start_new_kernel(kernel_name="python3")
    reply = client.execute_interactive(f"from {__spec__.name} import cycle\ncycle()")
    client.stop_channels()
    manager.shutdown_kernel()
    assert reply["content"]["status"] == "ok"


if __name__ == "__main__":
    main()
