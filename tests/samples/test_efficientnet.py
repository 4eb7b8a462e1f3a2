import pytest
import torch
from torch.nn.functional import conv2d, pad

from wam_widgets.samples import EfficientNetLite0, image_model, images
from wam_widgets.samples.efficientnet import SameConv2d

ESPRESSO, TRIPOD, EGYPTIAN_CAT, TIGER_CAT, TABBY, MOPED, SCOOTER = 967, 872, 285, 282, 281, 665, 670


@pytest.fixture(scope="module")
def model() -> EfficientNetLite0:
    return image_model()


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("coffee", {ESPRESSO: 0.94}),
        ("camera", {TRIPOD: 0.95}),
        ("cat", {EGYPTIAN_CAT: 0.39, TIGER_CAT: 0.33, TABBY: 0.16}),
        ("motorcycle", {MOPED: 0.72, SCOOTER: 0.10}),
    ],
)
def test_a_photo_is_recognised_as_surely_as_by_the_published_model(
    model: EfficientNetLite0, name: str, published: dict[int, float]
) -> None:
    photo = images()[name]
    probability = model(photo.signal).softmax(1)[0]
    likeliest = probability.topk(len(published))
    assert likeliest.indices.tolist() == list(published)
    assert likeliest.values.tolist() == pytest.approx(list(published.values()), abs=0.01)
    assert photo.target == likeliest.indices[0]


def test_the_model_has_the_published_number_of_parameters(model: EfficientNetLite0) -> None:
    assert sum(parameter.numel() for parameter in model.parameters()) == 4_652_008


def test_the_model_is_ready_to_be_explained(model: EfficientNetLite0) -> None:
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not any(tensor.is_meta for tensor in model.state_dict().values())


def test_every_class_has_a_name(model: EfficientNetLite0) -> None:
    assert len(model.labels) == 1000
    assert [model.labels[index] for index in (0, ESPRESSO, TRIPOD, MOPED)] == ["tench", "espresso", "tripod", "moped"]


def test_the_gradient_reaches_every_pixel_of_the_input(model: EfficientNetLite0) -> None:
    signal = images()["cat"].signal.requires_grad_()
    score = model(signal)[:, EGYPTIAN_CAT].sum()
    (gradient,) = torch.autograd.grad(score, signal)
    assert gradient.shape == signal.shape
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(1) > 0).all()


def test_an_item_does_not_depend_on_its_neighbours(model: EfficientNetLite0) -> None:
    batch = torch.cat([photo.signal for photo in images().values()])
    together = model(batch)
    alone = torch.cat([model(item[None]) for item in batch])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5 * float(alone.abs().max()))


def test_images_of_other_sizes_are_taken(model: EfficientNetLite0) -> None:
    assert model(images(size=97)["cat"].signal[..., :64]).shape == (1, 1000)


def test_loading_leaves_the_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    image_model()
    assert torch.get_rng_state().equal(before)


def test_a_call_returns_a_model_of_its_own(model: EfficientNetLite0) -> None:
    torch.nn.init.zeros_(image_model().classifier.weight)
    assert model.classifier.weight.any()


def test_the_gradient_is_that_of_finite_differences() -> None:
    model = image_model().double()
    signal = images(size=64)["cat"].signal.double().requires_grad_()
    (gradient,) = torch.autograd.grad(model(signal)[0, EGYPTIAN_CAT], signal)
    direction = torch.linspace(-1, 1, signal.numel(), dtype=torch.float64).reshape_as(signal)
    step = 1e-7
    difference = model(signal + step * direction) - model(signal - step * direction)
    slope = difference[0, EGYPTIAN_CAT] / (2 * step)
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-4, atol=0)


def test_same_padding_puts_the_odd_zero_after_the_signal() -> None:
    summing = SameConv2d(1, 1, 3, stride=2)
    torch.nn.init.ones_(summing.weight)
    ramp = torch.tensor([[0.0, 1.0, 2.0, 3.0]]).reshape(1, 1, 1, 4).expand(1, 1, 4, 4)
    # columns 0 1 2 3 [0]: windows 0+1+2 and 2+3+0; rows alike: three rows, then two and one of zeros
    by_hand = torch.tensor([[9.0, 15.0], [6.0, 10.0]])
    torch.testing.assert_close(summing(ramp)[0, 0], by_hand, rtol=0, atol=0)


@pytest.mark.parametrize("size", [(5, 8), (7, 7), (1, 2), (12, 9)])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_same_padding_without_stride_is_that_of_torch(kernel: int, size: tuple[int, int]) -> None:
    convolution = SameConv2d(4, 4, kernel, groups=2)
    signal = torch.linspace(-1, 1, 4 * size[0] * size[1]).reshape(1, 4, *size)
    torch.testing.assert_close(convolution(signal), conv2d(signal, convolution.weight, padding="same", groups=2))


@pytest.mark.parametrize("size", [(5, 8), (7, 7), (1, 2), (12, 9)])
@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_same_padding_divides_the_size_by_the_stride_and_pads_no_more_than_needed(
    kernel: int, stride: int, size: tuple[int, int]
) -> None:
    convolution = SameConv2d(1, 1, kernel, stride=stride)
    signal = torch.linspace(-1, 1, size[0] * size[1]).reshape(1, 1, *size)
    margins: list[int] = []
    for length in reversed(size):  # the definition, from the facts of TensorFlow
        outputs = (length + stride - 1) // stride
        total = max((outputs - 1) * stride + kernel - length, 0)
        margins += [total // 2, total - total // 2]
    expected = conv2d(pad(signal, margins), convolution.weight, stride=stride)
    assert convolution(signal).shape[2:] == tuple(-(-length // stride) for length in size)
    torch.testing.assert_close(convolution(signal), expected)
