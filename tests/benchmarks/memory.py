"""How much memory does an explanation take? Each figure is the peak of a fresh process that does one thing.

Run as `python -m tests.benchmarks.memory WHO METHOD ITEMS SAMPLES SIZE`, this module is such a process. For sound, WHO
is "sound" or "sound, looked at", ITEMS its seconds, and SIZE 0 for "auto". For a volume, WHO is "volume" or "bare
volume", and ITEMS the voxels of its side.
"""

import json
import resource
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from .rows import Row
from .task import SAMPLES, TITLES, Method

#: Passes at once, the same for all who let one choose (Captum takes at least one per image).
SIZE = 4
SOUND_SECONDS = 60
VOLUME_SIDE = 128
MIB = 2**20


def rows(rounds: int) -> Sequence[Row]:
    """Compare with the bare passes at batch 1 and 8, and see whether the number of passes matters."""
    found: list[Row] = []
    for items in (1, 8):
        bare = _fresh("bare", "smoothgrad", items, SAMPLES, SIZE)
        found += _rows(f"batch {items}, bare passes, sub-batch {SIZE}", bare, bare)
        for method, title in TITLES.items():
            used = _fresh("ours", method, items, SAMPLES, SIZE)
            found += _rows(f"batch {items}, ours: {title}, sub-batch {SIZE}", used, bare, goal="<= 1.3")
        for method, title in TITLES.items():
            least = max(SIZE, items)
            for size, how in ((0, "its defaults"), (least, f"{least} inputs at once")):
                used = _fresh("captum", method, items, SAMPLES, size)
                found += _rows(f"batch {items}, Captum: {title}, {how}", used, bare)
    few, _ = _fresh("ours", "smoothgrad", 1, SAMPLES, SIZE)
    for samples in (100, 400) if rounds > 1 else (100,):
        peak, _ = _fresh("ours", "smoothgrad", 1, samples, SIZE)
        what = f"batch 1, ours: SmoothGrad, {samples} passes"
        against = f"ours, {SAMPLES} passes"
        found.append(Row("memory", what, peak / MIB, "MiB", peak / few, against=against, goal="flat"))
    return [*found, *_sound(), *_volume(rounds)]


def _volume(rounds: int) -> Sequence[Row]:
    """Explain a large volume with as many passes at once as the bare passes that it is compared with.

    What it takes beyond them is the group means, 16 of the volume's size whatever the number of passes, which make the
    standard errors.
    """
    found = []
    where = f"{VOLUME_SIDE} x {VOLUME_SIDE} x {VOLUME_SIDE}, sample network"
    peaks = {}
    for size in (1, 4):
        bare, _ = _fresh("bare volume", "smoothgrad", VOLUME_SIDE, SAMPLES, size)
        found.append(Row("memory", f"{where}, bare passes, sub-batch {size}", bare / MIB, "MiB"))
        for samples in (SAMPLES, 100) if rounds > 1 else (SAMPLES,):
            peak, _ = _fresh("volume", "smoothgrad", VOLUME_SIDE, samples, size)
            peaks[size, samples] = peak
            what = f"{where}, ours: SmoothGrad, haar level 3, {samples} passes, sub-batch {size}"
            against, other, goal = (
                ("bare passes", bare, "")
                if samples == SAMPLES
                else (f"ours, {SAMPLES} passes", peaks[size, SAMPLES], "flat")
            )
            found.append(Row("memory", what, peak / MIB, "MiB", peak / other, against=against, goal=goal))
    return found


def _sound() -> Sequence[Row]:
    """Explain a minute at 44.1 kHz as it comes, with the automatic sub-batch, and then look at it from all sides."""
    found = []
    for who, what in (("sound", ""), ("sound, looked at", ", denoised, significant, rebuilt, in time and frequency")):
        for method, title in TITLES.items():
            peak, _ = _fresh(who, method, SOUND_SECONDS, SAMPLES, 0)
            what_was = f"{SOUND_SECONDS} s at 44.1 kHz, ours: {title}, db4 level 6{what}"
            found.append(Row("memory", what_was, peak / MIB, "MiB", goal="<= 2048 MiB"))
    return found


def _rows(what: str, found: tuple[int, int], bare: tuple[int, int], goal: str = "") -> Sequence[Row]:
    (peak, net), (bare_peak, bare_net) = found, bare
    return [
        Row("memory", what, peak / MIB, "MiB", peak / bare_peak, against="bare passes", goal=goal),
        Row("memory", f"{what}, net of imports", net / MIB, "MiB", net / bare_net, against="bare passes, net"),
    ]


def _fresh(*arguments: str | int) -> tuple[int, int]:
    """Return the peak of a fresh process in bytes, and by how much the work itself raised it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.memory", *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    before, peak = json.loads(done.stdout)
    return peak, peak - before


def _peak() -> int:
    """Return the largest resident set that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts in `ru_maxrss` what the parent had when it started this process; not here
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _process(who: str, wanted: str, items: int, samples: int, size: int) -> None:
    """Do one thing, and print the peak before it (everything imported, model and images made) and after it."""
    method = next(each for each in TITLES if each == wanted)
    if who.startswith("sound"):
        _explain_sound(method, items, samples, look=who != "sound")
        return
    if who.endswith("volume"):
        _explain_volume(method, items, samples, size, bare=who != "volume")
        return
    from . import contestants
    from .models import photos, resnet18, targets

    model, images = resnet18(), photos(items)
    import_module({"bare": "torch", "ours": "wam_widgets.attribution", "captum": "captum.attr"}[who])
    before = _peak()
    if who == "ours":
        contestants.ours(model, images, method, "haar", 3, samples=samples, size=size)
    elif who == "captum":
        contestants.captum(model, images, method, samples=samples, size=size or None)
    else:  # the same few inputs again and again: nobody can do with less
        inputs, classes = photos(size), targets(size)
        for _ in range(-(-items * samples // size)):
            contestants.bare(model, inputs, classes, size)
    print(json.dumps([before, _peak()]))


def _explain_sound(method: Method, seconds: int, samples: int, *, look: bool) -> None:
    """Explain a sound, and with `look` ask for what needs all group means at once; print the peaks as above."""
    import wam_widgets as wam

    from .contestants import ours
    from .models import RATE, sample_listener, sound

    model, signal = sample_listener(), sound(seconds)
    before = _peak()
    if not look:
        ours(model, signal, method, "db4", 6, samples=samples, size="auto")
    else:
        grid = wam.Grid(("time",), (1 / RATE,), ("s",))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of the completeness gap of a fixed rule
            explanation = wam.explain(
                model, signal, 0, method=method, wavelet="db4", level=6, samples=samples, grid=grid, progress=False
            )
        wam.time_frequency_map(explanation)
        explanation.rebuild(fraction=0.05)
        if explanation.has_errors:
            explanation.denoised()
            explanation.significant()
    print(json.dumps([before, _peak()]))


def _explain_volume(method: Method, side: int, samples: int, size: int, *, bare: bool) -> None:
    """Explain a volume, or run the bare passes; print the peaks as above."""
    from wam_widgets.samples import furniture_model

    from . import contestants
    from .models import targets, voxels

    model, volume = furniture_model(), voxels(1, side)
    before = _peak()
    if bare:
        inputs = volume.repeat(size, 1, 1, 1, 1)
        for _ in range(-(-samples // size)):
            contestants.bare(model, inputs, targets(1).repeat(size), size)
    else:
        contestants.ours(model, volume, method, "haar", 3, samples=samples, size=size)
    print(json.dumps([before, _peak()]))


if __name__ == "__main__":
    _process(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
