import html
import json
import re
from pathlib import Path

import pytest

import wam_widgets as wam
from wam_widgets.export import page, place

from .widgets.cases import explanation


def held(text: str) -> list[dict[str, object]]:
    """Return what the views of a page hold."""
    return [json.loads(each) for each in re.findall(r'<script type="application/json">(.*?)</script>', text)]


def test_a_page_is_one_file_that_forbids_itself_any_request(tmp_path: Path) -> None:
    path = wam.export_html(explanation(), tmp_path / "page.html")
    text = path.read_text("utf-8")
    assert "default-src 'none'; script-src 'sha256-" in text
    assert "unsafe" not in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_page_holds_the_wavelets_that_were_chosen_for_every_item(tmp_path: Path) -> None:
    path = wam.export_html(explanation(items=2), tmp_path / "page.html", wavelets=["db2", None])
    (view,) = held(path.read_text("utf-8"))
    shelf = view["shelf"]
    assert isinstance(shelf, list)
    assert [(each["item"], each["wavelet"]) for each in shelf] == [
        (item, wavelet) for item in (0, 1) for wavelet in ("haar", "db2", None)
    ]


def test_an_explorer_is_exported_with_its_settings_and_stays_as_it_was(tmp_path: Path) -> None:
    explorer = wam.ImageExplorer(explanation(), look="mosaic", weights=[0, 1, 2], wavelet="db2")
    explorer.wait()
    before = explorer.get_state()
    (view,) = held(wam.export_html(explorer, tmp_path / "page.html").read_text("utf-8"))
    state = view["state"]
    assert isinstance(state, dict)
    assert (state["look"], state["weights"], state["wavelet"]) == ("mosaic", [0, 1, 2], "db2")
    assert "methods" not in state["_choices"]
    assert explorer.get_state() == before
    assert explorer.comm is not None


def test_text_from_users_stays_text(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    given = wam.explain(lambda x: x.flatten(1)[:, :2], explanation().signal, 1, labels=["a", evil], samples=8, level=1)
    text = wam.export_html(given, tmp_path / "page.html", title=evil).read_text("utf-8")
    assert evil not in text
    assert "<img src=x" not in text
    assert f"<title>{html.escape(evil)}</title>" in text


def test_a_page_can_hold_several_views_of_several_kinds() -> None:
    explorers = [wam.ImageExplorer(explanation()) for _ in range(2)]
    text = page(["<h1>Two</h1>", *explorers, wam.ScaleSliders(["a"])], title="Two")
    assert text.count('data-wam="ImageView"') == 2
    assert text.count('data-wam="ScaleSliders"') == 1
    assert text.count("const ImageView =") == 1


def test_an_iframe_holds_the_page_and_has_a_short_text() -> None:
    frame = wam.to_iframe(explanation(), height=500)
    shown = frame._repr_html_()
    assert shown.startswith('<iframe title="live explanation" srcdoc="&lt;!DOCTYPE html&gt;')
    assert "height: 500px" in shown
    assert re.fullmatch(r"Iframe\(\d\.\d MB, live without a kernel\)", repr(frame))


def test_an_iframe_is_high_enough_for_what_a_view_shows() -> None:
    height = re.search(r'height: (\d+)px;"></iframe>$', wam.to_iframe(explanation())._repr_html_())
    assert height is not None
    assert int(height[1]) > 1022  # what Chromium needs for a volume, 984 pixels wide


@pytest.mark.parametrize("height", [-5, 0, "tall", "5px; color: red", 700.5, True, None])
def test_an_iframe_takes_a_height_in_whole_pixels_alone(height: object, as_a_user: None) -> None:
    with pytest.raises(ValueError, match=r"must be a whole number of at least 1; got .*Pass e\.g\. `height=1100`"):
        wam.to_iframe(explanation(), height=height)  # type: ignore[arg-type]


def test_a_picture_says_that_it_does_not_follow_the_settings_of_its_view() -> None:
    class Pictured(wam.ScaleSliders):
        def picture(self) -> bytes:
            return b"PNG"

    sentence = "The picture shows the whole map, whatever the view is set to."
    mixed = place(wam.ImageExplorer(explanation(), weights=[0, 1, 0]))
    assert f"draw on a canvas. {sentence}</figcaption>" in mixed
    assert sentence not in place(wam.ScaleSliders(["a"]))  # which has no picture
    assert sentence not in place(Pictured(["a"]))  # whose picture is its own


def test_a_page_that_cannot_be_made_leaves_an_earlier_file_alone(tmp_path: Path) -> None:
    path = wam.export_html(explanation(), tmp_path / "page.html")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="got 'dd2'"):
        wam.export_html(explanation(), path, wavelets=["dd2"])
    assert path.read_bytes() == before
    wam.export_html(explanation(), path, title="\ud800")
    assert "<title>?</title>" in path.read_text("utf-8")


def test_the_same_page_is_written_every_time(tmp_path: Path) -> None:
    given = explanation()
    pages = [wam.export_html(given, tmp_path / name).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_a_page_needs_the_name_of_a_file_in_a_folder_that_exists(tmp_path: Path, as_a_user: None) -> None:
    nowhere = tmp_path / "new" / "page.html"
    with pytest.raises(TypeError, match=r"`path` must name a file; got 5\. Pass e\.g\. `path='page\.html'`"):
        wam.export_html(explanation(), 5)  # type: ignore[arg-type]
    with pytest.raises(IsADirectoryError, match=r"must name a file; got the folder '.*'\. Add a file name to it"):
        wam.export_html(explanation(), tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"folder of the file must exist; got '.*page\.html'\. Make it with"
    ) as e:
        wam.export_html(explanation(), str(nowhere))
    assert f"`Path({str(nowhere.parent)!r}).mkdir()`" in str(e.value)
    with pytest.raises(FileNotFoundError):  # said before any work
        wam.export_html([1], nowhere)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused_before_anything_is_written(tmp_path: Path, as_a_user: None) -> None:
    path = tmp_path / "page.html"
    with pytest.raises(TypeError, match=r"shows an Explanation or one of our widgets; got list"):
        wam.export_html([1], path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"must be a list of names; got 'db2'\. Pass e\.g\. `wavelets=\['db4'\]`"):
        wam.export_html(explanation(), path, wavelets="db2")
    with pytest.raises(ValueError, match=r"got 'dd2'"):
        wam.export_html(explanation(), path, wavelets=["dd2"])
    with pytest.raises(ValueError, match=r"Only explorers can switch wavelets; got ScaleSliders"):
        wam.export_html(wam.ScaleSliders(["a"]), path, wavelets=["db2"])
    with pytest.raises(ValueError, match=r"needs a grid in seconds; got steps of 1 sample"):
        wam.export_html(explanation(40), path)
    assert not path.exists()
