"""What a page's players let sound, measured where it leaves the page."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import wam_widgets as wam
from tests.chromium import PATIENCE
from tests.widgets.cases import sound

from .pages import View

#: What reaches the loudspeakers of a context reaches an analyser too: one for every context, in `window.heard`. Beside
#: it the number of sources that were started, and, once that is loaded (where no policy forbids it), all samples.
EARS = """
(() => {
window.heard = [];
const tap = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process([input]) {
    this.port.postMessage([currentFrame, input[0] ?? new Float32Array(128)]);
    return true;
  }
})`;
const Context = window.AudioContext;
window.AudioContext = class extends Context {
  constructor(options) {
    super(options);
    const analyser = new AnalyserNode(this, { fftSize: 4096, smoothingTimeConstant: 0, minDecibels: -140 });
    const ear = { context: this, analyser, sources: 0, frames: [] };
    window.heard.push(ear);
    if (!window.listenClosely) return;
    const address = `data:text/javascript,${encodeURIComponent(tap)}`;
    ear.ready = this.audioWorklet.addModule(address).then(() => {
      const node = new AudioWorkletNode(this, "tap", {
        numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
      });
      node.port.onmessage = ({ data }) => ear.frames.push(data);
      ear.analyser.connect(node);
    });
  }
};
const { connect } = AudioNode.prototype;
AudioNode.prototype.connect = function (to, ...more) {
  if (to === this.context.destination) {
    connect.call(this, window.heard.find(({ context }) => context === this.context).analyser);
  }
  return connect.call(this, to, ...more);
};
const { start } = AudioBufferSourceNode.prototype;
AudioBufferSourceNode.prototype.start = function (...given) {
  const ear = window.heard.find(({ context }) => context === this.context);
  if (ear) ear.sources += 1;
  return start.apply(this, given);
};
})();
"""

#: The same, and every sample is kept: for pages without a policy against other code than their own.
SHARP_EARS = f"window.listenClosely = true;\n{EARS}"

#: Two tones, each in the middle of an octave of its own: those of detail 2 and of detail 4.
TONES, TONES_RATE = (3000.0, 750.0), 16_000


def tones(seconds: float = 2.0, *frequencies: float, rate: int = TONES_RATE) -> Tensor:
    """Return tones of 0.4 at most each, for a whole number of periods within half a second."""
    time = torch.arange(int(seconds * rate), dtype=torch.float64) / rate
    waves = [0.4 * torch.sin(2 * math.pi * each * time + 0.3) for each in frequencies or TONES]
    return torch.stack(waves).sum(0)[None, None].float()


def of_tones(seconds: float = 2.0, *frequencies: float, **options: Any) -> wam.Explanation:
    """Explain tones by long filters, which keep octaves apart."""
    settings: dict[str, Any] = {"wavelet": "sym8", "level": 4, "rate": TONES_RATE} | options
    return sound(signal=tones(seconds, *frequencies, rate=settings["rate"]), **settings)


def until(view: View, condition: str, *given: Any) -> None:
    """Wait for something to be true in the page: an expression in JavaScript, of what is `given`."""
    view.page.evaluate(
        f"""(given) => new Promise((done, give_up) => {{
          const asked = performance.now();
          const look = () => {{
            if ({condition}) done();
            else if (performance.now() - asked > {PATIENCE}) give_up(new Error("in vain"));
            else setTimeout(look, 5);
          }};
          look();
        }})""",
        list(given),
    )


def listened(view: View, seconds: float, number: int = 0) -> None:
    """Wait until a context has played for so long."""
    begun = view.page.evaluate("(number) => window.heard[number].context.currentTime", number)
    until(view, "window.heard[given[0]].context.currentTime >= given[1]", number, begun + seconds)


def loudness(view: View, *frequencies: float, number: int = 0) -> list[float]:
    """Return how loud tones are in what is heard from now on, in decibels."""
    rate = view.page.evaluate("(number) => window.heard[number].context.sampleRate", number)
    listened(view, 0.15 + 4096 / rate, number)
    found: list[float] = view.page.evaluate(
        """([number, frequencies]) => {
          const { analyser, context } = window.heard[number];
          const levels = new Float32Array(analyser.frequencyBinCount);
          analyser.getFloatFrequencyData(levels);
          const width = context.sampleRate / analyser.fftSize;
          return frequencies.map((hertz) => {
            const at = Math.round(hertz / width);
            return Math.max(-140, ...levels.slice(Math.max(0, at - 3), at + 4));
          });
        }""",
        [number, list(frequencies)],
    )
    return found


def state_of(view: View, number: int = 0) -> str:
    """Return the state of a context."""
    return str(view.page.evaluate("(number) => window.heard[number].context.state", number))


def becomes(view: View, state: str, number: int = 0) -> None:
    """Wait until a context is in a state."""
    until(view, "window.heard[given[0]].context.state === given[1]", number, state)
