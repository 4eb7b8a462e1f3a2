"""A player plays: where it is, what it lets sound, and how it is driven. Measured in real time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect

import wam_widgets as wam
from tests.widgets.cases import sound
from wam_widgets.widgets.explorers.sound import mix_of

from .listening import (
    EARS,
    SHARP_EARS,
    TONES,
    TONES_RATE,
    becomes,
    listened,
    loudness,
    of_tones,
    state_of,
    tones,
    until,
)
from .pages import Mount, View

#: A second that holds whole periods of both tones.
LOOP = [0.5, 1.5]

#: Seconds in which levels change and takes begin and end, as in player.js.
FADE = 0.01


@pytest.fixture(scope="module")
def explanation() -> wam.Explanation:
    return of_tones()


@pytest.fixture(scope="module")
def page(browser: Browser, explanation: wam.Explanation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    mount = Mount(browser, tmp_path_factory.mktemp("player"))
    yield mount(wam.SpectrogramPlayer(explanation, matched=False), script=EARS)
    mount.close()


@pytest.fixture
def view(page: View) -> View:
    """One page for all tests here, silent at first, and clicked on: before that browsers let no page sound."""
    page.page.reload()
    page.place.locator(".wam-title").click()
    return page


def position(view: View) -> float:
    """Return where the cursor is, in seconds."""
    at: str = view.place.locator(".wam-moment").evaluate("moment => moment.style.left")
    return float(at.removesuffix("%")) / 100 * 2.0


def playing(view: View, **settings: Any) -> None:
    """Set settings and play, and wait until something is heard."""
    view.set(**settings)
    view.place.get_by_role("button", name="play").click()
    until(view, "window.heard.length && window.heard.at(-1).context.currentTime > 0.05")


def settings(view: View, **expected: Any) -> None:
    state = view.state
    assert {name: state[name] for name in expected} == expected


def at(view: View, seconds: float, *, height: float = 0.5) -> tuple[float, float]:
    """Return where on the screen a moment is drawn."""
    box = view.canvas.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * seconds / 2.0, box["y"] + box["height"] * (1 - height)


# ------------------------------------------------------------------------------------------------- where it is and goes


def test_playing_moves_the_cursor_and_tells_the_position_until_it_pauses(view: View) -> None:
    assert view.page.evaluate("window.heard.length") == 0  # nothing is made before it is needed
    playing(view)
    settings(view, playing=True)
    expect(view.place.get_by_role("button", name="pause")).to_be_visible()
    first = view.state["position"]
    view.until(f"model => model.get('position') > {first} + 0.3")
    assert abs(position(view) - view.state["position"]) < 0.5
    view.place.get_by_role("button", name="pause").click()
    settings(view, playing=False)
    there = view.state["position"]
    assert position(view) == pytest.approx(there, abs=1e-3)
    expect(view.place.get_by_text(re.compile(rf"^{there:.2f} s of 2\.00 s$"))).to_be_visible()
    becomes(view, "suspended")  # a clock that runs costs power
    assert view.state["position"] == there
    playing(view)
    assert there - 1e-6 <= view.state["position"] < there + 0.5  # it goes on there, to the rounding of a clock
    view.place.get_by_role("button", name="stop").click()
    settings(view, playing=False, position=0)


def test_python_plays_seeks_and_pauses(view: View) -> None:
    view.set(position=1.25)
    assert position(view) == pytest.approx(1.25, abs=1e-3)
    view.set(playing=True)
    view.until("model => model.get('position') > 1.4")
    view.set(position=0.25)
    listened(view, 0.1)
    assert 0.25 <= position(view) < 1
    view.set(playing=False)
    there = view.state["position"]
    assert 0.25 < there < 1
    view.set(position=0.0, playing=True)
    view.until("model => model.get('position') > 0.2")
    assert view.state["position"] < there + 1


def test_what_was_told_a_moment_ago_can_still_be_asked_for(view: View) -> None:
    view.place.get_by_role("button", name="stop").click()  # tells 0
    playing(view)
    view.until("model => model.get('position') > 0.4")
    view.set(position=0.0)
    assert position(view) < 0.1


def test_at_its_end_a_sound_stops_and_begins_anew(view: View) -> None:
    playing(view, position=1.7)
    view.until("model => !model.get('playing')")
    settings(view, playing=False, position=0)
    expect(view.place.get_by_role("button", name="play")).to_be_visible()
    becomes(view, "suspended")
    playing(view)
    settings(view, playing=True)
    assert view.state["position"] < 1


def test_a_loop_is_kept_to_and_left_where_it_is_ended(view: View) -> None:
    playing(view, loop=[0.3, 0.6])
    moments = view.place.evaluate("""place => new Promise((done) => {
      const moments = [];
      const { context } = window.heard[0];
      const end = context.currentTime + 1;
      const moment = place.querySelector(".wam-moment");
      const look = () => {
        moments.push(2 * parseFloat(moment.style.left) / 100);
        if (context.currentTime > end) done(moments);
        else requestAnimationFrame(look);
      };
      look();
    })""")
    assert min(moments) >= 0.3 - 1e-6
    assert max(moments) <= 0.6 + 1e-6
    assert (np.diff(moments) < 0).sum() >= 3
    assert view.page.evaluate("window.heard[0].sources") == 2 * 5  # the browser repeats it; nothing is started anew
    view.place.get_by_role("button", name="no loop").click()
    settings(view, loop=[])
    view.until("model => model.get('position') > 0.7")


def test_a_click_seeks_and_a_drag_makes_a_loop(view: View) -> None:
    mouse = view.page.mouse
    mouse.click(*at(view, 0.5))
    assert view.state["position"] == pytest.approx(0.5, abs=0.01)
    assert position(view) == pytest.approx(0.5, abs=0.01)
    mouse.move(*at(view, 1.5))
    mouse.down()
    mouse.move(*at(view, 1.2))
    mouse.move(*at(view, 0.75))
    settings(view, loop=[])
    region = view.place.locator(".wam-region")
    expect(region).to_be_visible()
    mouse.up()
    assert view.state["loop"] == pytest.approx([0.75, 1.5], abs=0.01)  # from either side
    assert view.state["position"] == pytest.approx(0.5, abs=0.01)
    mouse.click(*at(view, 1.0))
    assert view.state["position"] == pytest.approx(1.0, abs=0.01)
    assert len(view.state["loop"]) == 2
    mouse.click(*at(view, 0.25))  # outside of it, where nobody wants it any more
    settings(view, loop=[])
    expect(region).to_be_hidden()
    mouse.move(*at(view, 1.0))
    mouse.down()
    mouse.move(*at(view, 5.0))  # beyond the end
    mouse.up()
    assert view.state["loop"] == pytest.approx([1.0, 2.0], abs=0.01)
    assert view.state["loop"][1] <= 2
    view.picture.press("Escape")
    settings(view, loop=[])


def test_a_loop_can_be_drawn_alone(view: View) -> None:
    view.set(loop=LOOP)
    view.place.get_by_role("button", name="zoom to loop").click()
    settings(view, span=LOOP)
    x, y = view.canvas.bounding_box()["x"], at(view, 0)[1]  # type: ignore[index]  # it has one
    view.page.mouse.click(x + 1, y)
    assert view.state["position"] == pytest.approx(0.5, abs=0.01)
    playing(view)
    assert 0.5 <= view.state["position"] < 1.5
    view.place.get_by_role("button", name="whole sound").click()
    settings(view, span=[])


def test_keys_play_and_move_and_do_not_reach_the_page_around(view: View) -> None:
    view.page.evaluate("() => { window.keys = []; document.onkeydown = event => window.keys.push(event.key); }")
    pane = view.picture
    for key, there in [
        ("End", 2.0), ("ArrowLeft", 1.98), ("Shift+ArrowLeft", 1.78), ("ArrowRight", 1.8),
        ("Home", 0.0), ("ArrowLeft", 0.0), ("Shift+ArrowRight", 0.2),
    ]:  # fmt: skip
        pane.press(key)
        assert view.state["position"] == pytest.approx(there, abs=1e-6), key
    pane.press("Space")
    settings(view, playing=True)
    view.until("model => model.get('position') > 0.3")
    pane.press("Space")
    settings(view, playing=False)
    assert view.page.evaluate("window.keys.filter(key => key !== 'Shift')") == []
    view.set(loop=LOOP)
    pane.press("Escape")
    settings(view, loop=[])
    assert view.page.evaluate("document.scrollingElement.scrollTop") == 0


def test_twice_the_speed_is_an_octave_up_and_half_the_time(view: View) -> None:
    playing(view, loop=LOOP, speed=2.0)
    slow, fast = loudness(view, 750, 1500)
    assert fast - slow > 40
    begin, end = view.page.evaluate("""() => new Promise((done) => {
      const { model } = document.querySelector("[data-wam]");
      const { context } = window.heard[0];
      const moments = [];
      const tell = () => {
        moments.push([context.currentTime, model.get("position")]);
        if (moments.length === 2) done(moments);
      };
      model.update({ loop: [], position: 0 });
      model.on("change:position", tell);
    })""")
    assert (end[1] - begin[1]) / (end[0] - begin[0]) == pytest.approx(2, rel=0.2)
    view.place.get_by_role("slider", name="speed").press("Home")
    settings(view, speed=0.25)


# -------------------------------------------------------------------------------------------------- what it lets sound


def amplitudes(signal: torch.Tensor) -> NDArray[np.float64]:
    """Return how strong the tones are within the loop, in decibels."""
    part = signal[0, 0].double().numpy()[int(LOOP[0] * TONES_RATE) : int(LOOP[1] * TONES_RATE)]
    time = np.arange(len(part)) / TONES_RATE
    return np.array([20 * np.log10(np.abs(part @ np.exp(-2j * math.pi * each * time)) + 1e-9) for each in TONES])


def agree(measured: NDArray[np.float64], predicted: NDArray[np.float64], within: float = 1) -> None:
    """Compare levels in decibels; of what is fainter than 35 below, the seams of the loop are heard instead."""
    assert np.maximum(measured, -35) == pytest.approx(np.maximum(predicted, -35), abs=within)


def test_gains_change_the_spectrum_while_it_plays_as_the_engine_predicts(
    view: View, explanation: wam.Explanation
) -> None:
    playing(view, loop=LOOP)
    at_first = np.array(loudness(view, *TONES))
    original = amplitudes(explanation.signal)
    for mixed in ([1, 0, 1, 1, 1], [1, 1, 1, 0, 1], [0, 1, 0.5, 0.25, 2], [1, 1, 1, 1, 1]):
        gains = [float(each) for each in mixed]
        view.set(gains=gains)
        predicted = amplitudes(mix_of(explanation, gains=gains, heard="original", fraction=1.0)) - original
        agree(np.array(loudness(view, *TONES)) - at_first, predicted)
    view.place.get_by_role("button", name="mute detail 2").click()
    high, low = np.array(loudness(view, *TONES)) - at_first
    assert high < -20
    assert abs(low) < 1
    view.place.get_by_role("button", name="mute detail 2").click()
    view.place.get_by_role("button", name="solo detail 2").click()
    high, low = np.array(loudness(view, *TONES)) - at_first
    assert abs(high) < 1
    assert low < -20
    settings(view, gains=[0, 0, 0, 1, 0])
    view.set(gains=[0] * 5)
    assert max(loudness(view, *TONES)) < -100
    expect(view.place.get_by_text("Nothing is left to be heard.")).to_be_visible()
    assert view.page.evaluate("window.heard[0].sources") == 2 * 5  # all of it without a break


def test_what_is_kept_and_the_rest_are_heard_as_the_engine_predicts(view: View, explanation: wam.Explanation) -> None:
    playing(view, loop=LOOP, fraction=0.05)
    at_first = np.array(loudness(view, *TONES))
    original = amplitudes(explanation.signal)
    for name, heard in [("only what mattered", "kept"), ("only the rest", "rest"), ("original", "original")]:
        view.place.get_by_role("radio", name=name).check()
        mixed = mix_of(explanation, gains=[1.0] * 5, heard=heard, fraction=0.05)
        # Few coefficients make tones that swell and fade; a quarter of a second is heard of a second.
        agree(np.array(loudness(view, *TONES)) - at_first, amplitudes(mixed) - original, within=4)
    view.set(heard="kept")
    view.place.get_by_role("slider", name="coefficients kept").press("Home")
    settings(view, fraction=0.001)
    mixed = mix_of(explanation, gains=[1.0] * 5, heard="kept", fraction=0.001)
    listened(view, 0.3)  # what plays is made anew when the finger rests
    agree(np.array(loudness(view, *TONES)) - at_first, amplitudes(mixed) - original, within=4)


def test_what_is_left_is_as_loud_as_the_original_but_gains_are_heard(view: View, explanation: wam.Explanation) -> None:
    view.place.get_by_role("checkbox", name="as loud as the original").check()
    kept = mix_of(explanation, gains=[1.0] * 5, heard="kept", fraction=0.05)
    clipping = float(explanation.signal.abs().max().clamp(min=1) / kept.abs().max())
    factor = min(float(explanation.signal.square().mean().sqrt() / kept.square().mean().sqrt()), clipping)
    view.set(heard="kept", fraction=0.05)
    expect(view.place.get_by_text(f"Played {factor:.3g} times as loud as it is")).to_be_visible()
    playing(view, loop=LOOP, heard="original")
    before = loudness(view, TONES[0])[0]
    view.set(gains=[0.5] * 5)
    assert loudness(view, TONES[0])[0] - before == pytest.approx(-6.02, abs=0.5)


def test_a_player_that_is_taken_off_the_page_falls_silent(view: View) -> None:
    playing(view, loop=LOOP)
    view.place.evaluate("place => place.remove()")  # as a page does that knows nothing of widgets
    becomes(view, "suspended")


def test_space_held_down_plays_once(view: View) -> None:
    view.picture.focus()
    for _ in range(4):  # the second and later are repeats
        view.page.keyboard.down(" ")
    view.page.keyboard.up(" ")
    settings(view, playing=True)


def test_volume_is_that_of_everything(view: View) -> None:
    playing(view, loop=LOOP)
    full = loudness(view, *TONES)
    slider = view.place.get_by_role("slider", name="volume")
    slider.fill("50")
    settings(view, volume=0.5)
    assert np.array(full) - np.array(loudness(view, *TONES)) == pytest.approx([6.02, 6.02], abs=0.3)
    slider.fill("0")
    assert max(loudness(view, *TONES)) < -100


def test_what_would_clip_is_said_to_be_clipped(view: View) -> None:
    view.set(gains=[2.0] * 5)
    said = view.place.get_by_text("Its peaks are beyond what can be played, and are clipped: lower the volume.")
    expect(said).to_be_visible()
    view.set(volume=0.5)
    expect(said).to_be_hidden()


def test_closing_the_view_closes_the_context(view: View) -> None:
    playing(view)
    view.place.evaluate("place => place.close()")
    assert state_of(view) == "closed"
    view.set(playing=False)
    view.set(playing=True)
    assert view.page.evaluate("window.heard.length") == 1


def jumps(view: View) -> NDArray[np.float64]:
    """Return how far each sample that was heard so far is from the one before."""
    frames = view.page.evaluate("window.heard[0].frames.map(([number, samples]) => [number, [...samples]])")
    assert len(frames) > 20
    whole = np.split(
        np.array([samples for _, samples in frames]), np.flatnonzero(np.diff([n for n, _ in frames]) != 128) + 1
    )
    assert len(whole) < 10  # a busy machine leaves gaps
    return np.concatenate([np.abs(np.diff(each.ravel())) for each in whole])


def test_nothing_clicks(mount: Mount) -> None:
    view = mount(wam.SpectrogramPlayer(of_tones(2.0, 200.0), matched=False), script=SHARP_EARS, bypass_csp=True)
    view.page.locator(".wam-title").click()
    playing(view, loop=LOOP)
    view.page.evaluate("window.heard[0].ready")
    listened(view, 0.1)
    view.page.evaluate("window.heard[0].frames.splice(0)")  # on a busy machine it began late, with a click
    listened(view, 0.2)
    quiet = jumps(view).max()
    tone = 0.4 * 2 * math.pi * 200 / TONES_RATE  # the steepest that it gets by itself
    assert quiet == pytest.approx(tone, rel=0.05)
    # Levels approach what they should be by a part of 1 / (FADE * rate) of the distance per sample.
    change = 0.4 * 2.0 / (FADE * TONES_RATE)

    def restless(what: str, loudest: float = 1) -> None:
        """Do something thirty times, most of them before the last is over, and measure.

        A machine so busy that changes come later than they are planned for clicks now and then, but not every time.
        """
        found, highest = math.inf, 1.05 * (loudest * tone + change)
        for _ in range(3):
            found = measured(what)
            assert found > 0.9 * tone, what
            if found < highest:
                return
        pytest.fail(f"{what}: a jump of {found:.3f}, where {highest:.3f} is the most")

    def measured(what: str) -> float:
        view.set(playing=True, gains=[1] * 5, heard="original")
        listened(view, 0.1)
        view.place.evaluate(
            """(place, what) => new Promise((done) => {
              const act = new Function("model", "time", what);
              let time = 0;
              const again = () => {
                act(place.model, time);
                time += 1;
                if (time < 30) setTimeout(again, time % 3 ? 7 : 40);
                else done();
              };
              again();
            })""",
            what,
        )
        listened(view, 0.1)
        found = float(jumps(view).max())
        view.page.evaluate("window.heard[0].frames.splice(0)")
        return found

    restless("model.update({ gains: [time % 2 ? 0 : 2, 1, 1, 1, time % 2] })", 2)
    restless("model.update({ volume: time % 2 })")
    restless("model.update({ heard: ['original', 'kept', 'rest'][time % 3] })")
    restless("model.update({ position: 0.5 + ((time * 0.31) % 1) })")
    restless("model.update({ speed: time % 2 ? 1 : 0.5 })")
    restless("model.update({ loop: time % 2 ? [0, 1.503] : [0.2, 1.2] })")
    restless("model.update({ playing: time % 2 === 1 })")
    restless("model.update({ loop: [], position: time % 2 ? 0 : 0.25 })")


# ----------------------------------------------------------------------------------------------- pages, views, browsers


def test_two_players_of_a_page_are_independent(mount: Mount, explanation: wam.Explanation) -> None:
    first = mount(*(wam.SpectrogramPlayer(explanation, matched=False) for _ in range(2)), script=EARS)
    second = first.nth(1)
    first.place.locator(".wam-title").click()
    playing(first, loop=LOOP)
    settings(second, playing=False, position=0, loop=[])
    playing(second, gains=[1, 1, 1, 0, 1], position=0.5)
    second.set(loop=[0.25, 0.75])
    high, low = loudness(first, *TONES)
    assert abs(high - low) < 1
    high, low = loudness(second, *TONES, number=1)
    assert low - high > 20
    settings(first, gains=[1] * 5, loop=LOOP, playing=True)
    second.place.get_by_role("button", name="stop").click()
    settings(first, playing=True)
    becomes(first, "suspended", 1)
    assert state_of(first) == "running"
    second.picture.press("ArrowRight")
    assert second.state["position"] == pytest.approx(0.27)
    assert 0.5 <= first.state["position"] <= 1.5


SECOND_VIEW = """async (place, code) => {
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { default: widget } = await import(address); // as anywidget does it, once for all views
  URL.revokeObjectURL(address);
  place.close();
  const el = document.createElement("div");
  place.append(el);
  window.closers = [];
  for (let view = 0; view < 2; view++) {
    const within = document.createElement("div");
    el.append(within);
    window.closers.push(widget.render({ model: place.model, el: within }));
  }
}"""


def test_two_views_of_a_player_share_its_sound(mount: Mount, explanation: wam.Explanation) -> None:
    player = wam.SpectrogramPlayer(explanation, matched=False)
    view = mount(player, script=EARS, bypass_csp=True)
    view.place.locator(".wam-title").click()
    view.place.evaluate(SECOND_VIEW, str(player._esm))
    first, second = view.place.locator(".wam-explorer").all()
    first.get_by_role("button", name="play").click()
    expect(second.get_by_role("button", name="pause")).to_be_visible()
    view.until("model => model.get('position') > 0.3")
    begun = view.page.evaluate("window.heard[0].sources")
    view.until("model => model.get('position') > 1")
    assert view.page.evaluate("window.heard[0].sources") == begun, "what one view tells, the other must not seek"
    assert view.page.evaluate("window.heard.length") == 1
    view.page.evaluate("window.closers[0]()")
    assert state_of(view) == "running"
    view.page.evaluate("window.closers[1]()")
    assert state_of(view) == "closed"


def test_another_wavelet_of_fewer_scales_takes_over_while_it_plays(mount: Mount) -> None:
    view = mount(wam.SpectrogramPlayer(of_tones(), matched=False), wavelets=["haar", None], script=EARS)
    view.place.locator(".wam-title").click()
    playing(view, loop=LOOP)
    before = np.array(loudness(view, *TONES))
    for wavelet in (None, "haar", "sym8", None):
        view.place.get_by_role("combobox", name="wavelet").select_option(wavelet or "none: the samples")
        view.set(volume=0.5)  # at once: what plays is of the other one still
        view.set(volume=1.0)
        listened(view, 0.2)
        expect(view.place.get_by_role("alert")).to_be_hidden()
        settings(view, playing=True)
        assert np.array(loudness(view, *TONES)) == pytest.approx(before, abs=0.3)
    view.place.get_by_role("button", name="mute").click()
    assert max(loudness(view, *TONES)) < -100


#: As a kernel does it: whatever Playwright evaluates counts as a click.
PLAY = """
window.addEventListener("load", () => document.querySelector("[data-wam]").model.update({ playing: true }));
"""


def test_before_the_first_click_the_reader_is_asked_for_one_and_then_it_plays(
    mount: Mount, explanation: wam.Explanation
) -> None:
    view = mount(wam.SpectrogramPlayer(explanation), script=EARS + PLAY, forgiving=True)
    asked = view.place.get_by_text("press any key or click")
    expect(asked).to_be_visible()
    assert state_of(view) == "suspended"
    settings(view, position=0)
    view.page.locator("body").click(position={"x": 2, "y": 2})
    expect(asked).to_be_hidden()
    view.until("model => model.get('position') > 0")
    assert only_asked_for_a_click(view)


def test_a_view_that_is_closed_before_the_first_click_is_closed_in_silence(
    mount: Mount, explanation: wam.Explanation
) -> None:
    view = mount(wam.SpectrogramPlayer(explanation), script=EARS + PLAY, forgiving=True)
    view.place.evaluate("place => place.close()")
    becomes(view, "closed")
    view.settled()
    assert only_asked_for_a_click(view)


def only_asked_for_a_click(view: View) -> bool:
    return all("AudioContext was not allowed to start" in each for each in view.watched.complaints)


@pytest.mark.parametrize("rate", [100.0, 1_000_000.0])
def test_what_no_browser_plays_is_seen_and_said(mount: Mount, rate: float) -> None:
    given = sound(400, rate=rate, wavelet="haar")
    view = mount(wam.SpectrogramPlayer(given, loop=[0, 400 / rate] if rate < 1000 else []), script=EARS)
    expect(
        view.place.get_by_text("To be seen, not heard: browsers play 3,000 to 768,000 samples per second")
    ).to_be_visible()
    for name in ("play", "stop"):
        expect(view.place.get_by_role("button", name=name)).to_be_disabled()
    view.place.locator(".wam-title").click()
    view.set(playing=True)
    view.picture.press("Space")
    view.picture.press("Space")
    view.set(gains=[1, 0, 1, 1], heard="kept")
    view.settled()
    assert view.page.evaluate("window.heard.length") == 0
    assert len(np.unique(view.pixels().reshape(-1, 4), axis=0)) > 20
    view.picture.press("End")
    assert view.state["position"] == pytest.approx(400 / rate)


#: As in a browser without Web Audio, and in one that has no clock of this rate.
NO_AUDIO = "delete window.AudioContext;"
NO_CLOCK = "window.AudioContext = class { constructor() { throw new DOMException('', 'NotSupportedError'); } };"


def test_without_web_audio_a_sound_is_seen_and_that_is_said(mount: Mount, explanation: wam.Explanation) -> None:
    view = mount(wam.SpectrogramPlayer(explanation), script=NO_AUDIO)
    expect(view.place.get_by_text("To be seen, not heard: this browser has no Web Audio.")).to_be_visible()
    for name in ("play", "stop"):
        expect(view.place.get_by_role("button", name=name)).to_be_disabled()
    view.set(playing=True, gains=[0] * len(explanation.scales))
    view.settled()
    assert view.state["playing"] is False
    expect(view.place.get_by_role("alert")).to_be_hidden()
    assert len(np.unique(view.pixels().reshape(-1, 4), axis=0)) > 20


def test_a_browser_that_refuses_the_rate_is_told_of_once_it_was_tried(
    mount: Mount, explanation: wam.Explanation
) -> None:
    view = mount(wam.SpectrogramPlayer(explanation), script=NO_CLOCK)
    button = view.place.get_by_role("button", name="play")
    button.click()
    refusal = view.place.get_by_text("To be seen, not heard: this browser doesn't play 16,000 samples per second.")
    expect(refusal).to_be_visible()
    expect(button).to_be_disabled()
    assert view.state["playing"] is False


def test_tones_are_what_is_tested_with() -> None:
    assert amplitudes(tones()) == pytest.approx([20 * math.log10(0.2 * TONES_RATE)] * 2, abs=0.01)
