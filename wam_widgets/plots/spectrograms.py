"""A sound's spectrogram, with its attribution on the same time and frequency."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.time_frequency import sampling_rate, tiles, time_frequency_map
from wam_widgets.checks import whole_number
from wam_widgets.transform.logmel import power_spectrogram
from wam_widgets.transform.octaves import AXES, Axis

from .canvas import FAINT, SIZE, TEXT, WIDTH, Colours, clean, foot, head, new_figure, title
from .planes import array_of
from .words import heading, number, percent, plain, require_item, unit, what_is_explained

#: Samples per frame of a spectrogram.
FRAME = 1024

#: Decibels below the loudest that the spectrogram still shows.
RANGE = 80.0


def spectrogram(
    explanation: Explanation,
    item: int = 0,
    *,
    axis: Axis = "log",
    n_fft: int | None = None,
    lowest: float | None = None,
) -> Figure:
    """Draw a sound's spectrogram in decibels, and on it which coefficients matter, each all over its tile.

    Parameters
    ----------
    explanation : Explanation
        Of a sound, whose grid is in seconds.
    item : int
        Which item of the batch.
    axis : {"linear", "log", "mel"}
        How frequency is spaced.
    n_fft : int, optional
        Samples per frame of the spectrogram (Hann, a quarter apart); of a shorter sound, all that it has. By default
        1024, and of short sounds about a sixteenth.
    lowest : float, optional
        Where the frequencies begin, in Hz: by default at 0, and on a log axis an octave below the coarsest detail.

    Returns
    -------
    matplotlib.figure.Figure
        Above, the power of the sound, summed over channels, in dB below its largest. Below, the same in grey, under
        the magnitudes of the attribution: see-through where nothing matters. Dashed lines divide the octaves of the
        scales; at their right stands what share of an atom's energy lies within. If the explanation has `features`
        whose rows are frequencies, as behind a `LogMel`, those of the same passes follow, on the same axes.

    Raises
    ------
    TypeError, ValueError
        For an explanation of anything but sound, a grid without seconds, no such item, or options that can't be right.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, man = wam.samples.audio_model(), wam.samples.audio()["man"]
    >>> figure = spectrogram(wam.explain(model, man.signal, grid=man.grid, level=3, samples=4, progress=False))
    >>> figure.axes[0].get_ylabel()
    'frequency (Hz)'
    """
    item = require_item(explanation, item)
    rate = sampling_rate(explanation)
    drawn = time_frequency_map(explanation, item, axis=axis, lowest=lowest)
    frame = usual_frame(explanation.size[0]) if n_fft is None else whole_number(n_fft)
    if frame is None or frame < 2:
        raise ValueError(f"`n_fft` must be a whole number of at least 2; got {n_fft!r}. Pass e.g. `n_fft=1024`.")
    decibels, hop, step = decibels_of(explanation.signal[item], rate, frame)
    time = (np.arange(decibels.shape[1] + 1) - 0.5) * hop
    hertz = np.clip((np.arange(decibels.shape[0] + 1) - 0.5) * step, 0, rate / 2)

    features = spectral(explanation)
    figure = new_figure(WIDTH, 6.6 if features is None else 9.2)
    head(figure, heading(explanation, item))
    panels = np.ravel(figure.subplots(2 if features is None else 3, 1, sharex=True, sharey=True))
    upper, lower, *further = (clean(panel) for panel in panels)
    _draw(upper, time, hertz, decibels, Normalize(-RANGE, 0), "viridis")
    _bar(figure, upper)
    title(upper, f"{what_is_explained(explanation, item)}\nspectrogram, {round(rate / step)} samples per frame")
    for panel in (lower, *further):  # grey up to its middle only, so that colours on it stand out
        _draw(panel, time, hertz, decibels, Normalize(-RANGE, RANGE), "Greys")
    _lay_over(figure, lower, drawn.time_edges, drawn.frequency_edges, drawn.values, unit(explanation, "cell"))
    title(lower, "attribution of the sound's coefficients, on its spectrogram")
    if features is not None:
        frames, rows = edges_of(features)
        values = array_of(features.heatmap()[item])
        _lay_over(figure, further[0], frames, rows, values, unit(features, "sample"))
        title(further[0], f"attribution at {plain(features.settings['at'])}, from the same passes")
    _name_axes(list(panels), explanation, axis)
    _octaves(lower, explanation, axis, float(drawn.frequency_edges[0]))
    lower.set_xlim(drawn.time_edges[0], drawn.time_edges[-1])
    lower.set_ylim(drawn.frequency_edges[0], drawn.frequency_edges[-1])
    foot(figure, "Every coefficient's magnitude, drawn all over its tile: its cell in time, the octave of its scale.")
    return figure


def usual_frame(samples: int) -> int:
    """Return how many samples a frame has if nobody says so: fewer in a short signal, so that it has frames at all."""
    return min(FRAME, max(32, 1 << max((samples // 16).bit_length() - 1, 0)))


def decibels_of(
    sound: Tensor, rate: float, n_fft: int | None = None, *, floor: float = -RANGE
) -> tuple[NDArray[np.float64], float, float]:
    """Return the power of a sound, (channel, time), summed over channels, as a picture shows it.

    Parameters
    ----------
    sound : Tensor, shape (channel, time)
    rate : float
        Samples per second.
    n_fft : int, optional
        Samples per frame (Hann, a quarter apart); of a shorter sound, all that it has. By default `usual_frame`.
    floor : float
        What is fainter is drawn as faint as that.

    Returns
    -------
    decibels : float array, shape (frequency, frame)
        Below the largest, low frequencies first.
    hop, step : float
        Seconds from a frame's middle to the next, and Hz from a frequency to the next; both begin at 0.
    """
    frame = max(2, min(usual_frame(sound.shape[1]) if n_fft is None else n_fft, sound.shape[1]))
    hop = max(1, frame // 4)
    loudest = sound.abs().max()  # squares of very loud or faint sounds would leave what float32 can hold
    power = array_of(power_spectrogram(sound[None] / torch.where(loudest > 0, loudest, 1), frame, hop)[0].sum(0))
    decibels = 10 * np.log10(np.maximum(power / (power.max() or 1.0), 10 ** (floor / 10)))
    return decibels, hop / rate, rate / frame


def spectral(explanation: Explanation) -> Explanation | None:
    """Return the features if they have rows of known frequency and frames in seconds."""
    features = explanation.features
    if features is None or features.grid.units[1:] != ("s",):
        return None
    return features if len(features.settings.get("frequencies", [])) == features.size[0] else None


def edges_of(features: Explanation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where frames meet, in seconds, and where rows do, in Hz: half-way between their peaks."""
    frames: NDArray[np.float64] = np.asarray((np.arange(features.size[1] + 1) - 0.5) * features.grid.spacing[1])
    peaks = np.asarray(features.settings["frequencies"], dtype=np.float64)
    inner = (peaks[1:] + peaks[:-1]) / 2
    if not inner.size:  # one row
        return frames, np.array([0.0, 2 * peaks[0]])
    return frames, np.concatenate([[max(0.0, 2 * peaks[0] - inner[0])], inner, [2 * peaks[-1] - inner[-1]]])


def _draw(
    panel: Axes,
    time: NDArray[np.float64],
    hertz: NDArray[np.float64],
    values: NDArray[np.float64],
    norm: Normalize,
    cmap: str | Colormap,
) -> None:
    panel.pcolormesh(time, hertz, values, norm=norm, cmap=cmap, rasterized=True, shading="flat")


def _lay_over(
    figure: Figure,
    panel: Axes,
    time: NDArray[np.float64],
    hertz: NDArray[np.float64],
    values: NDArray[np.float64],
    what: str,
) -> None:
    """Draw values in see-through colours over what is there, with their scale beside them."""
    colours = Colours.shared_by([values], signed=False, see_through=True)
    _draw(panel, time, hertz, values, colours.norm, colours.cmap)
    if not colours.empty:
        colours.bar(figure, [panel], what, length=2.4)


def _bar(figure: Figure, panel: Axes) -> None:
    bar = figure.colorbar(
        ScalarMappable(Normalize(-RANGE, 0), "viridis"),
        ax=[panel],
        location="right",
        fraction=0.05,
        pad=0.02,
        aspect=25,
    )
    bar.set_label("dB below the largest", fontsize=SIZE - 1, **TEXT)
    bar.ax.tick_params(labelsize=SIZE - 1.5, width=0.8, length=3)
    bar.outline.set(linewidth=0.8)


def _name_axes(panels: list[Axes], explanation: Explanation, axis: Axis) -> None:
    """Space frequency as asked for, and write names and units."""
    if axis == "log":
        panels[0].set_yscale("log")
    elif axis == "mel":
        panels[0].set_yscale("function", functions=AXES[axis])
    for panel in panels:
        if axis == "log":
            panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        elif axis == "mel":
            panel.yaxis.set_major_locator(FixedLocator([0.0, 250.0, 500.0, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3]))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(float(value))))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_ylabel("frequency (Hz)", fontsize=SIZE - 1, labelpad=2, **TEXT)
    panels[-1].set_xlabel(f"{plain(explanation.grid.axes[0])} (s)", fontsize=SIZE - 1, labelpad=2, **TEXT)


def _octaves(panel: Axes, explanation: Explanation, axis: Axis, lowest: float) -> None:
    """Divide the scales, and write how much of an atom's energy lies within each one's octave, where there is room."""
    there, back = AXES[axis]
    shown = [tiling.octave for tiling in tiles(explanation) if tiling.octave.high > lowest]
    ends = there(np.array([lowest, shown[-1].high]))
    for band in shown:
        if band.low > lowest:
            panel.axhline(band.low, color=FAINT, linewidth=0.6, linestyle=(0, (3, 3)))
        sides = there(np.array([max(band.low, lowest), band.high]))
        if explanation.wavelet is None or np.diff(sides)[0] < 0.06 * np.diff(ends)[0]:
            continue
        panel.text(
            0.995,
            float(back(sides.mean(keepdims=True))[0]),
            percent(band.share),
            transform=panel.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=SIZE - 2.5,
            **TEXT,
        )
