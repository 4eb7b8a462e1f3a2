"""`python -m tests.benchmarks [--only PART ...] [--rounds N] [--output FILE]`."""

import argparse
import time
from importlib import import_module
from pathlib import Path

from .rows import Row, machine, table, write

#: Processes that are measured from outside first, while this one is still small.
PARTS = {
    "startup": "Start-up: importing, in fresh processes",
    "memory": "Memory: peak resident set of fresh processes, ResNet-18-like, 224 x 224; a minute of sound; 128³ voxels",
    "speed": "Speed: ResNet-18-like, 224 x 224, 25 passes per image",
    "sound": "Sound: 5 s at 44.1 kHz, 25 passes; and Integrated Gradients of the sample events from silence",
    "volumes": "Volumes: 32 x 32 x 32, 25 passes; and the pull-back beside autograd through ptwt.waverec3",
    "faithfulness": "Faithfulness: curves of 64 steps beside bare forward passes, Grad-CAM beside a full pass",
    "view": "View: another wavelet of the same passes",
    "view_live": "Live view: from a slider, a choice or a cell to pixels, in a page and in JupyterLab",
    "datasets": "Data sets: two workers beside one; the memory of a long run",
    "quality": "Quality: EfficientNet-Lite0 and the sample cat",
}


def main() -> None:
    """Run the parts that were asked for, show their figures, and write them all to one file."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="repetitions (1 for a quick look; default: %(default)s)")
    default = Path(__file__).parents[2] / "bench/results.csv"
    parser.add_argument("--output", type=Path, default=default, help="where the CSV goes (default: bench/results.csv)")
    options = parser.parse_args()

    rows: list[Row] = []
    began = time.perf_counter()
    for part, title in PARTS.items():
        if part in options.only:
            print(f"\n{title} …", flush=True)
            found = import_module(f".{part}", __package__).rows(options.rounds)
            print(f"\n{table(found)}", flush=True)
            rows += found
    about = machine() | {"rounds": str(options.rounds)}
    write(rows, about, options.output)
    listed = ", ".join(f"{name} {value}" for name, value in about.items())
    print(f"\n{time.perf_counter() - began:.0f} s; {listed}\nThe same as CSV: {options.output}")


if __name__ == "__main__":
    main()
