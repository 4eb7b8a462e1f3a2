"""The picture of a player, pixel by pixel, beside what NumPy draws of the same explanation."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import numpy as np
import pytest
import torch

import wam_widgets as wam
from tests.widgets.cases import RATE, sound
from tests.widgets.test_player import behind
from wam_widgets.transform.octaves import Axis, draw_tiles

from .expected_sound import COLUMNS, ROWS, Settings, heat, limit, picture
from .pages import Mount, View

#: Lengths that no column divides; short, long and biorthogonal filters, and none; one and two channels; with and
#: without errors and baselines.
CASES: dict[str, dict[str, Any]] = {
    "long filters, stereo": {"length": 1777, "channels": 2},
    "haar": {"length": 2713, "wavelet": "haar", "level": 4},
    "biorthogonal, from a baseline": {
        "length": 5003, "wavelet": "bior2.2", "method": "integrated_gradients", "baseline": 0.1,
    },
    "samples": {"length": 1501, "wavelet": None},
}  # fmt: skip


def agree(view: View, explanation: wam.Explanation, settings: Settings) -> None:
    """Compare all pixels, which may differ by one step of 255.

    The browser has the borders of tiles in 32 bits: where one meets a column's, it may lie on the other side. That
    happens to a few columns of a picture.
    """
    view.set(**{name: list(value) if isinstance(value, tuple) else value for name, value in vars(settings).items()})
    drawn, right = view.pixels(), picture(explanation, settings)
    assert drawn.shape == (ROWS, COLUMNS, 4)
    assert (drawn[..., 3] == 255).all()
    wrong = (np.abs(drawn[..., :3] - right) > 1.01).any(2)
    assert wrong.mean() < 0.004, (settings, wrong.mean(), np.argwhere(wrong)[:5])


@pytest.mark.parametrize("case", CASES)
def test_every_pixel_is_what_numpy_makes_of_the_explanation(mount: Mount, case: str) -> None:
    explanation = sound(**CASES[case])
    view = mount(wam.SpectrogramPlayer(explanation))
    seconds = explanation.size[0] / RATE
    for axis in ("log", "linear", "mel"):
        agree(view, explanation, Settings(axis=axis))
    agree(view, explanation, Settings(signed=True, signed_colours="PuOr", axis="mel"))
    agree(
        view,
        explanation,
        Settings(opacity=0.3, colours="Greys", limit=limit(explanation, "tiles", "log", signed=False) / 3),
    )
    agree(view, explanation, Settings(opacity=0.0))
    agree(view, explanation, Settings(span=(0.31 * seconds, 0.47 * seconds), axis="linear"))
    agree(view, explanation, Settings(only_kept=True, fraction=0.02))
    agree(view, explanation, Settings(only_kept=True, fraction=0.2, signed=True, span=(0.0, 0.3 * seconds)))
    if explanation.has_errors:
        agree(view, explanation, Settings(significant=True, rate=0.001))
        agree(view, explanation, Settings(significant=True, rate=0.5, signed=True, axis="linear"))
        agree(view, explanation, Settings(denoised=True, only_kept=True, fraction=0.1, significant=True))


def test_the_attribution_at_the_front_end_is_drawn_where_its_rows_and_frames_are(mount: Mount) -> None:
    explanation = behind()
    view = mount(wam.SpectrogramPlayer(explanation, look="features"))
    for axis in ("mel", "log", "linear"):
        agree(view, explanation, Settings(look="features", axis=axis))
    agree(view, explanation, Settings(look="features", signed=True, opacity=0.5))
    agree(view, explanation, Settings(look="features", span=(0.05, 0.12), only_kept=True, fraction=0.3))
    agree(view, explanation, Settings(look="features", significant=True, rate=0.2))
    agree(view, explanation, Settings(look="features", denoised=True, only_kept=True, fraction=0.1, axis="mel"))
    agree(view, explanation, Settings(axis="mel"))
    assert view.canvas.evaluate("canvas => canvas.closest('.wam-explorer').dataset.look") == "tiles"


def test_what_is_expected_is_the_engine_s_own_map() -> None:
    """The oracle, held against the engine: of a long sound, whose columns cover many tiles of every scale.

    The engine shows the stronger of both scales in the row that the border between their octaves runs through, and its
    time begins half a sample earlier.
    """
    explanation = sound(2**16, wavelet="haar", level=3, method="saliency", samples=1)
    magnitudes = explanation.attribution.map(torch.abs)
    for axis in get_args(Axis):
        drawn = heat(explanation, Settings(axis=axis))[::-1]
        engine = draw_tiles(magnitudes, float(RATE), axis=axis, rows=ROWS, columns=COLUMNS)
        alike = np.isclose(drawn, engine.values, rtol=1e-5)
        borders = np.array([RATE / 2**j for j in (4, 3, 2)])
        at_border = [int(np.searchsorted(engine.frequency_edges, each, side="left")) - 1 for each in borders]
        away = np.setdiff1d(np.arange(ROWS), [*at_border, *(row + 1 for row in at_border)])
        assert alike[away].mean() > 0.97, axis
        assert len(away) > ROWS - 7


def test_silence_is_drawn_in_the_colour_of_nothing(mount: Mount) -> None:
    given = sound(900)
    nothing = dataclasses.replace(given, signal=0 * given.signal, gradient=0 * given.gradient, groups=None)
    view = mount(wam.SpectrogramPlayer(nothing))
    colours = np.unique(view.pixels()[..., :3].reshape(-1, 3), axis=0)
    assert len(colours) == 1
    assert "all zero" in view.place.inner_text()
    assert "Nothing is left to be heard." in view.place.inner_text()


def test_a_pure_tone_is_bright_at_its_own_frequency_on_every_axis(mount: Mount) -> None:
    time = torch.arange(8000) / RATE
    tone = 0.5 * torch.sin(2 * torch.pi * 1500 * time)[None, None]
    view = mount(wam.SpectrogramPlayer(sound(signal=tone, level=4), opacity=0.0))
    bottom = RATE / 2**6
    for axis, height in (("linear", 1500 / 4000), ("log", np.log2(1500 / bottom) / np.log2(RATE / 2 / bottom))):
        view.set(axis=axis)
        bright = view.pixels()[:, 500, :3].astype(int).sum(1)
        assert ROWS * (1 - height) == pytest.approx(bright.argmax(), abs=4)
        labels = view.place.locator(".wam-up span").all()
        places = {each.inner_text(): each.evaluate("span => parseFloat(span.style.bottom)") for each in labels}
        assert places["1000"] / 100 < height < places["2000"] / 100
