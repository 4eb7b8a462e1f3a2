import re
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.explanation import Kind, Method
from wam_widgets.widgets.explorers import arrays, bundle, image, worker
from wam_widgets.widgets.view import RATES

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
    assert_close(floats(image.picture_of(given)["coefficients"]), given.signal_coefficients().flatten().flatten())
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
    assert "two different classes; got 'dog' twice" in view._problem
    assert view.explanation.gradient is before.gradient
    model.before = lambda: 1 / 0
    view.against = None
    view.run()
    view.wait()
    assert "ZeroDivisionError" in view._problem
    assert view._work == {}


def test_a_run_that_fails_half_way_leaves_no_part_of_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wam_widgets.attribution.averages.WATCH_EVERY", 0.0)
    model, view = asked(target=1, samples=40)
    before, shown = view.explanation, []
    view.observe(lambda _: shown.append(int(view.explanation.passes[0])), "_values")

    def fail_late() -> None:
        if model.passes > 20:
            raise RuntimeError("out of luck")

    model.before = fail_late
    view.run()
    view.wait()
    assert len(shown) > 1
    assert torch.equal(view.explanation.gradient, before.gradient)
    assert view._values["errorless"] == ""
    assert "out of luck" in view._problem
    view.look = "mosaic"
    view.set_state({"look": "image"})
    assert "out of luck" in view._problem  # until another run goes well
    model.before = lambda: None
    view.run()
    view.wait()
    assert view._problem == ""


def test_what_is_changed_after_a_run_has_begun_does_not_change_its_question() -> None:
    model, view = asked(target=1, samples=16)
    begun = threading.Event()
    model.before = lambda: begun.wait(10)
    view.run()
    view.target, view.method, view.samples = 2, "saliency", 3
    begun.set()
    view.wait()
    assert view.explanation.names() == ["dog"]
    assert (view.explanation.method, view.explanation.passes.tolist()) == ("smoothgrad", [16])


def test_the_browser_sends_its_question_with_the_button() -> None:
    _, view = asked()
    view._receive(view, {"do": "run", "target": 1, "against": None, "method": "smoothgrad", "samples": 9}, [])
    view.wait()
    assert view.explanation.names() == ["dog"]
    assert view.explanation.passes.tolist() == [9]
    assert view._items[0]["title"].startswith("explained: dog")


def test_a_question_begins_with_what_was_explained() -> None:
    model = Counting()
    signal = torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    predicted = int(model(signal)[0].argmax())
    other = (predicted + 1) % 3
    given = wam.explain(model, signal, [other, predicted], samples=16, level=2, noise=0.1, progress=False)
    view = wam.ImageExplorer(given, model=model)
    assert view.target == other
    view.run()
    view.wait()
    assert view.explanation.target is not None
    assert view.explanation.target.tolist() == [other]
    assert view.explanation.settings["noise"] == 0.1  # as it was given


def test_a_contrast_is_asked_again_and_a_function_is_not_forgotten_in_silence() -> None:
    model = Counting()
    signal = torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    contrast = wam.ImageExplorer(
        wam.explain(model, signal, wam.Contrast(2, 0), samples=16, level=2, progress=False), model=model
    )
    assert (contrast.target, contrast.against) == (2, 0)
    contrast.run()
    contrast.wait()
    assert contrast.explanation.settings["contrast"] == [2, 0]
    function = wam.ImageExplorer(
        wam.explain(model, signal, lambda output: output[:, 0] ** 2, samples=16, level=2, progress=False), model=model
    )
    with pytest.raises(ValueError, match=r"is a function, which an explanation doesn't keep\. Choose a class"):
        function.run()


def test_every_item_keeps_its_baseline() -> None:
    model = Counting()
    signal = torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    baseline = signal * torch.tensor([0.1, 0.2]).reshape(2, 1, 1, 1)
    given = wam.explain(model, signal, method="integrated_gradients", rule="adaptive", baseline=baseline, samples=30)
    view = wam.ImageExplorer(given, model=model, samples=2)
    for item in (1, 0):
        view.item = item
        view.run()
        view.wait()
        assert view._problem == ""
        assert_close(view.explanation.baseline, baseline[item : item + 1])
        assert view.explanation.passes.tolist() == [15]  # one in every part of the line


def test_a_page_of_a_closed_explorer_is_right_and_it_runs_no_more() -> None:
    model, view = asked(significant=True)
    view.close()
    view.wavelet = "db2"
    state, shelf = view.page_state()
    assert len(shelf[0]["_signal"]["filters"]["low"]) == 4
    assert shelf[0]["_errors"]["key"] == shelf[0]["_values"]["key"]
    assert state["wavelet"] == "db2"
    with pytest.raises(ValueError, match="This explorer is closed"):
        view.run()
    assert model.passes == 0


def test_a_method_keeps_its_own_arguments_while_others_run() -> None:
    model = Counting()
    signal = torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    given = wam.explain(model, signal, method="integrated_gradients", baseline=0.5, rule="adaptive", samples=30)
    view = wam.ImageExplorer(given, model=model)
    kinds: dict[Method, Kind] = {
        "saliency": "sensitivity",
        "smoothgrad": "sensitivity",
        "integrated_gradients": "contribution",
    }
    for method, kind in kinds.items():
        view.method = method
        view.run()
        view.wait()
        assert (view.explanation.method, view.kind) == (method, kind)
    assert view.explanation.baseline is not None
    assert bool((view.explanation.baseline == 0.5).all())


def test_the_random_numbers_of_the_notebook_go_on_while_a_run_does() -> None:
    model, view = asked(samples=16)
    begun, go_on = threading.Event(), threading.Event()

    def before() -> None:
        begun.set()
        go_on.wait(10)

    model.before = before
    view.run()
    assert begun.wait(10)
    drawn = torch.rand(3)
    go_on.set()
    view.wait()
    assert not torch.equal(torch.rand(3), drawn)


def test_a_page_is_made_of_what_is_complete() -> None:
    model, view = asked(samples=16, target=1, against=1)
    view._receive(view, {"do": "run"}, [])
    assert view._problem
    state, _ = view.page_state()
    assert (state["_problem"], state["_work"], state["_note"]) == ("", {}, "")
    go_on = threading.Event()
    model.before = lambda: go_on.wait(10)
    view.against = None
    view.run()
    with pytest.raises(ValueError, match="a run is in progress"):
        view.page_state()
    go_on.set()
    view.wait()


def test_what_the_passes_do_not_change_is_sent_once() -> None:
    _, view = asked(samples=16)
    sent: list[object] = []
    view.observe(sent.append, "_signal")
    view.kind = "contribution"
    view.run()
    view.wait()
    assert sent == []
    view.wavelet = "db2"
    assert len(sent) == 1


def test_an_observer_that_fails_does_not_stop_the_view_from_following() -> None:
    view = wam.ImageExplorer(explanation(16, 16, level=4))

    def fail(_: object) -> None:
        raise RuntimeError("not mine")

    view.observe(fail, "level")
    with pytest.raises(RuntimeError, match="not mine"):
        view.wavelet = "db8"
    view.unobserve(fail, "level")
    view.wavelet = "db2"
    assert view.explanation.wavelet == "db2"


def test_errors_that_cannot_be_found_are_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> dict[str, Any]:
        raise MemoryError("too little")

    monkeypatch.setattr("wam_widgets.widgets.explorers.explorer.errors_of", fail)
    view = wam.ImageExplorer(explanation())
    view.wait()
    assert view._errors["failed"]
    assert "too little" in view._problem


def test_linked_sliders_of_another_number_of_scales_are_refused_once() -> None:
    view, sliders = wam.ImageExplorer(explanation()), wam.ScaleSliders(["a", "b"])
    sent: list[object] = []
    view.send_state = lambda key=None: sent.append(key)
    view.set_state({"weights": sliders.weights})
    assert "weights" not in str(sent)  # which the link would answer for ever
    assert "one entry per scale" in view._problem


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
        wam.ImageExplorer(explanation(8, 8, 8))
    with pytest.raises(ValueError, match=r"at most 4 channels; got 5"):
        wam.ImageExplorer(explanation(channels=5))
    with pytest.raises(TypeError, match="shows an Explanation; got Tensor"):
        wam.ImageExplorer(torch.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`model` must be callable; got str"):
        wam.ImageExplorer(explanation(), model="resnet")  # type: ignore[arg-type]


def test_an_image_too_large_for_a_page_is_refused_with_the_factor() -> None:
    large = explanation(1024, 1025, channels=1, samples=1, method="saliency")
    with pytest.raises(ValueError, match=r"at most 1,048,576 pixels and 8,192 on a side; got 1024 x 1025") as refusal:
        wam.ImageExplorer(large)
    factor = float(re.findall(r"scale_factor=([\d.]+)", str(refusal.value))[0])
    smaller = torch.nn.functional.interpolate(large.signal, scale_factor=factor, mode="area")
    assert 0.99 * 2**20 < smaller[0, 0].numel() <= 2**20


# ---------------------------------------------------------------------------------------------------------- display


def test_displays_of_one_explanation_share_an_explorer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wam_widgets.widgets.explorers.display._in_notebook", lambda: True)
    given = explanation()
    ids = [given._repr_mimebundle_()[0]["application/vnd.jupyter.widget-view+json"]["model_id"] for _ in range(3)]
    assert len(set(ids)) == 1


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


def test_amounts_refer_to_what_makes_scales_comparable() -> None:
    view = wam.ImageExplorer(explanation())
    assert view.per == "cell"
    view.kind = "contribution"
    assert view.per == "sample"
    assert wam.ImageExplorer(explanation(), kind="contribution", per="cell").per == "cell"
