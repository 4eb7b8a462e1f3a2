"""What is read off at a pixel, beside the engine's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wam_widgets as wam
from wam_widgets.plots.words import number
from wam_widgets.transform.geometry import cells, positions

from .explanations import explained
from .pages import Mount, View

KINDS = {"horizontal": "da", "vertical": "ad", "diagonal": "dd"}  # which axes were high-pass filtered: down, right
NOTHING_YET = (
    "Point at the picture to read off its coefficients; click, or press the arrow keys on it, to keep a place."
)
HINT = "Coefficients ± standard error, summed over channels:"


def where(view: View) -> str:
    """Return the sentence above the table."""
    view.settled()
    return view.place.locator(".wam-readout > div").first.inner_text()


def table(view: View) -> list[list[str]]:
    """Return the table, row by row; the first names the columns."""
    view.settled()
    rows = view.place.get_by_role("region", name="coefficients at this place").get_by_role("row").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def holder(explanation: wam.Explanation, level: int, kinds: str, pixel: tuple[int, int]) -> tuple[int, int]:
    """Return the row and column of the coefficient of a band whose cell holds a pixel; of several, the middle one."""
    if explanation.wavelet is None:
        return pixel
    place = []
    for samples, kind, at in zip(explanation.size, kinds, pixel, strict=True):
        tiling = cells(samples, explanation.wavelet, level, kind)
        here = np.flatnonzero(tiling.tile == np.searchsorted(tiling.edges, at, side="right") - 1)
        place.append(int(here[(len(here) - 1) // 2]))
    return place[0], place[1]


def expected(explanation: wam.Explanation, pixel: tuple[int, int], *, errors: bool = True) -> list[list[str]]:
    """Return the table for a pixel."""
    error = dict(zip(*split(explanation.standard_error(channel_sums=True)), strict=True)) if errors else {}
    rows: dict[str, list[str]] = {}
    levels = [explanation.level, *range(explanation.level, 0, -1)]
    for (scale, orientation), band in zip(*split(explanation.attribution), strict=True):
        level = levels[explanation.scales.index(scale)]
        at = holder(explanation, level, KINDS.get(orientation, "aa"), pixel)
        text = number(float(band[at]))
        text += f" ± {number(float(error[scale, orientation][at]))}" if errors else ""
        rows.setdefault(scale, []).append(text)
    return [[scale, *row] for scale, row in rows.items()]


def split(coefficients: Any) -> tuple[list[tuple[str, str]], list[Any]]:
    """Return the names of the bands, and each band's sum over channels."""
    bands = list(coefficients.bands())
    return [(scale, orientation) for scale, orientation, _ in bands], [band[0].sum(0).numpy() for *_, band in bands]


@pytest.mark.parametrize(
    "options",
    [
        {"size": (21, 34), "wavelet": "db4"},
        {"size": (40, 17), "wavelet": "bior2.2", "channels": 4},
        {"size": (16, 23), "wavelet": "haar", "level": 3},
    ],
    ids=lambda options: options["wavelet"],
)
def test_pointing_reads_off_the_coefficients_whose_cells_hold_the_pixel(mount: Mount, options: dict[str, Any]) -> None:
    explanation = explained(**options)
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    heat = explanation.heatmap()[0].numpy()
    height, width = explanation.size
    assert where(view) == NOTHING_YET
    for row, column in [(0, 0), (height - 1, width - 1), (height // 2, 3), (2, width // 2), (height - 2, 1)]:
        view.point_at(row, column)
        assert where(view) == f"x {column} px, y {row} px, heat map {number(float(heat[row, column]))}. {HINT}"
        head, *rows = table(view)
        assert head == ["scale", "horizontal", "vertical", "diagonal"]
        assert rows == expected(explanation, (row, column))
    view.page.mouse.move(0, 0)
    assert where(view) == NOTHING_YET


def test_without_a_wavelet_there_is_one_value_per_pixel(mount: Mount) -> None:
    explanation = explained((8, 11), wavelet=None, channels=1)
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    view.point_at(3, 7)
    assert where(view).endswith("Coefficients ± standard error:")
    value, error = (each[0, 0, 3, 7] for each in (explanation.gradient, explanation.standard_error().approximation))
    assert table(view) == [["scale", "value"], ["samples", f"{number(float(value))} ± {number(float(error))}"]]


def test_where_there_are_no_errors_none_is_read_off(mount: Mount) -> None:
    explanation = explained((12, 10), wavelet="haar", method="integrated_gradients")
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    view.point_at(4, 4)
    assert table(view)[1:] == expected(explanation, (4, 4), errors=False)
    assert where(view).endswith("Coefficients, summed over channels:")


def test_what_is_denoised_is_read_off_denoised_and_without_its_error(mount: Mount) -> None:
    explanation = explained((12, 10), wavelet="haar")
    view = mount(wam.ImageExplorer(explanation, per="sample", denoised=True))
    view.point_at(4, 4)
    assert table(view)[1:] == expected(explanation.denoised(), (4, 4), errors=False)
    assert "standard error" not in where(view)


def test_what_is_hidden_says_so(mount: Mount) -> None:
    explanation = explained((12, 10), wavelet="haar", level=1)
    view = mount(wam.ImageExplorer(explanation, per="sample", significant=True, rate=0.01))
    found = explanation.significant(0.01)
    seen = set()
    for row, column in [(0, 0), (3, 3), (5, 8), (8, 2), (10, 6)]:
        view.point_at(row, column)
        hidden = [not bool(band[0, :, row // 2, column // 2].any()) for *_, band in found.bands()]
        texts = [cell for _, *cells_ in table(view)[1:] for cell in cells_]
        assert [text.endswith(" (hidden)") for text in texts] == hidden
        seen |= set(hidden)
    assert seen == {True, False}


def test_the_heat_that_is_read_off_follows_weights_and_amounts(mount: Mount) -> None:
    explanation = explained((16, 12), wavelet="haar")
    view = mount(wam.ImageExplorer(explanation, per="sample", weights=[0.5, 0, 2], cursor=[7, 5]))
    maps = explanation.maps()[0, :, 7, 5].tolist()
    assert f"heat map {number(0.5 * maps[0] + 2 * maps[2])}." in where(view)
    view.set(per="cell")
    assert f"heat map {number(16 * 0.5 * maps[0] + 4 * 2 * maps[2])}." in where(view)
    view.set(look="image")
    assert "heat map" not in where(view)


def test_a_click_leaves_the_cursor_where_it_was(mount: Mount) -> None:
    explanation = explained()
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    view.point_at(11, 29)
    view.page.mouse.down()
    view.page.mouse.up()
    assert view.state["cursor"] == [11, 29]
    view.page.mouse.move(0, 0)
    assert table(view)[1:] == expected(explanation, (11, 29))
    view.until("model => model.saves === 1")


def test_a_tap_is_a_click(mount: Mount) -> None:
    view = mount(wam.ImageExplorer(explained((12, 10), wavelet="haar")), has_touch=True)
    box = view.drawn_box(8, 3)
    view.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    view.until("model => model.get('cursor').join() === '8,3'")
    assert where(view).startswith("x 3 px, y 8 px")


def test_arrow_keys_move_the_cursor_and_tell_what_is_there(mount: Mount) -> None:
    explanation = explained()
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    view.picture.focus()
    row, column = 10, 17  # it begins in the middle
    moves = [("ArrowUp", -1, 0), ("ArrowRight", 0, 1), ("Shift+ArrowDown", 10, 0), ("ArrowLeft", 0, -1)]
    for key, down, right in moves:
        view.page.keyboard.press(key)
        row, column = min(row + down, 20), column + right
        assert view.state["cursor"] == [row, column], key
        assert table(view)[1:] == expected(explanation, (row, column))
    told = view.place.get_by_role("status").filter(has_text="heat map").inner_text()
    assert told.startswith(f"x {column} px, y {row} px, heat map ")
    assert expected(explanation, (row, column))[2][3] in told
    for _ in range(4):
        view.page.keyboard.press("Shift+ArrowLeft")
        view.page.keyboard.press("Shift+ArrowDown")
    assert view.state["cursor"] == [20, 0]


@pytest.mark.parametrize("wavelet", ["haar", "db4"])
def test_the_mosaic_names_the_coefficient_that_is_pointed_at(mount: Mount, wavelet: str) -> None:
    explanation = explained(wavelet=wavelet)
    view = mount(wam.ImageExplorer(explanation, per="sample", look="mosaic"))
    attribution, error = explanation.attribution, explanation.standard_error(channel_sums=True)
    a, d2 = attribution.approximation.shape[2:], attribution.details[0]["diagonal"].shape[2:]
    corners = {
        ("approximation", 0): (0, 0),
        ("detail 2", 2): (0, a[1]),
        ("detail 1", 1): (a[0] + d2[0], 0),
        ("detail 1", 3): (a[0] + d2[0], a[1] + d2[1]),
    }
    for number_of_band, ((scale, column), corner) in enumerate(corners.items()):
        row_in_band, column_in_band = 1 + number_of_band, d2[1] - 1 - number_of_band
        view.point_at(corner[0] + row_in_band, corner[1] + column_in_band)
        bands, errors = (dict(each.by_scale())[scale] for each in (attribution, error))
        orientation = list(bands)[max(column - 1, 0)]
        value = float(bands[orientation][0, :, row_in_band, column_in_band].sum())
        spread = float(errors[orientation][0, 0, row_in_band, column_in_band])
        pointed = view.place.locator(".wam-pointed")
        assert pointed.inner_text() == f"{number(value)} ± {number(spread)}"
        assert table(view)[1 + attribution.scales.index(scale)][max(column, 1)] == pointed.inner_text()
        # A click moves the cursor to the coefficient's place in the image.
        view.page.mouse.down()
        view.page.mouse.up()
        level = 1 if scale == "detail 1" else 2
        place = [
            round(float(positions(samples, wavelet, level, kind)[at]))
            for samples, kind, at in zip(
                explanation.size, KINDS.get(orientation, "aa"), (row_in_band, column_in_band), strict=True
            )
        ]
        assert view.state["cursor"] == pytest.approx(place, abs=1)


def test_places_are_in_the_units_of_the_grid(mount: Mount) -> None:
    grid = wam.Grid(("depth", "width"), (0.5, 0.02), ("m", "mm"))
    view = mount(wam.ImageExplorer(explained((12, 10), wavelet="haar", grid=grid), cursor=[3, 7]))
    assert where(view).startswith("width 0.14 mm, depth 1.5 m, heat map ")


def test_up_to_its_very_edge_the_pixel_under_the_pointer_is_read_off(mount: Mount) -> None:
    view = mount(wam.ImageExplorer(explained((160, 150), channels=1, wavelet="haar", level=1, method="saliency")))
    for zoom in (1, 2):
        view.set(zoom=zoom, centre=[0.5, 0.5])
        (top, bottom), (left, right) = ((0, 159), (0, 149)) if zoom == 1 else ((40, 119), (38, 111))
        for row, column in [(top, left), (top + 1, right), (bottom, left + 2), (100, right - 1)]:
            for corner in (0.1, 0.9):
                view.point_at(row, column, down=corner, right=corner)
                assert where(view).startswith(f"x {column} px, y {row} px"), (zoom, row, column, corner)
