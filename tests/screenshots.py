"""Pictures of the views for the documentation: `make screenshots` writes them to notebooks/pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import wam_widgets as wam

from .chromium import chromium

FOLDER = Path(__file__).parents[1] / "notebooks" / "pictures"


class Shot(NamedTuple):
    """A picture: what is shown, how wide the window is, and which theme it has."""

    name: str
    settings: dict[str, Any]
    width: int
    theme: str


SHOTS = (
    Shot("explorer-light", {"cursor": [70, 92]}, 1080, "light"),
    Shot("explorer-dark", {"look": "mosaic", "signed": True, "denoised": True, "cursor": [70, 92]}, 1080, "dark"),
    Shot("explorer-narrow", {"significant": True}, 480, "light"),
)


def main() -> None:
    """Explain the sample cat and photograph its explorer."""
    model, cat = wam.samples.image_model(), wam.samples.images()["cat"].signal
    explanation = wam.explain(model, cat, level=5, samples=100, progress=False)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for name, settings, width, theme in SHOTS:
            explorer = wam.ImageExplorer(explanation, **settings)
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
            page.goto(wam.export_html(explorer, Path(folder) / "page.html").as_uri())
            page.wait_for_selector("[data-drawn]")
            page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
            print(FOLDER / f"{name}.png")
            explorer.close()


if __name__ == "__main__":
    main()
