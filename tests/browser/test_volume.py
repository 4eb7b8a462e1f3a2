"""Volumes in a page: what is projected where, what slices and the readout say, and what moves nothing but a number."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, expect

import wam_widgets as wam
from wam_widgets.export import page as page_of
from wam_widgets.transform.geometry import spread
from wam_widgets.widgets.volume_view import ROTATION

from .expected import TABLES
from .pages import Mount, View

#: As in camera.js: half of what is seen from top to bottom at a zoom of 1, in longest sides.
HALF_HEIGHT = 0.85

#: What is on the canvas at rest, in the frame that draws it; browsers forget it afterwards.
_SEEN = """(place, traits) => new Promise((done) => {
  place.model.update(traits);
  requestAnimationFrame(function look() {
    if (place.querySelector(".wam-volume").dataset.moving === "true") {
      requestAnimationFrame(look);
      return;
    }
    const drawn = place.querySelector(".wam-camera canvas");
    const copy = new OffscreenCanvas(drawn.width, drawn.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(drawn, 0, 0);
    const { data } = copy.getImageData(0, 0, drawn.width, drawn.height);
    let text = "";
    for (let at = 3; at < data.length; at += 4) text += String.fromCharCode(data[at]);
    done([drawn.width, btoa(text)]);
  });
})"""

#: How many pixels are on the canvas when a page is about to be printed.
_PRINTED = """place => window.matchMedia("print").addEventListener("change", () => {
  const drawn = place.querySelector(".wam-camera canvas");
  const copy = new OffscreenCanvas(drawn.width, drawn.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(drawn, 0, 0);
  const { data } = copy.getImageData(0, 0, drawn.width, drawn.height);
  window.printed = data.filter((each, at) => at % 4 === 3 && each > 0).length;
})"""

#: Counts what is sent to the graphics memory.
_COUNTING = """
window.uploads = 0;
const upload = WebGL2RenderingContext.prototype.texImage3D;
WebGL2RenderingContext.prototype.texImage3D = function (...given) {
  window.uploads += 1;
  return upload.apply(this, given);
};
"""


def seen(view: View, **traits: Any) -> NDArray[np.float64]:
    """Return how opaque every pixel of the picture is, from 0 to 1, after setting traits."""
    # Another setting first, so that something is drawn even if none of these changes anything.
    view.set(density=0.123)
    side, data = view.place.evaluate(_SEEN, {"density": 0.0} | traits)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(side, side) / 255.0


def centroid(picture: NDArray[np.float64]) -> tuple[float, float]:
    """Return where what is drawn lies: right and up of the middle, in longest sides at a zoom of 1."""
    side = len(picture)
    weights = picture / picture.sum()
    y, x = np.mgrid[:side, :side] + 0.5
    right, down = ((weights * at).sum() / side * 2 - 1 for at in (x, y))
    return HALF_HEIGHT * right, -HALF_HEIGHT * down


def dot(size: tuple[int, int, int], voxel: tuple[int, int, int], **options: Any) -> wam.Explanation:
    """Explain a score that hangs on one voxel, in the voxels themselves."""
    where = torch.zeros(1, 1, *size)
    where[0, 0][voxel] = 1
    signal = where.clone()
    return wam.explain(
        lambda volume: (volume * where).flatten(1).sum(1, keepdim=True), signal, 0,
        method="saliency", wavelet=None, progress=False, **options,
    )  # fmt: skip


def smooth(size: tuple[int, int, int] = (12, 9, 14), **options: Any) -> wam.Explanation:
    """Explain noise by a network with a gradient that isn't constant."""
    signal = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(signal.numel(), 2, generator=torch.Generator().manual_seed(2)) / 20
    given: dict[str, Any] = {"wavelet": "haar", "level": 2, "samples": 12, "noise": 0.1, "progress": False}
    return wam.explain(lambda volume: torch.tanh(volume.flatten(1) @ weights), signal, 0, **given | options)


def slices(view: View) -> Locator:
    return view.place.locator(".wam-slice")


def volume(view: View) -> Locator:
    return view.place.locator(".wam-camera")


# -------------------------------------------------------------------------------------------------- what is seen in 3-D

#: Screen axes by hand: at 0 degrees the camera looks against x, at 90 against y, and from above against z.
VIEWS = {
    (0.0, 0.0): lambda z, y, x: (y, z),
    (90.0, 0.0): lambda z, y, x: (-x, z),
    (180.0, 0.0): lambda z, y, x: (-y, z),
    (0.0, 90.0): lambda z, y, x: (y, -x),
}


@pytest.mark.parametrize("rotation", VIEWS)
@pytest.mark.parametrize("what", ["input", "attribution"])
@pytest.mark.parametrize(
    ("size", "spacing"), [((16, 16, 16), (1.0, 1.0, 1.0)), ((16, 12, 10), (1.0, 4.0, 1.0))], ids=["cube", "box"]
)
def test_a_bright_voxel_appears_where_the_projection_says(
    mount: Mount,
    rotation: tuple[float, float],
    what: str,
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
) -> None:
    voxel, grid = (12, 3, 5), wam.Grid(("z", "y", "x"), spacing, ("mm",) * 3)
    view = mount(wam.VolumeViewer(dot(size, voxel, grid=grid), look="maximum"), forgiving=True)
    only = {"input": {"density": 1, "opacity": 0}, "attribution": {"density": 0, "opacity": 1}}[what]
    picture = seen(view, rotation=list(rotation), **only)
    sides = np.array(size) * spacing
    place = ((np.array(voxel) + 0.5) / size - 0.5) * sides / sides.max()
    assert picture.max() > 0.5
    assert np.allclose(centroid(picture), VIEWS[rotation](*place), atol=0.006)


def test_spacing_stretches_the_volume_and_zoom_and_pan_move_it(mount: Mount) -> None:
    grid = wam.Grid(("z", "y", "x"), (2.0, 1.0, 1.0), ("mm", "mm", "mm"))
    size, voxel = (16, 16, 16), (15, 0, 8)
    view = mount(wam.VolumeViewer(dot(size, voxel, grid=grid), look="maximum"), forgiving=True)
    still = {"rotation": [0, 0], "opacity": 1}
    place = ((0.5 / 16 - 0.5) / 2, 15.5 / 16 - 0.5)  # y is half as long as z
    assert np.allclose(centroid(seen(view, **still)), place, atol=0.006)
    moved = centroid(seen(view, **still, pan=[0.25, -0.125]))
    assert np.allclose(moved, (place[0] + 0.25, place[1] - 0.125), atol=0.006)
    smaller = centroid(seen(view, **still, pan=[0, 0], zoom=0.5))
    assert np.allclose(smaller, (place[0] / 2, place[1] / 2), atol=0.006)
    expect(view.place.locator(".wam-scalebar")).to_have_text("20 mm")


def test_axes_that_share_a_unit_keep_their_proportions_beside_one_of_another(mount: Mount) -> None:
    grid = wam.Grid(("time", "y", "x"), (0.04, 2.0, 1.0), ("s", "mm", "mm"))
    view = mount(wam.VolumeViewer(dot((16, 16, 16), (15, 0, 8), grid=grid), look="maximum"), forgiving=True)
    # y is twice as long as x, and time has the steps of x.
    assert np.allclose(
        centroid(seen(view, rotation=[0, 0], opacity=1)), (0.5 / 16 - 0.5, (15.5 / 16 - 0.5) / 2), atol=0.006
    )
    expect(view.place.locator(".wam-scalebar")).to_have_text("16 × 16 × 16 voxels")


def test_another_axis_points_up_where_the_grid_says_so(mount: Mount) -> None:
    grid = wam.Grid(("depth", "up", "width"), (1.0,) * 3, ("voxel",) * 3)
    view = mount(wam.VolumeViewer(dot((16, 16, 16), (12, 13, 2), grid=grid), look="maximum"), forgiving=True)
    assert view.state["up"] == 1
    place = (2.5 / 16 - 0.5, 13.5 / 16 - 0.5)  # at 0 degrees the camera looks against the depth
    assert np.allclose(centroid(seen(view, rotation=[0, 0], opacity=1)), place, atol=0.006)
    front = slices(view).nth(0)
    expect(front).to_have_attribute("aria-label", re.compile("^slice across depth: up up, width to the right"))
    box = front.bounding_box()
    assert box is not None
    view.page.mouse.click(box["x"] + box["width"] * 2.5 / 16, box["y"] + box["height"] * 2.5 / 16)
    assert view.state["cursor"] == [8, 13, 2]
    front.press("ArrowUp")
    assert view.state["cursor"] == [8, 14, 2]


def test_a_faint_scale_alone_is_as_exact_as_a_strong_one(mount: Mount) -> None:
    coarse = 0.001 * torch.rand(4, 4, 4, generator=torch.Generator().manual_seed(1))
    weights = coarse.repeat_interleave(4, 0).repeat_interleave(4, 1).repeat_interleave(4, 2)
    sign = torch.tensor([1.0, -1.0])
    weights[:2, :2, :2] += torch.einsum("i,j,k->ijk", sign, sign, sign)  # one coefficient of the finest scale
    explanation = wam.explain(
        lambda volume: (volume * weights).flatten(1).sum(1, keepdim=True), torch.ones(1, 1, 16, 16, 16), 0,
        method="saliency", wavelet="haar", level=2, progress=False,
    )  # fmt: skip
    maps = explanation.maps()[0].double().numpy()
    assert maps[2].max() > 100 * maps[0].max()
    cells = np.array([64, 64, 8])
    faint = cells[0] * maps[0]
    viewer = wam.VolumeViewer(explanation, look="maximum", per="cell", threshold=0, limit=float(faint.max()))
    view = mount(viewer, forgiving=True)
    for traits in ({"weights": [1, 0, 0]}, {"weights": [1, 0, 0], "signed": True}):
        picture = seen(view, rotation=[0, 0], opacity=1, **traits)
        side = len(picture)
        places = np.round(((np.arange(16) + 0.5) / 16 - 0.5) / HALF_HEIGHT * side / 2 + side / 2).astype(int)
        found = picture[side - places[:, None], places[None]]  # z upwards, y to the right
        value = faint.max(2) / faint.max()
        fraction = 0.5 + value / 2 if "signed" in traits else value
        table = TABLES[view.state["signed_colours"] if "signed" in traits else "magma"]
        expected = table[np.round(1023 * np.clip(fraction, 0, 1)).astype(int), 3] / 255
        inside = np.ix_(*[[1, 2, 5, 6, 9, 10, 13, 14]] * 2)  # of cells, away from where neighbours are mixed
        assert np.abs(found - expected)[inside].max() < (0.02 if "signed" in traits else 0.012)


def test_what_cannot_be_told_from_zero_is_hidden_in_3d(mount: Mount) -> None:
    sure, chance = (3, 3, 3), (12, 12, 12)
    where = torch.zeros(1, 1, 16, 16, 16)
    where[0, 0][sure] = 1
    signal = where.clone()
    # The gradient at the other voxel is the noise itself.
    explanation = wam.explain(
        lambda volume: ((volume * where).flatten(1).sum(1) + volume[:, 0, *chance] ** 2)[:, None], signal, 0,
        samples=12, noise=0.5, wavelet=None, progress=False,
    )  # fmt: skip
    view = mount(wam.VolumeViewer(explanation, look="maximum", threshold=0.01, limit=0.1), forgiving=True)
    both = centroid(seen(view, rotation=[0, 0], opacity=1))
    one = centroid(seen(view, rotation=[0, 0], opacity=1, significant=True))
    assert np.allclose(both, (0, 0), atol=0.1)
    assert np.allclose(one, (3.5 / 16 - 0.5, 3.5 / 16 - 0.5), atol=0.006)


@pytest.mark.parametrize("look", ["volume", "maximum", "surface"])
def test_what_is_cut_or_too_weak_or_without_weight_is_not_drawn(mount: Mount, look: str) -> None:
    view = mount(wam.VolumeViewer(dot((16, 16, 16), (12, 3, 5)), look=look), forgiving=True)
    shown = {"opacity": 1.0, "curve": 0.5}
    assert seen(view, **shown).sum() > 10
    assert seen(view, **shown, clip=[0, 0.5, 0, 1, 0, 1]).sum() == 0
    assert seen(view, **shown, clip=[0.5, 1, 0, 0.5, 0, 0.5]).sum() > 10
    assert seen(view, **shown, weights=[0.1]).sum() == 0  # below the threshold
    assert seen(view, **shown, weights=[1]).sum() > 10
    assert seen(view, **shown | {"opacity": 0}).sum() == 0


def test_a_slider_sends_no_array_to_the_graphics_memory_or_the_kernel(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(smooth()), forgiving=True, script=_COUNTING)
    before = seen(view, opacity=1.0)
    uploads = view.page.evaluate("uploads")
    assert uploads > 0
    after = seen(view, weights=[1, 0, 0])
    assert view.page.evaluate("uploads") == uploads
    assert not np.array_equal(before, after)
    view.place.evaluate("place => place.model.update({ _errors: { ...place.model.get('_errors') } })")
    view.settled()
    assert view.page.evaluate("uploads") == uploads  # errors that arrive are only read off
    view.set(signed=True)
    view.settled()
    assert view.page.evaluate("uploads") > uploads  # signs are other numbers


def test_a_lost_context_is_made_anew(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(dot((16, 16, 16), (12, 3, 5)), look="maximum"), forgiving=True)
    before = seen(view, opacity=1)
    view.place.evaluate("""async (place) => {
      const canvas = place.querySelector(".wam-camera canvas");
      const lost = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
      lost.loseContext();
      const back = new Promise((done) => canvas.addEventListener("webglcontextrestored", done, { once: true }));
      await new Promise((done) => setTimeout(done)); // the loss is told in a task of its own
      window.back = () => (lost.restoreContext(), back);
    }""")
    expect(view.place.get_by_text("The browser has lost its graphics memory")).to_be_visible()
    expect(volume(view)).to_be_hidden()
    view.page.evaluate("back()")
    expect(volume(view)).to_be_visible()
    assert np.array_equal(seen(view, opacity=1), before)


def test_a_volume_is_drawn_for_paper_too(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(dot((16, 16, 16), (12, 3, 5)), look="maximum"), forgiving=True)
    view.settled()  # and forgotten
    view.place.evaluate(_PRINTED)
    view.page.emulate_media(media="print")
    view.until("() => window.printed !== undefined")
    assert view.page.evaluate("window.printed") > 0


def test_thirty_viewers_one_after_another_leave_no_context_behind(mount: Mount) -> None:
    html = page_of([wam.VolumeViewer(dot((8, 8, 8), (4, 4, 4)))], title="A test")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", html)  # its hash is that of other code
    view = mount.open(
        html.replace("mount({ VolumeView", "window.drawn = VolumeView;\nmount({ VolumeView"), forgiving=True
    )
    lost = view.place.evaluate("""async (place) => {
      place.close();
      let lost = 0;
      for (let count = 0; count < 30; count++) {
        const el = document.createElement("div");
        document.body.append(el);
        const close = drawn.render({ model: place.model, el });
        await new Promise(requestAnimationFrame);
        const gl = el.querySelector(".wam-camera canvas").getContext("webgl2");
        if (gl.isContextLost()) throw new Error(`viewer ${count} has no context`);
        close();
        await new Promise((done) => setTimeout(done));
        lost += gl.isContextLost();
        if (el.children.length) throw new Error("something is left");
      }
      return lost;
    }""")
    assert lost == 30


# ----------------------------------------------------------------------------------------------- slices and the readout


def painted(map_: NDArray[np.float64], grey: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Return a slice as it is to be painted at full opacity."""
    table = TABLES["magma"]
    colours = table[np.round(1023 * np.clip(map_ / limit, 0, 1)).astype(int)]
    alpha = colours[..., 3:] / 255
    pale = 89.25 + 0.65 * grey[..., None]
    return np.asarray(pale + alpha * (colours[..., :3] - pale))


def test_the_slices_are_those_of_the_arrays(mount: Mount) -> None:
    explanation = smooth()
    viewer = wam.VolumeViewer(explanation, weights=[1, 0.5, 2], cursor=[3, 7, 11])
    view = mount(viewer, forgiving=True)
    maps = spread(explanation.attribution.map(torch.abs), orientations=False)[0].double().numpy()
    cells = np.array([64, 64, 8])
    plain = np.tensordot(cells, maps, axes=1)
    mixed = np.tensordot(cells * [1, 0.5, 2], maps, axes=1)
    signal = explanation.signal[0, 0].double().numpy()
    grey = np.round(255 * (signal - signal.min()) / (signal.max() - signal.min()))
    limit = float(np.percentile(np.abs(plain), 99.5))
    for across, at in enumerate([3, 7, 11]):
        canvas = slices(view).nth(across).locator("canvas")
        height, width, data = canvas.evaluate(
            """(canvas) => {
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              let text = "";
              for (const byte of data) text += String.fromCharCode(byte);
              return [canvas.height, canvas.width, btoa(text)];
            }"""
        )
        drawn = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]
        expected = painted(mixed.take(at, across), grey.take(at, across), limit)
        assert np.abs(drawn - expected).max() <= 2


def test_the_readout_has_the_values_of_the_voxel(mount: Mount) -> None:
    explanation = smooth(grid=wam.Grid(("z", "y", "x"), (2.0, 0.5, 0.5), ("mm", "mm", "mm")))
    view = mount(wam.VolumeViewer(explanation, cursor=[3, 7, 11]), forgiving=True)
    text = view.place.locator(".wam-readout > div").first.inner_text()
    assert text.startswith("Voxel [3, 7, 11], x 5.5 mm, y 3.5 mm, z 6 mm from the first voxel: input ")
    value = float(explanation.signal[0, 0, 3, 7, 11])
    assert float(text.split("input ")[1].split(",")[0]) == pytest.approx(value, rel=0.006)
    cells = view.place.locator(".wam-readout tbody tr").nth(2).locator("td").all_inner_texts()
    coefficients, errors = (
        each.details[1] for each in (explanation.attribution, explanation.standard_error(channel_sums=True))
    )
    # haar: coefficient k of detail 1 holds voxels 2 k and 2 k + 1
    for cell, (name, band) in zip(cells, coefficients.items(), strict=True):
        found, error = (float(part.replace("−", "-")) for part in cell.split(" ± "))
        assert found == pytest.approx(float(band[0, 0, 1, 3, 5]), rel=0.006)
        assert error == pytest.approx(float(errors[name][0, 0, 1, 3, 5]), rel=0.006)


def test_an_affine_makes_places_world_coordinates(mount: Mount) -> None:
    turned = ((0.0, -0.5, 0.0, 10.0), (0.0, 0.0, 0.5, 20.0), (2.0, 0.0, 0.0, -30.0), (0.0, 0.0, 0.0, 1.0))
    grid = wam.Grid(("z", "y", "x"), (2.0, 0.5, 0.5), ("mm", "mm", "mm"), turned)
    view = mount(wam.VolumeViewer(smooth(grid=grid), cursor=[3, 7, 11]), forgiving=True)
    text = view.place.locator(".wam-readout > div").first.inner_text()
    assert text.startswith("Voxel [3, 7, 11], x 6.5 mm, y 25.5 mm, z −24 mm in world coordinates: input ")
    expect(view.place.get_by_role("slider", name="slice along z")).to_have_attribute("aria-valuetext", "z −24 mm")


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 8.0, 1.0)])
def test_slices_keep_their_proportions_however_tall(mount: Mount, spacing: tuple[float, float, float]) -> None:
    grid = wam.Grid(("z", "y", "x"), spacing, ("mm", "mm", "mm"))
    view = mount(wam.VolumeViewer(smooth(grid=grid)), forgiving=True)
    sides = np.array((12, 9, 14)) * spacing
    for across, (down, right) in enumerate([(1, 2), (0, 2), (0, 1)]):
        box = slices(view).nth(across).bounding_box()
        assert box is not None
        assert box["height"] <= 322
        assert box["width"] / box["height"] == pytest.approx(sides[right] / sides[down], rel=0.02)


@pytest.mark.parametrize("size", [(2, 60, 60), (60, 60, 2)])
def test_flat_slices_are_thick_enough_to_point_at(mount: Mount, size: tuple[int, int, int]) -> None:
    view = mount(wam.VolumeViewer(smooth(size, level=1), cursor=[0, 0, 0]), forgiving=True)
    for across in range(3):
        box = slices(view).nth(across).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 28
        assert max(box["width"], box["height"]) <= 322
    flat = slices(view).nth(1)
    box = flat.bounding_box()
    assert box is not None
    view.page.mouse.click(box["x"] + box["width"] * (0.5 / size[2]), box["y"] + box["height"] * (0.5 / size[0]))
    assert view.state["cursor"] == [size[0] - 1, 0, 0]


@pytest.mark.parametrize(("spacing", "words"), [(1.0, "x 1234 voxel"), (0.3125, "x 385.625 voxel")])
def test_every_voxel_has_a_position_of_its_own(mount: Mount, spacing: float, words: str) -> None:
    grid = wam.Grid(("z", "y", "x"), (1.0, 1.0, spacing), ("voxel",) * 3)
    view = mount(
        wam.VolumeViewer(smooth((4, 4, 1500), grid=grid, level=1, samples=2), cursor=[1, 1, 1234]), forgiving=True
    )
    text = view.place.locator(".wam-readout > div").first
    expect(text).to_contain_text(f"Voxel [1, 1, 1234], {words}, y 1 voxel, z 1 voxel from the first voxel")
    expect(view.place.get_by_role("slider", name="slice along x")).to_have_attribute("aria-valuetext", words)


def test_the_cross_hair_is_moved_on_slices_by_pointer_and_keys(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(smooth(), cursor=[0, 0, 0]), forgiving=True)
    first = slices(view).nth(0)  # across z: y down, x to the right
    box = first.bounding_box()
    assert box is not None
    view.page.mouse.click(box["x"] + box["width"] * 10.5 / 14, box["y"] + box["height"] * 4.5 / 9)
    assert view.state["cursor"] == [0, 4, 10]
    first.press("ArrowDown")
    first.press("ArrowLeft")
    first.press("PageUp")
    first.press("Shift+PageUp")
    assert view.state["cursor"] == [11, 5, 9]
    second = slices(view).nth(1)  # across y: z up, as the volume stands
    second.press("ArrowUp")
    assert view.state["cursor"] == [11, 5, 9]  # there is no more above
    second.press("ArrowDown")
    assert view.state["cursor"] == [10, 5, 9]
    box = second.bounding_box()
    assert box is not None
    view.page.mouse.click(box["x"] + box["width"] * 9.5 / 14, box["y"] + box["height"] * 0.5 / 12)
    assert view.state["cursor"] == [11, 5, 9]
    view.place.get_by_role("slider", name="slice along y").fill("2")
    assert view.state["cursor"] == [11, 2, 9]
    view.set(cursor=[1, 2, 3])
    expect(view.place.get_by_role("slider", name="slice along x")).to_have_value("3")


# ----------------------------------------------------------------------------------------------------------- the camera


def test_the_camera_is_turned_moved_and_reset_by_pointer_and_keys(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(smooth()), forgiving=True)
    pane = volume(view)
    pane.press("ArrowRight")
    pane.press("ArrowDown")
    assert view.state["rotation"] == [30, 30]
    pane.press("Shift+ArrowUp")
    assert view.state["pan"] == [0, 0.05]
    pane.press("+")
    assert view.state["zoom"] == 1.25
    box = pane.bounding_box()
    assert box is not None
    view.page.mouse.move(box["x"] + 100, box["y"] + 100)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + 140, box["y"] + 80)
    assert view.state["rotation"] == [10, 20]
    expect(view.place.locator(".wam-volume")).to_have_attribute("data-moving", "false")  # a finger that rests
    view.page.mouse.up()
    pane.press("0")
    assert (view.state["rotation"], view.state["pan"], view.state["zoom"]) == (list(ROTATION), [0, 0], 1)


@pytest.mark.parametrize("what", ["pointer", "key", "wheel", "slider", "scale"])
def test_the_picture_is_coarse_while_something_moves(mount: Mount, what: str) -> None:
    view = mount(wam.VolumeViewer(smooth()), forgiving=True)
    pane, box = volume(view), volume(view).bounding_box()
    assert box is not None
    view.settled()
    view.place.evaluate("""(place) => {
      const root = place.querySelector(".wam-volume");
      window.sides = [];
      const note = () => sides.push([root.dataset.moving, root.querySelector(".wam-camera canvas").width]);
      note();
      new MutationObserver(note).observe(root, { attributes: true, attributeFilter: ["data-moving"] });
    }""")
    if what == "pointer":
        view.page.mouse.move(box["x"] + 100, box["y"] + 100)
        view.page.mouse.down()
        view.page.mouse.move(box["x"] + 140, box["y"] + 80)
    elif what == "key":
        pane.press("ArrowRight")
    elif what == "wheel":
        view.page.mouse.move(box["x"] + 100, box["y"] + 100)
        view.page.keyboard.down("Control")
        view.page.mouse.wheel(0, 100)
    elif what == "slider":
        view.place.get_by_role("slider", name="threshold").fill("50")
    else:
        view.place.locator("[data-weight='0']").fill("0")
    states = view.page.evaluate("""() => new Promise((done) => {
      const look = () => (sides.length > 2 && sides.at(-1)[0] === "false" ? done(sides) : requestAnimationFrame(look));
      look();
    })""")
    assert states[0] == ["false", 448]
    assert {tuple(each) for each in states} == {("false", 448), ("true", 192)}


def test_two_fingers_enlarge_and_move(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(smooth()), forgiving=True)
    volume(view).scroll_into_view_if_needed()
    box = volume(view).bounding_box()
    assert box is not None
    session = view.page.context.new_cdp_session(view.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [
            {"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y, "id": name}
            for name, (x, y) in enumerate(points)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    for step in range(1, 11):  # both to the right and upwards, as far apart as they were
        touch("touchMove", (0.4 + 0.01 * step, 0.5 - 0.02 * step), (0.6 + 0.01 * step, 0.5 - 0.02 * step))
    touch("touchEnd")
    assert view.state["rotation"] == list(ROTATION)
    assert view.state["zoom"] == pytest.approx(1, abs=0.02)
    assert view.state["pan"] == pytest.approx([0.1 * 2 * HALF_HEIGHT, 0.2 * 2 * HALF_HEIGHT], abs=0.02)
    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    for step in range(1, 11):  # apart
        touch("touchMove", (0.4 - 0.01 * step, 0.5), (0.6 + 0.01 * step, 0.5))
    touch("touchEnd")
    assert view.state["zoom"] == pytest.approx(2, abs=0.05)
    assert view.state["pan"] == pytest.approx([0.1 * 2 * HALF_HEIGHT, 0.2 * 2 * HALF_HEIGHT], abs=0.03)


def test_what_is_no_click_leaves_the_cross_hair(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(dot((16, 16, 16), (12, 3, 5)), cursor=[0, 0, 0]), forgiving=True)
    volume(view).scroll_into_view_if_needed()
    box = volume(view).bounding_box()
    assert box is not None
    up, right = (0.5 + (place + 0.5 - 8) / 16 / HALF_HEIGHT / 2 for place in (12, 3))
    at = box["x"] + box["width"] * right, box["y"] + box["height"] * (1 - up)
    view.set(rotation=[0, 0])
    session = view.page.context.new_cdp_session(view.page)

    def touch(kind: str, *shifts: int) -> None:
        fingers = [{"x": at[0] + shift, "y": at[1], "id": name} for name, shift in enumerate(shifts)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", 0, 40)  # two fingers tap
    touch("touchEnd")
    assert view.state["cursor"] == [0, 0, 0]
    touch("touchStart", 60)  # one drags, and another comes and goes
    for shift in range(50, -1, -10):
        touch("touchMove", shift)
    touch("touchStart", 0, 40)
    touch("touchEnd", 0)
    touch("touchEnd")
    assert view.state["cursor"] == [0, 0, 0]
    view.set(rotation=[0, 0])
    view.page.mouse.click(*at, button="middle")
    assert view.state["cursor"] == [0, 0, 0]
    view.page.mouse.click(*at)
    assert view.state["cursor"] == [12, 3, 5]


@pytest.mark.parametrize(
    ("size", "spacing"), [((16, 16, 16), (1.0, 1.0, 1.0)), ((16, 12, 10), (1.0, 4.0, 1.0))], ids=["cube", "box"]
)
def test_a_click_finds_the_strongest_voxel_along_the_line_of_sight(
    mount: Mount, size: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    grid = wam.Grid(("z", "y", "x"), spacing, ("mm",) * 3)
    view = mount(wam.VolumeViewer(dot(size, (12, 3, 5), grid=grid), rotation=[0, 0]), forgiving=True)
    box = volume(view).bounding_box()
    assert box is not None
    sides = np.array(size) * spacing
    up, right, _ = ((np.array((12, 3, 5)) + 0.5) / size - 0.5) * sides / sides.max() / HALF_HEIGHT
    view.page.mouse.click(box["x"] + box["width"] * (1 + right) / 2, box["y"] + box["height"] * (1 - up) / 2)
    assert view.state["cursor"] == [12, 3, 5]


def test_a_slider_of_the_cut_stops_at_the_other_and_the_kernel_takes_every_box(mount: Mount) -> None:
    viewer = wam.VolumeViewer(smooth())
    view = mount(viewer, forgiving=True)
    view.place.locator("summary").click()
    begin, end = (view.place.get_by_role("slider", name=f"y {which}", exact=True) for which in ("from", "to"))
    end.fill("58")
    begin.fill("80")
    expect(begin).to_have_value("57")
    begin.fill("90")  # which changes nothing but the slider
    expect(begin).to_have_value("57")
    for place in range(100):
        viewer.clip = [0, 1, place / 100, (place + 1) / 100, 0, 1]
    viewer.clip = view.state["clip"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_snapshot_is_on_paper_and_has_its_axes(mount: Mount, theme: Any) -> None:
    view = mount(wam.VolumeViewer(dot((16, 16, 16), (12, 3, 5)), density=0), forgiving=True)
    view.page.emulate_media(color_scheme=theme)
    with view.page.expect_download() as download:
        view.place.get_by_role("button", name="snapshot").click()
    assert download.value.suggested_filename == "volume.png"
    with Image.open(download.value.path()) as image:
        pixels = np.asarray(image.convert("RGBA")).astype(int)
    assert (pixels[..., 3] == 255).all()
    paper = {"light": (255, 255, 255), "dark": (0x16, 0x18, 0x1B)}[theme]
    assert all(tuple(pixels[row, column, :3]) == paper for row in (0, -1) for column in (0, -1))
    grey = np.ptp(pixels[..., :3], axis=2) < 12
    marked = grey & (np.abs(pixels[..., 0] - paper[0]) > 60)
    assert marked[:400].mean() > 0.005  # the box
    assert marked[-30:, :150].any()  # the scale


def test_two_viewers_on_one_page_are_independent(mount: Mount) -> None:
    one = dot((16, 16, 16), (12, 3, 5))
    view = mount(wam.VolumeViewer(one, look="maximum"), wam.VolumeViewer(one, look="surface"), forgiving=True)
    volume(view).press("ArrowRight")
    other = view.nth(1)
    assert (view.state["rotation"], other.state["rotation"]) == ([30, 25], [35, 25])
    assert (view.state["look"], other.state["look"]) == ("maximum", "surface")
    view.place.evaluate("(place) => place.close()")
    assert seen(other, opacity=1).sum() > 0


# -------------------------------------------------------------------------------------------------------- without WebGL


#: As in a browser without WebGL.
_FLAT = """
const context = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
  return kind === "webgl2" ? null : context.call(this, kind, ...options);
};
"""


def test_without_webgl_the_slices_show_what_is_inside_and_say_so(mount: Mount) -> None:
    view = mount(wam.VolumeViewer(smooth()), script=_FLAT)
    expect(view.place.get_by_text("This browser has no WebGL 2: the slices show what is inside.")).to_be_visible()
    expect(volume(view)).to_be_hidden()
    expect(view.place.get_by_role("radio", name="surface")).to_be_hidden()
    slices(view).nth(1).press("ArrowUp")
    assert view.state["cursor"] == [7, 4, 7]
    expect(slices(view).nth(0).locator("canvas")).to_have_js_property("width", 14)


def test_more_scales_than_are_drawn_are_shown_in_slices(mount: Mount) -> None:
    eight, nine = (wam.VolumeViewer(smooth(level=level, mode="zero")) for level in (7, 8))
    view = mount(eight, nine, forgiving=True)
    assert seen(view, opacity=1, threshold=0).any()
    expect(volume(view.nth(1))).to_be_hidden()
    expect(view.place.get_by_text("at most 8 scales")).to_be_hidden()
    expect(view.nth(1).place.get_by_text("In 3-D at most 8 scales are drawn: choose a lower level.")).to_be_visible()
    expect(slices(view.nth(1)).nth(0)).to_be_visible()


def test_a_volume_beyond_what_the_browser_draws_is_shown_in_slices(mount: Mount) -> None:
    small = """
const parameter = WebGL2RenderingContext.prototype.getParameter;
WebGL2RenderingContext.prototype.getParameter = function (which) {
  return which === this.MAX_3D_TEXTURE_SIZE ? 8 : parameter.call(this, which);
};
"""
    view = mount(wam.VolumeViewer(smooth()), script=small)
    expect(view.place.get_by_text("This browser draws volumes of at most 8 voxels a side")).to_be_visible()
    expect(volume(view)).to_be_hidden()
    expect(slices(view).nth(0)).to_be_visible()
