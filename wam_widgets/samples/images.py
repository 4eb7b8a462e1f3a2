"""Photos that an ImageNet classifier recognises, out of scikit-image's own files."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.samples.packages import optional, resource
from wam_widgets.samples.sample import Sample

__all__ = ["images"]


class _Photo(NamedTuple):
    file: str
    target: int  # 0-based ILSVRC class
    title: str
    credit: str
    licence: str


_PHOTOS = {
    "coffee": _Photo("coffee.png", 967, "A cup of espresso", "Photo: Rachel Michetti, scikit-image", "CC0 1.0"),
    "camera": _Photo("camera.png", 872, "A camera on its tripod", "Photo: Lav Varshney, scikit-image", "CC0 1.0"),
    "cat": _Photo("chelsea.png", 285, "Chelsea the cat", "Photo: Stéfan van der Walt, scikit-image", "CC0 1.0"),
    "motorcycle": _Photo(
        "motorcycle_left.png",
        665,
        "A motorcycle in a workshop",
        "Photo: Middlebury Stereo 2014 (Nešić, Westling, Wang, Kitajima, Krathwohl, Scharstein), scikit-image",
        "none stated: use, don't copy",
    ),
}


def images(size: int = 224) -> dict[str, Sample]:
    """Return the sample photos: "coffee", "camera" (grey), "cat" and "motorcycle".

    Each is the central square of its photo, resampled to `size` by antialiased bicubic interpolation.

    Parameters
    ----------
    size
        Height and width in pixels. 224 is what `image_model` was trained on.

    Returns
    -------
    dict of str to Sample
        Signals (1, 3, size, size), float32, RGB in [0, 1]; targets are 0-based ILSVRC classes. A grey photo has three
        equal channels.

    Raises
    ------
    ValueError
        If `size` is less than 1.
    ImportError
        If scikit-image or Pillow is not installed.

    Examples
    --------
    >>> cat = images()["cat"]
    >>> cat.title, cat.target, tuple(cat.signal.shape)
    ('Chelsea the cat', 285, (1, 3, 224, 224))
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1 pixel; got {size}. The sample model expects `size=224`.")
    return {
        name: Sample(name, _central_square(photo.file, size), photo.target, photo.title, photo.credit, photo.licence)
        for name, photo in _PHOTOS.items()
    }


def _central_square(file: str, size: int) -> Float[Tensor, "1 3 {size} {size}"]:
    image = optional("PIL.Image")
    with resource("skimage", f"data/{file}").open("rb") as stream, image.open(stream) as photo:
        side = min(photo.size)
        left, top = ((length - side) // 2 for length in photo.size)
        square = photo.convert("RGB").crop((left, top, left + side, top + side))
    resized = square.resize((size, size), image.Resampling.BICUBIC)  # antialiased, and clipped to 0 ... 255
    pixels = torch.frombuffer(bytearray(resized.tobytes()), dtype=torch.uint8).reshape(1, size, size, 3)
    return pixels.movedim(-1, 1).contiguous().float() / 255
