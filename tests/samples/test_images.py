import pytest
import skimage.data
import torch

from wam_widgets.samples import images


def test_every_photo_is_one_rgb_image_between_0_and_1() -> None:
    photos = images()
    assert set(photos) == {"coffee", "camera", "cat", "motorcycle"}
    for name, photo in photos.items():
        assert photo.name == name
        assert (photo.signal.shape, photo.signal.dtype) == ((1, 3, 224, 224), torch.float32)
        assert photo.signal.is_contiguous()
        assert photo.signal.min() >= 0
        assert photo.signal.max() <= 1
        assert photo.signal.amax() - photo.signal.amin() > 0.8, "a photo uses its range"


def test_every_photo_names_its_author_and_its_terms() -> None:
    for photo in images(size=8).values():
        assert photo.title
        assert "scikit-image" in photo.credit
        assert photo.licence == ("CC0 1.0" if photo.name != "motorcycle" else "none stated: use, don't copy")


def test_the_grey_photo_has_three_equal_channels_and_the_others_have_not() -> None:
    for name, photo in images().items():
        red, green, blue = photo.signal[0]
        assert (red.equal(green) and green.equal(blue)) == (name == "camera")


def test_the_photo_is_the_central_square_of_what_scikit_image_shows() -> None:
    pixels = skimage.data.chelsea()
    photo = torch.from_numpy(pixels).movedim(-1, 0)[None].float() / 255
    square = photo[..., 75:375]  # of 300 rows and 451 columns
    torch.testing.assert_close(images(size=300)["cat"].signal, square, rtol=0, atol=0)
    halved = torch.nn.functional.avg_pool2d(square, 2)
    assert (images(size=150)["cat"].signal - halved).abs().mean() < 0.01, "resampled with antialiasing"
    assert (square[..., ::2, ::2] - halved).abs().mean() > 0.01, "which skipping pixels is not"


def test_calls_share_no_memory() -> None:
    images(size=8)["cat"].signal.zero_()
    assert images(size=8)["cat"].signal.any()


@pytest.mark.parametrize("size", [0, -224])
def test_a_size_without_pixels_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"`size` must be at least 1 pixel; got {size}"):
        images(size)
