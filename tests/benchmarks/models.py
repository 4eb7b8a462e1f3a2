"""The networks that are timed."""

import torch
from torch import Tensor, nn

import wam_widgets as wam
from wam_widgets.samples import audio_model


class _Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = (
            nn.Identity()
            if stride == 1
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, features: Tensor) -> Tensor:
        deeper = self.second(self.first(features).relu_())
        return torch.relu_(deeper + self.shortcut(features))


def resnet18(channels: int = 3) -> nn.Module:
    """Return a network of ResNet-18's shape and 11.7 million parameters, with the same random weights every time.

    It is left as a user has it: evaluation mode, parameters that could be trained.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stem = [
            nn.Conv2d(channels, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        blocks = [
            block
            for inputs, outputs, stride in widths
            for block in (_Block(inputs, outputs, stride), _Block(outputs, outputs, 1))
        ]
        return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)).eval()


def photos(items: int) -> Tensor:
    """Return random images, 224 x 224, in [0, 1]."""
    return torch.rand(items, 3, 224, 224, generator=torch.Generator().manual_seed(0))


#: Samples per second of the sounds that are timed.
RATE = 44_100


def sample_listener() -> nn.Module:
    """Return the network of the sample model of sound behind the published log-mel spectrogram at 44.1 kHz.

    It was trained on another spectrogram, which doesn't change how long it takes.
    """
    return nn.Sequential(_spectrogram(), audio_model().network).eval()


def resnet_listener() -> nn.Module:
    """Return a network of ResNet-18's shape behind the same spectrogram: about what the paper explains."""
    return nn.Sequential(_spectrogram(), resnet18(channels=1)).eval()


def _spectrogram() -> nn.Module:
    return wam.LogMel(RATE, n_fft=1024, hop_length=512, n_mels=128, top_db=None)


def sound(seconds: float) -> Tensor:
    """Return noise, mono, as loud as speech is."""
    return 0.1 * torch.randn(1, 1, round(seconds * RATE), generator=torch.Generator().manual_seed(0))


def targets(items: int) -> Tensor:
    """Return one class per image."""
    return 100 * torch.arange(items)


def small_volume_network() -> nn.Module:
    """Return a small network of volumes, four convolutions, with the same random weights every time.

    A pass of it costs about as much as the transpose of a db4 synthesis by dense filters.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        widths = [(1, 16, 1), (16, 32, 1), (32, 64, 2), (64, 64, 2)]
        blocks = [
            layer
            for inputs, outputs, stride in widths
            for layer in (nn.Conv3d(inputs, outputs, 3, stride, 1), nn.ReLU(inplace=True))
        ]
        return nn.Sequential(*blocks, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(64, 10)).eval()


def voxels(items: int, side: int) -> Tensor:
    """Return random volumes, cubes, in [0, 1]."""
    return torch.rand(items, 1, side, side, side, generator=torch.Generator().manual_seed(0))
