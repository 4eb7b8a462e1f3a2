"""What the browser makes of a sound's coefficients, beside what the engine makes of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

import wam_widgets as wam
from tests.widgets.cases import RATE, sound
from wam_widgets import export
from wam_widgets.widgets import base
from wam_widgets.widgets.explorers.arrays import values_of
from wam_widgets.widgets.explorers.sound import mix_of, sound_of
from wam_widgets.widgets.spectrogram_view import FRACTIONS

Array = NDArray[np.float32]

SHARED = Path(base.__file__).parent / "shared"

#: Steps of 16 bits from 0 to 1.
FULL = 2**15

#: Short, long and biorthogonal filters and none; odd lengths; one, two and more channels; a difference from a baseline.
CASES: dict[str, dict[str, Any]] = {
    "haar, odd": {"wavelet": "haar"},
    "long filters, stereo": {"wavelet": "db4", "channels": 2, "length": 1234},
    "biorthogonal, three channels": {"wavelet": "bior2.2", "channels": 3, "length": 777},
    "samples, stereo": {"wavelet": None, "channels": 2, "length": 501},
    "beyond 16 bits": {"wavelet": "db2", "signal": 7 * sound(900).signal},
    "from a baseline": {"method": "integrated_gradients", "length": 1500, "baseline": 0.125, "wavelet": "sym3"},
}

#: Give arrays back as text: floats of 32 bits, one after the other.
TOOLS = """
const packed = (arrays) => {
  const all = new Float32Array(arrays.flat(9).flatMap((each) => [...each]));
  let text = "";
  for (const byte of new Uint8Array(all.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
};
const taken = (values, fraction) => {
  const kept = largest(values, values.attribution, fraction);
  return splitSounds(values, scaleSounds(values), (index) => !kept[index % values.count]);
};
const render = (values, how, seconds) => {
  const tracks = scaleSounds(values);
  const samples = Math.round(seconds * values.rate);
  const context = new OfflineAudioContext(tracks[0].length, samples, values.rate);
  const defaults = { levels: tracks.map(() => 1), at: 0, from: 0, loop: null, speed: 1 };
  begin(context, buffersOf(tracks, values.rate), context.destination, { ...defaults, ...how });
  return context.startRendering().then((buffer) =>
    packed(Array.from({ length: buffer.numberOfChannels }, (_, at) => buffer.getChannelData(at))));
};
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page with the code that players share, and nothing else."""
    page = browser.new_page()
    code = [
        base.joined(path)
        for path in (SHARED / "sounds.js", SHARED / "player.js", Path(export.__file__).with_suffix(".js"))
    ]
    page.add_script_tag(content="\n".join([*code, TOOLS]))
    yield page
    page.close()


@pytest.fixture(scope="module", params=CASES)
def given(request: pytest.FixtureRequest) -> wam.Explanation:
    return sound(**CASES[request.param])


def floats(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), np.float32)


def asked(page: Page, explanation: wam.Explanation, expression: str, *arguments: Any) -> Any:
    """Return what an expression makes of `values`, the sound as the browser unpacks it, and `given`."""
    sent = json.dumps(sound_of(explanation) | values_of(explanation, "key"), default=export._encode)
    return page.evaluate(
        f"([sent, given]) => {{ const values = unpackSound(revive(JSON.parse(sent))); return {expression}; }}",
        [sent, list(arguments)],
    )


def heard(explanation: wam.Explanation, signal: Any) -> NDArray[np.float64]:
    """Return a signal as it is heard, (output, sample) in steps of 16 bits: of more than two channels, their mean."""
    array = signal[0].double().numpy()
    mixed = array if len(array) <= 2 else array.mean(0, keepdims=True)
    original = explanation.signal[0].double().numpy()
    peak = np.abs(original if len(original) <= 2 else original.mean(0)).max()
    return np.asarray(mixed / max(1.0, peak) * FULL)


def steps_of(text: str, *shape: int) -> NDArray[np.float64]:
    """Return sounds in steps of 16 bits, which they have to be whole."""
    steps = floats(text).astype(float).reshape(shape) * FULL
    np.testing.assert_array_equal(steps, np.round(steps))
    return steps


def test_all_scales_together_are_the_original_to_the_step(page: Page, given: wam.Explanation) -> None:
    original = heard(given, given.signal)
    scales = steps_of(asked(page, given, "packed(scaleSounds(values))"), len(given.scales), *original.shape)
    together = scales.sum(0)
    np.testing.assert_array_equal(together, np.clip(np.round(original), -FULL, FULL - 1))
    for number in range(len(given.scales)):  # and each is what the engine makes of its coefficients
        gains = [float(each == number) for each in range(len(given.scales))]
        alone = heard(given, mix_of(given, gains=gains, heard="original", fraction=1.0))
        steps = 0.51 if number < len(given.scales) - 1 else 0.51 * len(given.scales)  # the last makes up for all
        assert np.abs(scales[number] - alone).max() <= max(1.01 * (len(given.scales) == 1), steps)


def test_what_is_kept_is_what_the_engine_rebuilds_and_the_rest_is_the_rest(page: Page, given: wam.Explanation) -> None:
    original, scales = heard(given, given.signal), len(given.scales)
    for fraction in (0.0, 0.01, 0.2, 0.7, 1.0):
        sent = asked(page, given, "(({kept, rest}) => packed([kept, rest]))(taken(values, given[0]))", fraction)
        kept, rest = steps_of(sent, 2, scales, *original.shape)
        whole = steps_of(asked(page, given, "packed(scaleSounds(values))"), scales, *original.shape)
        np.testing.assert_array_equal(kept + rest, whole)
        # Every scale is rounded by itself: half a step each.
        error = kept.sum(0) - heard(given, given.rebuild(fraction=fraction))
        assert np.abs(error).max() <= 0.51 * (scales + 1), fraction
        assert np.sqrt((error**2).mean()) < 1
        error = rest.sum(0) - heard(given, mix_of(given, gains=[1.0] * scales, heard="rest", fraction=fraction))
        assert np.abs(error).max() <= 0.51 * (scales + 2), fraction


def test_the_same_positions_are_kept_as_by_the_engine(page: Page, given: wam.Explanation) -> None:
    for fraction in (0.0, *FRACTIONS):
        kept = asked(page, given, "packed([largest(values, values.attribution, given[0])])", fraction)
        mask = given.attribution.map(lambda band: band.abs()).largest(fraction).flatten()[0, 0].numpy()
        np.testing.assert_array_equal(floats(kept).astype(bool), mask)


def test_of_equal_ones_the_same_are_kept_as_by_the_engine(page: Page) -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 7, 50, 333):
        values = random.integers(-3, 4, (2, count)).astype(np.float32)  # many are alike
        for fraction in (0.0, 0.1, 0.25, 0.5, 0.9, 1.0, *(half / count for half in (0.5, 1.5, 2.5) if half < count)):
            kept = page.evaluate(
                "([flat, count, fraction]) => [...largest({ channels: 2, count }, new Float32Array(flat), fraction)]",
                [values.ravel().tolist(), count, fraction],
            )
            importance = np.abs(values).sum(0)
            order = np.argsort(-importance, kind="stable")[: round(fraction * count)]
            np.testing.assert_array_equal(np.flatnonzero(kept), np.sort(order))


@pytest.mark.parametrize("channels", [1, 2])
def test_all_gains_at_one_play_the_original_to_the_step_at_its_own_rate(page: Page, channels: int) -> None:
    for rate in (8000, 11_025, 44_100):
        explanation = sound(3001, channels=channels, rate=rate, level=4)
        played = floats(asked(page, explanation, "render(values, {}, given[0])", 3001 / rate)).reshape(channels, -1)
        original = np.round(heard(explanation, explanation.signal))
        np.testing.assert_array_equal(played * FULL, original)


def test_a_loop_repeats_to_the_step(page: Page) -> None:
    explanation = sound(3000)
    how = {"from": 0.1, "loop": [0.1, 0.2]}
    played = floats(asked(page, explanation, "render(values, given[0], 0.7)", how)) * FULL
    part = np.round(heard(explanation, explanation.signal))[0, RATE // 10 : RATE // 5]
    again = np.tile(part, 7)
    fade = RATE // 100
    np.testing.assert_allclose(played[:fade], again[:fade] * np.arange(fade) / fade, atol=0.1)  # fades in
    np.testing.assert_array_equal(played[fade:], again[fade:])


def test_twice_the_speed_is_half_the_length_and_every_second_sample(page: Page) -> None:
    explanation = sound(3000)
    played = floats(asked(page, explanation, "render(values, {speed: 2}, 0.3)")) * FULL
    original = np.round(heard(explanation, explanation.signal))[0]
    np.testing.assert_array_equal(played[:1500], original[::2])
    assert not played[1500:].any()


def test_levels_mix_what_the_gains_say(page: Page) -> None:
    explanation = sound(2000, channels=2)
    gains = [0.25, 0.0, 2.0, 1.0]
    played = floats(asked(page, explanation, "render(values, {levels: given[0]}, 0.25)", gains)).reshape(2, -1) * FULL
    expected = heard(explanation, mix_of(explanation, gains=gains, heard="original", fraction=1.0))
    assert np.abs(played - expected).max() <= 0.51 * (2.25 + 3)  # a step's half of each, by its gain
