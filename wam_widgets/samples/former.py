"""A small transformer on volumes (a "3D Former"): explanations reach through attention as through convolutions."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from wam_widgets.samples.trained import trained
from wam_widgets.samples.voxels import require_voxels

__all__ = ["VoxelFormer", "former_model"]


def former_model() -> "VoxelFormer":
    """Return a classifier of digits in three dimensions by attention, ready to be explained.

    As `volume_model`, and trained on the same volumes: of digits that it never saw it recognises 93 in 100, as
    `record("former_model")` says in full.

    Returns
    -------
    VoxelFormer
        On the CPU, float32, for one channel of 16 x 16 x 16 voxels; `labels` are "0" to "9".

    Examples
    --------
    >>> from wam_widgets.samples import volumes
    >>> model = former_model()
    >>> model.labels[int(model(volumes()["three"].signal).argmax())]
    '3'
    """
    return trained("former_model", lambda about: VoxelFormer(tuple(about["labels"]), about["size"]))


class VoxelFormer(nn.Module):
    """Cubes of voxels that attend to each other, and their mean.

    Parameters
    ----------
    labels
        Names of the classes, in the order of the output's columns.
    size
        Voxels along each axis of a volume, a multiple of 4. It takes no other: every cube's place is learnt.

    Attributes
    ----------
    network : Module
        All that is trained: voxels to logits.

    References
    ----------
    A. Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", ICLR 2021. The
    convolutions that cut the cubes: T. Xiao et al., "Early Convolutions Help Transformers See Better", NeurIPS 2021.

    Examples
    --------
    >>> VoxelFormer(("box", "ball"), 16)(torch.rand(3, 1, 16, 16, 16)).shape
    torch.Size([3, 2])
    """

    def __init__(self, labels: tuple[str, ...], size: int) -> None:
        super().__init__()
        self.labels = labels
        self.size = size
        width = 64
        self.network = nn.Sequential(
            _Cubes(size, width),
            *(_AttentionBlock(width, heads=4) for _ in range(3)),
            nn.LayerNorm(width),
            _Mean(),
            nn.Linear(width, len(labels)),
        )

    def forward(self, signal: Float[Tensor, "item channel z y x"]) -> Float[Tensor, "item label"]:
        """Return the logits of every class.

        Parameters
        ----------
        signal
            Volumes of one channel, shape (item, 1, size, size, size), from 0 to 1.

        Returns
        -------
        Tensor
            Axes (item, label), before the softmax.

        Raises
        ------
        TypeError, ValueError
            If the signal is no volume of one channel and this size.
        """
        logits: Tensor = self.network(require_voxels(signal, self.size))
        return logits


class _Cubes(nn.Module):
    """Each cube of 4 x 4 x 4 voxels, with some around it, as one vector, to which that of its place is added.

    Two convolutions with half a stride each, where one could do: with few volumes to learn from they learn far more.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.BatchNorm3d(1),
            nn.Conv3d(1, width // 2, kernel_size=5, stride=2, padding=2, bias=False),
            nn.BatchNorm3d(width // 2),
            nn.ReLU(),
            nn.Conv3d(width // 2, width, kernel_size=3, stride=2, padding=1),
        )
        self.places = nn.Parameter(0.02 * torch.randn((size // 4) ** 3, width))

    def forward(self, volume: Float[Tensor, "item 1 z y x"]) -> Float[Tensor, "item cube width"]:
        cubes: Tensor = self.project(volume).flatten(2).transpose(1, 2)
        return cubes + self.places


class _AttentionBlock(nn.Module):
    """What each cube takes from all cubes, and then what it makes of it; both are added to what it was."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.change = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, cubes: Float[Tensor, "item cube width"]) -> Float[Tensor, "item cube width"]:
        parts: Tensor = self.queries_keys_values(self.before_attention(cubes))
        queries, keys, values = parts.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(queries, keys, values)
        cubes = cubes + self.dropout(self.joined(attended.transpose(1, 2).flatten(2)))
        changed: Tensor = cubes + self.dropout(self.change(cubes))
        return changed


class _Mean(nn.Module):
    """The mean over cubes."""

    def forward(self, cubes: Float[Tensor, "item cube width"]) -> Float[Tensor, "item width"]:
        return cubes.mean(1)
