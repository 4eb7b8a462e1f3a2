"""Volumes that the sample models recognise, digits and furniture, and a brain to look at."""

import csv
import io
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool3d

from wam_widgets.checks import whole_number
from wam_widgets.files.volume import load_volume
from wam_widgets.samples.packages import optional, resource
from wam_widgets.samples.sample import Sample
from wam_widgets.samples.trained import data, record
from wam_widgets.transform import Grid

__all__ = ["brain", "furniture", "volumes"]


class _Collection(NamedTuple):
    folder: str  # with the volumes, what volumes.csv says of each, and their licence
    model: str
    axes: tuple[str, str, str]


class Scan(NamedTuple):
    """A volume that is no example of a class."""

    signal: Float[Tensor, "1 1 z y x"]
    grid: Grid
    title: str
    credit: str
    licence: str


_TEMPLATE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
_DIGITS = _Collection("digits", "volume_model", ("depth", "up", "width"))
_FURNITURE = _Collection("furniture", "furniture_model", ("up", "depth", "width"))


def volumes() -> dict[str, Sample]:
    """Return handwritten digits in three dimensions, "zero" to "nine".

    Each is a drawn digit of MNIST as a cloud of points: given depth, turned by up to 25 degrees about each axis,
    jittered and counted in voxels, as in the data set "3D MNIST". They are some that `volume_model` and `former_model`
    were not trained on and recognise: how many these are of all is in their `record`.

    Returns
    -------
    dict of str to Sample
        Signals (1, 1, 16, 16, 16), float32 from 0 to 1, axes depth, up and width; targets are the classes of
        `volume_model`.

    Examples
    --------
    >>> three = volumes()["three"]
    >>> three.title, tuple(three.signal.shape), three.target
    ('A three', (1, 1, 16, 16, 16), 3)
    """
    return _samples(_DIGITS)


def furniture() -> dict[str, Sample]:
    """Return furniture and what else a home planner shows, such as "armchair", "lamp", "person", "car".

    Surfaces of models of Sweet Home 3D in voxels that are empty or met. They are some that `furniture_model` was not
    trained on and recognises: how many these are of all is in its `record`.

    Returns
    -------
    dict of str to Sample
        Signals (1, 1, 32, 32, 32), float32, 0 or 1, axes up, depth and width; targets are the classes of
        `furniture_model`. `Sample.credit` names who made the model.

    Examples
    --------
    >>> armchair = furniture()["armchair"]
    >>> tuple(armchair.signal.shape), armchair.grid.axes
    ((1, 1, 32, 32, 32), ('up', 'depth', 'width'))
    """
    return _samples(_FURNITURE)


def brain(step: int = 1) -> Scan:
    """Return the MNI template of the human brain (T1, without the skull), a volume of full size.

    Parameters
    ----------
    step
        Millimetres between voxels: 1 as it is, more by means over cubes of so many voxels along each axis. To be
        looked at it needs 2 mm (94 x 116 x 98): a viewer takes no more than 2**22 voxels.

    Returns
    -------
    Scan
        `signal` has the shape (1, 1, 189, 233, 197), float32 from 0 to 1, axes z (up), y (to the front) and x (to the
        right), with spacing and affine in mm in its `grid`; `title`, `credit` and `licence` are those of a `Sample`.

    Raises
    ------
    ValueError
        Unless `step` is a whole number from 1 to 32.
    ImportError
        If nilearn, which holds the template, is not installed (`pip install "wam-widgets[brain]"`).

    References
    ----------
    V. S. Fonov et al., "Unbiased nonlinear average age-appropriate brain templates from birth to adulthood",
    NeuroImage 47, 2009.

    Examples
    --------
    >>> template = brain(step=4)
    >>> tuple(template.signal.shape), template.grid.spacing, template.grid.units
    ((1, 1, 47, 58, 49), (4.0, 4.0, 4.0), ('mm', 'mm', 'mm'))
    """
    size = whole_number(step)
    if size is None or not 1 <= size <= 32:
        raise ValueError(
            f"`step` must be a whole number of millimetres from 1 to 32; got {step!r}. Pass e.g. `step=2`."
        )
    optional("nibabel", "brain")
    # The file itself: nilearn's own function for it loads scikit-learn and pandas first.
    signal, grid = load_volume(str(resource("nilearn", _TEMPLATE, "brain")))
    signal = avg_pool3d(signal / signal.max(), size)
    return Scan(
        signal,
        grid.coarser(size),
        "The MNI template of the human brain",
        "MNI ICBM152 2009a, McConnell Brain Imaging Centre, Montreal Neurological Institute, through nilearn",
        "none stated: use, don't copy",
    )


def _samples(collection: _Collection) -> dict[str, Sample]:
    folder = data(collection.folder)
    labels = record(collection.model)["labels"]
    found = {}
    with np.load(io.BytesIO(folder.joinpath("volumes.npz").read_bytes()), allow_pickle=False) as voxels:
        for row in csv.DictReader(folder.joinpath("volumes.csv").read_text("utf-8").splitlines()):
            found[row["name"]] = Sample(
                row["name"],
                _signal(voxels[row["name"]]),
                labels.index(row["label"]),
                row["title"],
                row["credit"],
                row["licence"],
                grid=Grid(collection.axes, (1.0,) * 3, ("voxel",) * 3),
            )
    return found


def _signal(voxels: np.ndarray) -> Float[Tensor, "1 1 z y x"]:
    """Return stored voxels from 0 to 1: bytes, or those that are full or empty as truth values."""
    values = torch.from_numpy(voxels)
    return (values.float() if values.dtype == torch.bool else values.float() / 255)[None, None]
