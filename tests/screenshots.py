"""Pictures of the views for the documentation: `make screenshots` writes them to notebooks/pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import wam_widgets as wam

from .chromium import chromium

FOLDER = Path(__file__).parents[1] / "notebooks" / "pictures"


_TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Shot(NamedTuple):
    """A picture: of which view with what settings, how wide the window is, and which theme it has."""

    name: str
    view: Callable[..., wam.ImageExplorer | wam.SpectrogramPlayer | wam.VolumeViewer | wam.CurveScrubber]
    settings: dict[str, Any]
    width: int
    theme: str


def _cat(**settings: Any) -> wam.ImageExplorer:
    explanation = _explained("cat")
    return wam.ImageExplorer(explanation, **settings)


def _man(**settings: Any) -> wam.SpectrogramPlayer:
    model = wam.samples.audio_model()
    return wam.SpectrogramPlayer(_explained("man"), model=model.network, front_end=model.front_end, **settings)


def _chair(**settings: Any) -> wam.VolumeViewer:
    return wam.VolumeViewer(_explained("armchair"), **settings)


def _curves(**settings: Any) -> wam.CurveScrubber:
    model, cat = wam.samples.image_model(), wam.samples.images()["cat"].signal
    explanations = {"WAM": _explained("cat"), "WAM, denoised": _explained("cat").denoised()}
    report = wam.evaluate(model, cat, explanations, progress=False)
    return wam.CurveScrubber(report, cat, explanations, **settings)


@cache
def _explained(name: str) -> wam.Explanation:
    """Explain a sample."""
    if name == "cat":
        cat = wam.samples.images()[name].signal
        return wam.explain(wam.samples.image_model(), cat, level=5, samples=100, progress=False)
    if name == "armchair":
        furniture, chair = wam.samples.furniture_model(), wam.samples.furniture()[name]
        return wam.explain(
            furniture,
            chair.signal,
            method="integrated_gradients",
            samples=100,
            grid=chair.grid,
            labels=furniture.labels,
            progress=False,
        )
    model, clip = wam.samples.audio_model(), wam.samples.audio()[name]
    return wam.explain(
        model.network,
        clip.signal,
        front_end=model.front_end,
        wavelet="db4",
        level=6,
        samples=100,
        grid=clip.grid,
        labels=model.labels,
        progress=False,
    ).contribution()


SHOTS = (
    Shot("explorer-light", _cat, {"cursor": [70, 92]}, 1080, "light"),
    Shot("explorer-dark", _cat, {"look": "mosaic", "signed": True, "denoised": True, "cursor": [70, 92]}, 1080, "dark"),
    Shot("explorer-narrow", _cat, {"significant": True}, 480, "light"),
    Shot("player-light", _man, {"heard": "kept", "loop": [0.35, 0.9], "position": 0.6}, 1080, "light"),
    Shot("player-dark", _man, {"look": "features", "axis": "mel", "signed": True}, 1080, "dark"),
    Shot("viewer-light", _chair, {"cursor": [22, 16, 16]}, 1080, "light"),
    Shot("viewer-dark", _chair, {"look": "surface", "threshold": 0.3, "signed": True}, 1080, "dark"),
    Shot("viewer-narrow", _chair, {"look": "maximum"}, 480, "light"),
    Shot("curves-light", _curves, {"step": 8}, 1080, "light"),
    Shot("player-narrow", _man, {"only_kept": True}, 480, "light"),
)


def main() -> None:
    """Explain the samples, and photograph their views."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for name, view, settings, width, theme in SHOTS:
            explorer = view(**settings)
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
            page.goto(wam.export_html(explorer, Path(folder) / "page.html").as_uri())
            page.wait_for_selector("[data-drawn]")
            page.evaluate(_TWO_FRAMES)  # what is drawn in the graphics memory comes a moment later
            page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
            print(FOLDER / f"{name}.png")
            explorer.close()


if __name__ == "__main__":
    main()
