"""Build the package and try it as its users will: `make release` (some minutes; nothing is published).

Wheel and sdist are built and looked into; then the wheel is installed into a fresh environment, bare and with one extra
after the other, and each does in there what it is for. The Binder files are resolved and shown to repo2docker.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1]
CONSTRAINTS = PROJECT / ".ci/constraints.txt"

#: What is run in an environment with one extra and no other ("" has none).
TRIALS = {
    "": """
        import torch, wam_widgets as wam
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 3))
        explanation = wam.explain(model, torch.rand(1, 3, 8, 8), level=2)
        wam.plot(explanation).savefig("map.png")
        wam.export_html(explanation, "map.html")
        explanation.save("map.safetensors")
        wam.load("map.safetensors").view(wavelet="db2")
        open("box.stl", "w").write("solid box")
        for extra, use in {
            "samples": wam.samples.image_model,
            "volumes": lambda: wam.voxelise("box.stl"),
            "brain": wam.samples.brain,
            "evaluation": lambda: wam.gradcam(model, torch.rand(1, 3, 8, 8), 0, "1"),
            "ipyvolume": lambda: wam.to_ipyvolume(wam.explain(lambda x: x.flatten(1), torch.rand(1, 1, 8, 8, 8), 0)),
        }.items():
            try:
                use()
            except ImportError as error:
                assert f'pip install "wam-widgets[{extra}]"' in str(error), (extra, error)
            else:
                raise AssertionError(f"{extra} is not asked for")
    """,
    "samples": """
        import wam_widgets.__main__
        assert wam_widgets.__main__.main(["demo", "--out", "demo"]) == 0
    """,
    "volumes": """
        import nibabel, numpy, trimesh, wam_widgets as wam
        nibabel.Nifti1Image(numpy.random.rand(8, 9, 10).astype("float32"), numpy.eye(4)).to_filename("scan.nii.gz")
        signal, grid = wam.load_volume("scan.nii.gz")
        assert signal.shape == (1, 1, 10, 9, 8), signal.shape
        trimesh.creation.box().export("box.stl")
        assert wam.voxelise("box.stl")[0].any()
    """,
    "brain": """
        import wam_widgets as wam
        assert wam.samples.brain(step=2).signal.ndim == 5
    """,
    "evaluation": """
        import torch, wam_widgets as wam
        layers = torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)
        model = torch.nn.Sequential(*layers)
        signal = torch.rand(12, 1, 8, 8)
        cam = wam.gradcam(model, signal, 0, model[0])
        explanation = wam.explain(model, signal, 0, level=2)
        explanation.to_xarray()
        print(wam.evaluate(model, signal, {"WAM": explanation}, protocol="rise", controls=2).to_dataframe())
        wam.evaluation.infidelity(model, signal, {"WAM": explanation}, subsets=5)
        wam.benchmark(model, [(each, 0) for each in signal], wam.evaluation.standard_methods(level=2, layer="0"),
                      store="run.sqlite", target="label")
    """,
    "ipyvolume": """
        import torch, wam_widgets as wam
        explanation = wam.explain(lambda x: x.flatten(1), torch.rand(1, 1, 16, 16, 16), 0)
        wam.to_ipyvolume(explanation)
    """,
    "lab": """
        import subprocess, sys
        import nbformat
        cells = ["import torch, wam_widgets as wam",
                 "wam.explain(lambda x: x.flatten(1), torch.rand(1, 3, 8, 8), 0, level=2)"]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
        nbformat.write(notebook, "one.ipynb")
        options = ["--execute", "--to", "html"]
        subprocess.run([sys.executable, "-m", "jupyter", "nbconvert", *options, "one.ipynb"], check=True)
        assert "application/vnd.jupyter.widget-view+json" in open("one.html").read()
    """,
}  # fmt: skip


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from what the sdist holds; return wheel and sdist."""
    _run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder, cwd=PROJECT)
    (source,) = folder.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as elsewhere:
        with tarfile.open(source) as archive:
            archive.extractall(elsewhere, filter="data")
        (root,) = Path(elsewhere).iterdir()
        _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=root)
    (wheel,) = folder.glob("*.whl")
    return wheel, source


def packed(wheel: Path) -> set[str]:
    """Name the package's files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}


def tracked() -> set[str]:
    """Name the package's files in the repository."""
    listed = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", "wam_widgets", cwd=PROJECT)
    return {name for name in listed.splitlines() if (PROJECT / name).exists()}


def try_extra(wheel: Path, extra: str, folder: Path) -> None:
    """Install the wheel with one extra, and do there what that is for."""
    environment = folder / (extra or "bare")
    _run(sys.executable, "-m", "venv", environment)
    python = environment / "bin/python"
    what = f"{wheel}[{extra}]" if extra else str(wheel)
    options = ("--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--constraint", CONSTRAINTS)
    _run(python, "-m", "pip", "install", *options, what)
    _run(python, "-m", "pip", "check")
    work = folder / f"{extra or 'bare'}-work"
    work.mkdir()
    _run(python, "-W", "error::DeprecationWarning:wam_widgets", "-c", textwrap.dedent(TRIALS[extra]), cwd=work)
    said = subprocess.run(
        [python, "-m", "wam_widgets", "doctor"], capture_output=True, text=True, check=False, cwd=work
    )
    others = [f'pip install "wam-widgets[{other}]"' for other in TRIALS if other not in ("", extra)]
    if any(line.startswith("fix") and not any(other in line for other in others) for line in said.stdout.splitlines()):
        raise SystemExit(f"The doctor isn't content with what {what} installs:\n{said.stdout}")


def try_binder(folder: Path) -> None:
    """Resolve what pip installs on Binder, and ask repo2docker what it would make of the folder."""
    environment = folder / "binder"
    _run(sys.executable, "-m", "venv", environment)
    python = environment / "bin/python"
    _run(python, "-m", "pip", "install", "--quiet", "jupyter-repo2docker", "setuptools")
    _run(python, "-m", "pip", "install", "--quiet", "--dry-run", "--constraint", CONSTRAINTS, ".[all]", cwd=PROJECT)
    made = _run(environment / "bin/repo2docker", "--no-build", "--debug", ".", cwd=PROJECT)
    for file in ("environment.yml", "postBuild", "start"):
        if f"binder/{file}" not in made:
            raise SystemExit(f"repo2docker doesn't use binder/{file}:\n{made}")


def _run(*command: object, cwd: Path | None = None) -> str:
    """Run a command and return all that it prints; stop here, with that, if it fails."""
    # an environment's Python must not see this one's packages
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def main(arguments: Sequence[str] | None = None) -> None:
    """Do all of it, or a part, and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parts = [each or "bare" for each in TRIALS] + ["binder"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, metavar="PART", help=", ".join(parts))
    parser.add_argument(
        "--output", type=Path, default=PROJECT / "dist", help="folder for wheel and sdist (default: dist)"
    )
    options = parser.parse_args(arguments)
    for old in [*options.output.glob("*.whl"), *options.output.glob("*.tar.gz")]:
        old.unlink()
    wheel, source = build(options.output)
    if unequal := packed(wheel) ^ tracked():
        raise SystemExit(f"In the wheel or in the repository, but not in both: {', '.join(sorted(unequal))}")
    for each in (wheel, source):
        print(f"ok   {each.name}: {each.stat().st_size / 1e6:.1f} MB", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for part in options.only:
            began = time.perf_counter()
            if part == "binder":
                try_binder(Path(folder))
            else:
                try_extra(wheel, "" if part == "bare" else part, Path(folder))
            print(f"ok   {part}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
