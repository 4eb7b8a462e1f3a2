"""Where in time and frequency a sound's explanation is."""

from __future__ import annotations

import torch

from wam_widgets.transform.octaves import Axis, Pool, Tiling, TimeFrequencyMap, draw_tiles, tilings

from .explanation import Explanation


def sampling_rate(explanation: Explanation) -> float:
    """Return how many samples a second of the explained sound has, from its grid, in Hz.

    Raises
    ------
    TypeError, ValueError
        Unless it is an explanation of a sound whose grid counts time in seconds.
    """
    if not isinstance(explanation, Explanation):
        raise TypeError(
            f"Time and frequency are those of an Explanation; got {type(explanation).__name__}. Pass what `explain` "
            f"returned."
        )
    grid = explanation.grid
    if len(explanation.size) != 1:
        raise ValueError(
            f"Time and frequency are those of a sound, which has one spatial axis; got axes {grid.axes} of size "
            f"{explanation.size}. Pass an explanation of a sound."
        )
    if grid.sample_rate is None:
        raise ValueError(
            f"The sampling rate comes from a grid in seconds; got steps of {grid.spacing[0]:g} {grid.units[0]}. "
            f"Explain with e.g. `grid=Grid.sound(44_100)`, the rate in samples per second."
        )
    return grid.sample_rate


def tiles(explanation: Explanation) -> tuple[Tiling, ...]:
    """Return the tiles of the time-frequency plane that the coefficients of a sound's explanation are drawn in.

    Parameters
    ----------
    explanation : Explanation
        Of a sound, whose grid is in seconds.

    Returns
    -------
    tuple of Tiling
        One per scale, coarse to fine: the frequencies of its octave, with the share of an atom's energy that lies
        there, and the edges of its cells in seconds.

    Raises
    ------
    ValueError
        As `sampling_rate`.
    """
    rate = sampling_rate(explanation)
    return tilings(explanation.size[0], explanation.wavelet, explanation.level, rate)


def time_frequency_map(
    explanation: Explanation,
    item: int = 0,
    *,
    axis: Axis = "log",
    rows: int | None = None,
    columns: int | None = None,
    lowest: float | None = None,
    pool: Pool = "peak",
) -> TimeFrequencyMap:
    """Draw the attribution of a sound's coefficients on a regular grid of time and frequency.

    Parameters
    ----------
    explanation : Explanation
        Of a sound, whose grid is in seconds.
    item : int
        Which item of the batch.
    axis : {"linear", "log", "mel"}
        In what the rows are evenly spaced: Hz, octaves, or mel (Slaney's).
    rows, columns : int, optional
        By default 12 rows per octave on a log axis and 128 on others, and a column per sample, at most 1024.
    lowest : float, optional
        Where the frequencies begin, in Hz: by default at 0, and on a log axis an octave below the coarsest detail.
    pool : {"peak", "mean"}
        What a cell shows of several tiles that it covers: the largest, or the mean by the area that each covers.

    Returns
    -------
    TimeFrequencyMap
        Values, shape (frequency, time), low frequencies first, with edges in Hz and seconds: every coefficient's whole
        magnitude, summed over channels, all over its tile. In score units per signal unit (or score units, for
        contributions); since all tiles have the same area, also a density, of twice that per cell of 1 s and 1 Hz.

    Raises
    ------
    TypeError, ValueError, IndexError
        For an explanation of anything but sound, a grid without seconds, no such item, or options that can't be right.

    Examples
    --------
    >>> from wam_widgets import Grid, explain
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(800, 3))
    >>> grid = Grid(("time",), (1 / 8000,), ("s",))
    >>> explanation = explain(model, torch.randn(1, 1, 800), wavelet="db4", level=4, grid=grid, progress=False)
    >>> time_frequency_map(explanation, axis="mel", rows=40).values.shape
    (40, 800)
    """
    rate = sampling_rate(explanation)
    magnitudes = explanation[item].attribution.map(torch.abs)
    return draw_tiles(magnitudes, rate, axis=axis, rows=rows, columns=columns, lowest=lowest, pool=pool)
