import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.widgets.explorers import arrays, bundle, worker
from wam_widgets.widgets.image_view import RATES

from .cases import Counting, explanation


def floats(data: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(data, np.float32).copy())


def asked(**options: Any) -> tuple[Counting, wam.ImageExplorer]:
    model = Counting()
    signal = torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    given = wam.explain(model, signal, samples=16, level=2, progress=False, batch_size=2)
    model.passes = 0
    return model, wam.ImageExplorer(given, model=model, **options)


# ------------------------------------------------------------------------------------------------------- what is sent


@pytest.mark.parametrize("wavelet", ["haar", "db3", None])
def test_the_browser_gets_the_numbers_of_the_explanation(wavelet: str | None) -> None:
    given = explanation(13, 18, wavelet=wavelet)
    sent = arrays.values_of(given, "key")
    assert_close(floats(sent["attribution"]), given.attribution.flatten().flatten())
    assert_close(floats(sent["coefficients"]), given.signal_coefficients().flatten().flatten())
    errors = arrays.errors_of(given, "key")
    assert_close(floats(errors["error"]), given.standard_error(channel_sums=True).flatten().flatten())
    assert_close(floats(errors["denoised"]), given.denoised().attribution.flatten().flatten())
    rank = torch.from_numpy(np.frombuffer(errors["rank"], np.uint8).copy())
    for number, rate in enumerate(RATES):
        found = given.significant(rate).flatten().flatten()
        assert torch.equal(rank <= number, found)
        assert errors["found"][number] == int(found.sum())
    assert_close(torch.tensor(errors["shares"]), given.scale_shares()[0])
    assert_close(torch.tensor(errors["intervals"]), given.scale_share_intervals()[0])


def test_what_has_no_errors_says_why() -> None:
    for method, words in [("saliency", "one gradient"), ("integrated_gradients", "how well they add up")]:
        given = explanation(method=method, samples=1 if method == "saliency" else 16, rule=None)
        assert words in arrays.values_of(given, "key")["errorless"]
        assert arrays.errors_of(given, "key") == {}
    assert "denoised already" in arrays.values_of(explanation().denoised(), "key")["errorless"]


def test_colour_tables_are_matplotlibs_and_weak_values_are_transparent() -> None:
    import matplotlib as mpl

    made = arrays.tables()
    table = np.frombuffer(made["sequential"]["magma"], np.uint8).reshape(-1, 4)
    expected = np.asarray(mpl.colormaps["magma_r"](np.arange(256)))[[0, -1], :3] * 255
    assert np.abs(table[[0, -1], :3] - expected).max() <= 0.5
    assert (np.abs(np.diff(table.astype(int), axis=0)) <= 2).all()
    assert table[0, 3] == 0
    assert (np.diff(table[:, 3].astype(int)) >= 0).all()
    signs = np.frombuffer(made["diverging"]["RdBu"], np.uint8).reshape(-1, 4)
    assert (signs[:, 3] == signs[::-1, 3]).all()
    assert signs[-1, 0] > signs[-1, 2]  # red is positive


# -------------------------------------------------------------------------------------------------------- other views


def test_another_wavelet_level_mode_or_kind_runs_no_pass() -> None:
    model, view = asked()
    for name, value in [
        ("wavelet", "db2"),
        ("level", 1),
        ("kind", "contribution"),
        ("mode", "zero"),
        ("wavelet", None),
    ]:
        setattr(view, name, value)
        assert_close(
            floats(view._values["attribution"]),
            view.explanation.attribution.flatten().flatten(),
        )
        assert getattr(view.explanation, name) == value
    assert model.passes == 0


def test_a_level_that_a_wavelet_cannot_have_is_lowered_and_the_reader_is_told() -> None:
    view = wam.ImageExplorer(explanation(16, 16, level=4))
    view.wavelet = "db8"
    assert view.level < 4
    assert "is the deepest for db8" in view._note
    assert len(view.weights) == view.level + 1
    view.wavelet = "haar"
    assert view._note == ""


def test_weights_stay_while_the_number_of_scales_does() -> None:
    view = wam.ImageExplorer(explanation())
    view.weights = [0, 1, 2]
    view.wavelet = "db2"
    assert view.weights == [0, 1, 2]
    view.level = 1
    assert view.weights == [1, 1]


def test_errors_belong_to_what_is_shown() -> None:
    view = wam.ImageExplorer(explanation(), wavelet="db2")
    for wavelet in ("haar", "db3", "haar", "sym4", "db2"):
        view.wavelet = wavelet
    view.wait()
    assert view._errors["key"] == view._values["key"]
    assert_close(floats(view._errors["error"]), view.explanation.standard_error(channel_sums=True).flatten().flatten())


def test_an_explanation_that_belongs_to_one_wavelet_offers_no_other() -> None:
    view = wam.ImageExplorer(explanation(aggregate="mean_abs"))
    assert "wavelets" not in view._choices
    for name, value in [("wavelet", "db2"), ("level", 1)]:
        with pytest.raises(ValueError, match="aggregate that is linear"):
            setattr(view, name, value)
        view.set_state({name: value})
        assert "aggregate that is linear" in view._problem
    assert (view.wavelet, view.level) == ("haar", 2)


def test_items_are_shown_one_at_a_time() -> None:
    given = explanation(items=3)
    view = wam.ImageExplorer(given)
    for item in (2, 0, 1):
        view.item = item
        assert_close(floats(view._values["attribution"]), given.attribution.flatten()[item].flatten())
    assert len(view._items) == 3


# ------------------------------------------------------------------------------------------- what the model is asked


def test_a_run_asks_about_another_class() -> None:
    _, view = asked(target=1, samples=20)
    view.run()
    view.wait()
    assert view.explanation.names() == ["dog"]
    assert view.explanation.passes.tolist() == [20]
    assert not view.running
    assert view._work == {}


def test_a_run_contrasts_two_classes_by_another_method() -> None:
    _, view = asked(target=1, against=2, method="integrated_gradients", samples=30)
    view.run()
    view.wait()
    assert view.explanation.method == "integrated_gradients"
    assert view.kind == "contribution"
    assert float(view.explanation.score[0]) == pytest.approx(
        float(Counting()(view.explanation.signal)[0, 1:].diff()) * -1
    )


def test_the_view_refines_while_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wam_widgets.attribution.averages.WATCH_EVERY", 0.0)
    monkeypatch.setattr(worker, "REPORT_EVERY", 0.0)
    model, view = asked(samples=12)
    shown: list[int] = []
    work: list[dict[str, Any]] = []
    view.observe(lambda _: shown.append(int(view.explanation.passes[0])), "_values")
    view.observe(lambda change: work.append(change["new"]), "_work")
    view.run()
    view.wait()
    assert shown[-1] == 12
    assert len(shown) > 2
    assert shown == sorted(shown)
    done = [each["done"] for each in work if each]
    assert done[-1] == 12
    assert all(each["left"] is None or each["left"] >= 0 for each in work if each)
    assert model.passes == 12 + 1  # the signal itself


@pytest.mark.filterwarnings("ignore:Stopped early")
def test_a_stop_ends_a_run_after_its_sub_batch_and_keeps_what_is_complete() -> None:
    model, view = asked(samples=1000)
    reached, go_on = threading.Event(), threading.Event()

    def before() -> None:
        if model.passes > 20:
            reached.set()
            go_on.wait(10)

    model.before = before
    view.run()
    assert reached.wait(10)
    view._receive(view, {"do": "stop"}, [])
    assert view._work["stopping"]
    go_on.set()
    view.wait()
    passes = int(view.explanation.passes[0])
    assert passes == model.passes - 1
    assert 20 <= passes < 100
    assert view.explanation.has_errors


def test_a_run_that_fails_says_so_under_the_view_and_keeps_what_was_shown() -> None:
    model, view = asked(target=1, against=1)
    before = view.explanation
    view._receive(view, {"do": "run"}, [])
    view.wait()
    assert "two different columns; got 1 twice" in view._problem
    assert view.explanation.gradient is before.gradient
    model.before = lambda: 1 / 0
    view.against = None
    view.run()
    view.wait()
    assert "ZeroDivisionError" in view._problem
    assert view._work == {}


def test_runs_come_one_at_a_time_and_need_the_model() -> None:
    model, view = asked()
    go_on = threading.Event()
    model.before = lambda: go_on.wait(10)
    view.run()
    with pytest.raises(ValueError, match="One run at a time"):
        view.run()
    go_on.set()
    view.wait()
    alone = wam.ImageExplorer(explanation())
    with pytest.raises(ValueError, match=r"needs the model.*ImageExplorer\(explanation, model=model\)"):
        alone.run()
    assert "methods" not in alone._choices


def test_closing_ends_a_run() -> None:
    model, view = asked(samples=10_000)
    model.before = lambda: time.sleep(0.001)
    view.run()
    view.close()
    view.wait(10.0)
    assert not view.running


# ------------------------------------------------------------------------------------------------------ bad input


def test_only_images_are_explored(as_a_user: None) -> None:
    with pytest.raises(ValueError, match=r"2 spatial axes; got a sound with 1, of size \(40,\)\. Use `plot"):
        wam.ImageExplorer(explanation(40))
    with pytest.raises(ValueError, match=r"got a volume with 3"):
        wam.show(explanation(8, 8, 8))
    with pytest.raises(ValueError, match=r"at most 4 channels; got 5"):
        wam.ImageExplorer(explanation(channels=5))
    with pytest.raises(TypeError, match="shows an Explanation; got Tensor"):
        wam.ImageExplorer(torch.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`model` must be callable; got str"):
        wam.ImageExplorer(explanation(), model="resnet")  # type: ignore[arg-type]


def test_an_image_too_large_for_a_page_is_refused_with_the_factor() -> None:
    large = explanation(1024, 1025, channels=1, samples=1, method="saliency")
    with pytest.raises(ValueError, match=r"at most 1,048,576 pixels; got 1024 x 1025.*scale_factor=1.00"):
        wam.ImageExplorer(large)


# ---------------------------------------------------------------------------------------------------------- display


def test_a_terminal_shows_the_text_alone() -> None:
    assert bundle(explanation()) is None


def test_a_notebook_shows_the_view_a_picture_and_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wam_widgets.widgets.explorers.display._in_notebook", lambda: True)
    shown: Any = explanation()._repr_mimebundle_()
    data = shown[0]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"].startswith("ImageExplorer of ")
    of_sound = explanation(40)._repr_mimebundle_()
    assert set(of_sound) == {"text/plain", "image/png"}


def test_the_static_picture_follows_the_wavelet_that_is_shown() -> None:
    view = wam.ImageExplorer(explanation())
    before = view.picture()
    view.wavelet = "db2"
    assert view.picture() != before
