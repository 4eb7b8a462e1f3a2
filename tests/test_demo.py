import html.parser
from importlib import metadata
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wam_widgets import __main__ as command_line
from wam_widgets import demo
from wam_widgets.samples import Sample, audio, furniture


class Toy(torch.nn.Module):
    """A model with two classes and a gradient that isn't constant."""

    labels = ("cup & <saucer>", "$cat$")

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        self.weights = torch.randn(3 * 256, 2, generator=torch.Generator().manual_seed(1)) / 8

    def forward(self, signal: Tensor) -> Tensor:
        self.passes += len(signal)
        return torch.tanh(signal.flatten(1) @ self.weights)


def photos() -> list[Sample]:
    signal = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return [
        Sample("one", signal, 0, "One <i>cup</i>", "Photo: A & B", "CC0 1.0"),
        Sample("two", 1 - signal, 1, "Another", "Photo: C", "none <stated>"),
    ]


class Page(html.parser.HTMLParser):
    """Collects what a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]
        if tag == "img":
            self.pictures.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the demo was written to."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    assert demo.run(folder, model=Toy(), photos=photos(), sounds=(), shapes=(), level=2, copies=16) == 0
    return folder


def test_the_demo_prints_what_was_found_and_where_the_page_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.run(tmp_path, model=Toy(), photos=photos()[:1], sounds=(), shapes=(), level=2, copies=16) == 0
    printed = capsys.readouterr().out
    for word in ("probability", "16 SmoothGrad", "completeness gap", "95 % interval", "told from zero", "detail 1"):
        assert word in printed
    assert printed.splitlines()[-1] == (tmp_path / "index.html").resolve().as_uri()


def test_the_page_holds_two_live_explorers_per_photo_and_needs_nothing_from_outside(out: Path) -> None:
    text = (out / "index.html").read_text("utf-8")
    page = Page(text)
    assert text.count('data-wam="ImageView"') == 2 * len(photos())
    assert len(page.pictures) == 2 * len(photos())  # what stands there without JavaScript
    assert all(str(picture["src"]).startswith("data:image/png;base64,") and picture["alt"] for picture in page.pictures)
    assert not {"link", "iframe"} & set(page.tags)
    assert all(each.startswith("data:") or each in {"#one", "#two"} for each in page.references)
    assert "default-src 'none'" in text
    assert [path.name for path in out.iterdir()] == ["index.html"]


def test_the_page_credits_every_photo_and_takes_names_as_text(out: Path) -> None:
    page = Page((out / "index.html").read_text("utf-8"))
    for photo in photos():
        assert f"{photo.credit}; licence: {photo.licence}" in page.text
        assert f"{photo.title}: {photo.credit}" in page.text
    assert "“$cat$”" in page.text or "“cup & <saucer>”" in page.text
    assert not {"i", "saucer", "stated"} & set(page.tags)
    assert "Where such a map misleads" in page.text


def test_the_page_follows_the_theme_and_the_width_of_the_window(out: Path) -> None:
    text = (out / "index.html").read_text("utf-8")
    assert "color-scheme: light dark" in text
    assert "width=device-width" in text


def test_sounds_are_played_and_shapes_turned_and_the_terminal_speaks_of_octaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    man = audio()["man"]
    assert (
        demo.run(
            tmp_path,
            model=Toy(),
            photos=photos()[:1],
            sounds=[man],
            shapes=[furniture()["armchair"]],
            level=2,
            copies=16,
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "[2 of 3] A man calls, in Persian" in said
    assert "[3 of 3] An armchair" in said
    assert "125 to 250 Hz" in said
    text = (tmp_path / "index.html").read_text("utf-8")
    page = Page(text)
    assert text.count('data-wam="SpectrogramView"') == 1
    assert text.count('data-wam="VolumeView"') == 1
    assert f"{man.title}: {man.credit}; licence: {man.licence}" in page.text
    assert "And what did it hear?" in page.text
    assert not [reference for reference in page.references if not reference.startswith(("#", "data:"))]


def test_a_folder_that_cannot_be_written_is_refused_before_any_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    model = Toy()
    assert demo.run(tmp_path / "file" / "demo", model=model, photos=photos(), sounds=(), shapes=()) == 1
    said = capsys.readouterr().err.strip()
    assert "Can't write to" in said
    assert "--out FOLDER" in said
    assert "\n" not in said
    assert model.passes == 0


def test_trying_a_folder_leaves_an_earlier_page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> torch.nn.Module:
        raise ImportError('not installed. Install it with:  pip install "wam-widgets[samples]"')

    monkeypatch.setattr(demo, "image_model", missing)
    (tmp_path / "index.html").write_text("earlier")
    assert demo.run(tmp_path) == 1
    assert (tmp_path / "index.html").read_text() == "earlier"


def test_missing_samples_are_answered_with_one_line_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> torch.nn.Module:
        raise ImportError('not installed. Install it with:  pip install "wam-widgets[samples]"')

    monkeypatch.setattr(demo, "image_model", missing)
    assert command_line.main(["demo", "--out", str(tmp_path / "demo")]) == 1
    assert capsys.readouterr().err == 'not installed. Install it with:  pip install "wam-widgets[samples]"\n'
    assert not (tmp_path / "demo" / "index.html").exists()


def test_the_doctor_says_ok_line_by_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "import_module", lambda _: None)
    assert command_line.main(["doctor"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {"ok"}


def test_the_doctor_names_the_command_that_repairs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def importing(name: str) -> None:
        if name == "skimage":
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(command_line, "import_module", importing)
    assert command_line.main(["doctor"]) == 1
    (broken,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fix")]
    assert broken == 'fix  samples and demo: skimage: pip install "wam-widgets[samples]"'


def test_the_doctor_knows_ipyvolume(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def importing(name: str) -> None:
        if name == "ipython_genutils":
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(command_line, "import_module", importing)
    assert command_line.main(["doctor"]) == 1
    (broken,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fix")]
    assert broken == 'fix  volumes in ipyvolume: ipython_genutils: pip install "wam-widgets[ipyvolume]"'


def test_the_doctor_names_what_is_too_old(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "import_module", lambda _: None)
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.9.1" if name == "anywidget" else real(name))
    assert command_line.main(["doctor"]) == 1
    (old,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fix")]
    assert old == 'fix  anywidget 0.9.1: pip install --upgrade "anywidget>=0.9.18"'


def test_no_command_is_answered_with_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.main([])
    assert "{demo,doctor}" in capsys.readouterr().err
