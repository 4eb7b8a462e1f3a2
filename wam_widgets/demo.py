"""The main job: explain photos, sounds and shapes with real networks, and write a page that shows why they said so."""

from __future__ import annotations

import html
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from wam_widgets.attribution import Explanation, explain
from wam_widgets.attribution.passes import Model
from wam_widgets.export import page
from wam_widgets.plots.words import class_name, number, percent, probability, scale_words
from wam_widgets.samples import Sample, audio, audio_model, furniture, furniture_model, image_model, images
from wam_widgets.transform import octaves
from wam_widgets.widgets import ImageExplorer, SpectrogramPlayer, VolumeViewer
from wam_widgets.widgets.base import Widget

_COPIES = 100
_CUSTOMARY = 25

#: The sounds of the demo, and how many octaves they are split into.
_SOUNDS, _OCTAVES = ("man", "sword"), 6

#: The shapes of the demo.
_SHAPES = ("armchair", "table")

#: Of a sound's coefficients, as many are kept to hear what mattered.
_KEPT = 0.05


class Scale(NamedTuple):
    """What was found of one scale."""

    name: str
    share: float
    interval: tuple[float, float]
    told_from_zero: float
    added: float


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A photo or a sound, and its explanations."""

    sample: Sample
    """What is explained, with whom to thank for it."""

    smooth: Explanation
    """SmoothGrad, which has standard errors; of a sound, its contributions."""

    integrated: Explanation
    """Integrated Gradients, which sum to the score."""

    scales: list[Scale]
    """Coarse to fine."""

    seconds: float
    """How long the passes took."""


def run(
    out: Path,
    *,
    model: Model | None = None,
    photos: Sequence[Sample] | None = None,
    sounds: Sequence[Sample] | None = None,
    shapes: Sequence[Sample] | None = None,
    level: int = 5,
    copies: int = _COPIES,
) -> int:
    """Explain photos, sounds and shapes, print what was found, and write a page of live explorers.

    Parameters
    ----------
    out : Path
        Folder to write to; made if it isn't there.
    model, photos, sounds, shapes : optional
        By default the sample network of images and the sample photos; two sample sounds and two pieces of furniture,
        for networks of their own.
    level : int
        Number of decompositions of the photos.
    copies : int
        Noisy copies of each.

    Returns
    -------
    int
        Exit code: 0, or 1 if something is missing (which is said in one line).
    """
    try:
        _require_writable(out)
    except OSError as error:
        return _fail(f"Can't write to {out}: {error.strerror or error}. Name another folder: --out FOLDER")
    try:
        model = image_model() if model is None else model
        photos = list(images().values()) if photos is None else photos
        sounds = [audio()[name] for name in _SOUNDS] if sounds is None else sounds
        shapes = [furniture()[name] for name in _SHAPES] if shapes is None else shapes
    except ImportError as error:
        return _fail(str(error))
    began = time.perf_counter()
    samples = [*photos, *sounds, *shapes]
    print(f"Explaining {_counted(photos, sounds, shapes)}: {copies} passes each for SmoothGrad, and as many")
    print("as it takes to sum to the score within 5 % for Integrated Gradients.", flush=True)
    cases: list[Case] = []
    try:
        for index, sample in enumerate(samples, start=1):
            print(f"\n[{index} of {len(samples)}] {sample.title} ({sample.name})", flush=True)
            with _stopping():
                cases.append(_explain(model, sample, level, copies))
            print(_report(cases[-1]), flush=True)
        with _stopping():
            few = explain(model, photos[0].signal, level=level, samples=min(_CUSTOMARY, copies))
        file = out / "index.html"
        file.write_text(_page(cases, few), encoding="utf-8")
    except OSError as error:
        return _fail(f"Can't write to {out}: {error.strerror or error}. Name another folder: --out FOLDER")
    print(f"\nDone in {time.perf_counter() - began:.0f} s. Open this page in a browser:\n{file.resolve().as_uri()}")
    return 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _require_writable(out: Path) -> None:
    """Make the folder and try it, before any pass."""
    out.mkdir(parents=True, exist_ok=True)
    page = out / "index.html"
    with page.open("a", encoding="utf-8"):
        pass
    if not page.stat().st_size:
        page.unlink()


@contextmanager
def _stopping() -> Iterator[None]:
    """Let Ctrl-C stop the demo, not one explanation of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Stopped early")
        yield


def _counted(photos: Sequence[Sample], sounds: Sequence[Sample], shapes: Sequence[Sample]) -> str:
    """Say how many there are of what."""
    counts = {"photos": len(photos), "sounds": len(sounds), "shapes": len(shapes)}
    *first, last = [f"{count} {what}" for what, count in counts.items() if count]
    return f"{', '.join(first)} and {last}" if first else last


def _explain(model: Model, sample: Sample, level: int, copies: int) -> Case:
    """Explain a photo with the model, and what else there is with a network of its own."""
    axes = sample.signal.ndim - 2
    if axes == 2:
        return _look(model, sample, level, copies)
    return _hear(sample, copies) if axes == 1 else _turn(sample, copies)


def _look(model: Model, photo: Sample, level: int, copies: int) -> Case:
    """Explain a photo."""
    began = time.perf_counter()
    smooth = explain(model, photo.signal, level=level, samples=copies)
    integrated = explain(
        model, photo.signal, method="integrated_gradients", level=level, tolerance=0.05, max_samples=800
    )
    return _case(photo, smooth, integrated, time.perf_counter() - began)


def _hear(sound: Sample, copies: int) -> Case:
    """Explain a sound: what contributes, since a network in decibels is most sensitive to silence."""
    began, model = time.perf_counter(), audio_model()
    smooth = explain(
        model.network,
        sound.signal,
        front_end=model.front_end,
        wavelet="db4",
        level=_OCTAVES,
        samples=copies,
        grid=sound.grid,
        labels=model.labels,
    )
    integrated = explain(
        model,
        sound.signal,
        method="integrated_gradients",
        wavelet="db4",
        level=_OCTAVES,
        tolerance=0.05,
        max_samples=800,
        grid=sound.grid,
    )
    return _case(sound, smooth.contribution(), integrated, time.perf_counter() - began)


def _turn(shape: Sample, copies: int) -> Case:
    """Explain a shape: of voxels that are empty or met, what contributes is what is there."""
    began, model = time.perf_counter(), furniture_model()
    common: dict[str, Any] = {"grid": shape.grid, "labels": model.labels}
    smooth = explain(model, shape.signal, samples=copies, **common)
    integrated = explain(model, shape.signal, method="integrated_gradients", tolerance=0.05, max_samples=800, **common)
    return _case(shape, smooth.contribution(), integrated, time.perf_counter() - began)


def _case(sample: Sample, smooth: Explanation, integrated: Explanation, seconds: float) -> Case:
    names = scale_words(smooth)
    if smooth.grid.sample_rate is not None:
        found = octaves(smooth.wavelet, smooth.level, smooth.grid.sample_rate)
        names = [f"{octave.low:g} to {octave.high:g} Hz" for octave in found]
    columns = zip(
        names,
        smooth.scale_shares()[0].tolist(),
        smooth.scale_share_intervals()[0].tolist(),
        _told_from_zero(smooth),
        integrated.completeness_by_scale()[0].tolist(),
        strict=True,
    )
    scales = [Scale(name, share, (low, high), told, added) for name, share, (low, high), told, added in columns]
    return Case(sample, smooth, integrated, scales, seconds)


# ----------------------------------------------------------------------------------------------------- what is found


def _prediction(explanation: Explanation) -> tuple[str, str]:
    """Return the explained class and its probability."""
    column = int(explanation.target[0]) if explanation.target is not None else 0
    found = probability(explanation, 0, column)
    return class_name(explanation, column), percent(found[0]) if found else "unknown"


def _gap(explanation: Explanation) -> str:
    """Return by how much Integrated Gradients miss the score, absolute and relative."""
    absolute, relative = (float(explanation.completeness_gap(relative=each)[0]) for each in (False, True))
    return f"{number(absolute)} ({percent(relative)} of f(x) − f(0))"


def _told_from_zero(explanation: Explanation) -> list[float]:
    """Return the share of significant coefficients of each scale."""
    detail = explanation.significant().by_scale()
    return [float(torch.cat([band.flatten() for band in bands.values()]).double().mean()) for _, bands in detail]


def _cells(scale: Scale) -> tuple[str, ...]:
    """Write a scale as a row of a table."""
    low, high = map(percent, scale.interval)
    return scale.name, percent(scale.share), f"{low} to {high}", percent(scale.told_from_zero), number(scale.added)


def _report(case: Case) -> str:
    label, chance = _prediction(case.smooth)
    passes = f"{int(case.smooth.passes[0])} SmoothGrad, {int(case.integrated.passes[0])} Integrated Gradients"
    rows = [("scale", "share", "95 % interval", "told from zero", "adds to score"), *map(_cells, case.scales)]
    lines = [
        f"  class               {label}, probability {chance}",
        f"  passes              {passes} in {case.seconds:.1f} s",
        f"  completeness gap    {_gap(case.integrated)}",
        *(f"  {name:<16}{share:>9}{span:>20}{told:>17}{added:>16}" for name, share, span, told, added in rows),
    ]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------- the page

_SENSITIVE = (
    "<strong>What the answer is sensitive to.</strong> Where the heat map is dark, a small change moves the score "
    "most. Mix the scales with the sliders; press “solo” to see one. Then hide what can't be told from zero: the fine "
    "scales vanish first, however crisp they looked. “Denoised” shrinks them as far as they are noise."
)
_ADDS_UP = (
    "<strong>What adds up to the score.</strong> Integrated Gradients split the score itself, coefficient by "
    "coefficient: coarse at the top left of the mosaic, fine outwards. Red speaks for the class, blue against it; "
    "point at a coefficient to read it off."
)
_HEARD = (
    "<strong>Hear what mattered.</strong> Press play, or space on the spectrogram: what sounds is the twentieth of the "
    "coefficients that contributes most. Switch to “only the rest”, and read what the network makes of both. Solo an "
    "octave on the mixing desk. Drag over the spectrogram to loop a moment."
)

_TURNED = (
    "<strong>See inside.</strong> Drag to turn it; the grey fog is the shape, the colours are what contributes to the "
    "answer. Click, or drag the cross-hairs of the slices, to read numbers off. Solo a scale: coarse ones hold the "
    "bulk, fine ones legs and edges. “Surface” draws where the contribution crosses the threshold."
)

_STYLE = """
:root { --faint: light-dark(#555, #b0b0b0); --rule: light-dark(#ccc, #444); }
h1, h2 { line-height: 1.2; overflow-wrap: break-word; }
h2 { border-top: 1px solid var(--rule); margin-top: 3rem; padding-top: 1rem; }
a { color: light-dark(#005a9c, #8cc4ff); }
.credit, caption { color: var(--faint); font-size: .92rem; }
.table { overflow-x: auto; }
main table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .3rem; text-align: left; }
.table th, .table td { border-bottom: 1px solid var(--rule); padding: .25rem .8rem .25rem 0; text-align: right; }
.table th:first-child { font-weight: normal; text-align: left; }
.table thead th { font-weight: bold; vertical-align: bottom; }
dl { display: grid; gap: .1rem 1rem; grid-template-columns: max-content 1fr; margin: 1rem 0; }
dt { color: var(--faint); }
dd { margin: 0; }
.warn { border-left: 4px solid #d55e00; padding: .1rem 1rem; }
"""


def _page(cases: Sequence[Case], few: Explanation) -> str:
    """Return the page: live, and nothing from outside."""
    samples = [case.sample for case in cases]
    heard, seen, turned = ([case for case in cases if case.sample.signal.ndim == axes + 2] for axes in (1, 2, 3))
    links = " · ".join(f'<a href="#{_e(s.name)}">{_e(s.title)}</a>' for s in samples)
    first = cases[0]
    smooth = first.smooth
    copies = int(smooth.passes[0])
    finest, coarsest = first.scales[-1].told_from_zero, first.scales[0].told_from_zero
    at_few = _told_from_zero(few)
    misleading = (
        f"At the customary {_CUSTOMARY} copies the fine scales are mostly noise, however crisp they look. In "
        f"“{first.sample.title}”, {percent(at_few[-1])} of the finest coefficients can be told from zero with "
        f"{int(few.passes[0])} copies and {percent(finest)} with {copies}; of the coarsest, {percent(at_few[0])} and "
        f"{percent(coarsest)}. So a single dark dot in “detail 1” is no evidence: hide what can't be told from zero "
        f"before you believe a scale."
    )
    opening = f"""
<h1>Why did the network say so?</h1>
<p>A trained image classifier ({_e(str(smooth.settings["model"]))}) named what it saw in {len(seen)} photos.
Here is what its answers hang on, split into scales by wavelets ({_e(str(smooth.wavelet))}, {smooth.level} levels): the
approximation holds what is coarser than {2**smooth.level} pixels, detail {smooth.level} is coarse, detail 1 is the
finest. Error bars come from {copies} noisy copies of each photo.</p>
<p>{links}</p>
<div class="warn"><p><strong>Where such a map misleads.</strong> {_e(misleading)}</p></div>
"""
    thanks = "".join(f"<li>{_e(s.title)}: {_e(s.credit)}; licence: {_e(s.licence)}</li>" for s in samples)
    closing = f"""
<h2>Credits and licences</h2>
<ul>{thanks}</ul>
<p class="credit">Method: Kasmi, Brunetto, Fel, Parekh, <cite>One Wave To Explain Them All</cite>, ICML 2025. Made with
wam_widgets by <code>python -m wam_widgets demo</code>.</p>
"""
    sections = [
        *map(_seen, seen),
        *([[_listening(heard)]] if heard else []),
        *map(_played, heard),
        *([[_turning(turned)]] if turned else []),
        *map(_turned, turned),
    ]
    parts = [opening, *(part for section in sections for part in section), closing]
    counted = _counted(*([case.sample for case in part] for part in (seen, heard, turned)))
    title = f"Why did the network say so? {counted}, scale by scale"
    try:
        return page(parts, title=title, style=_STYLE)
    finally:
        for part in parts:
            if isinstance(part, Widget):
                part.close()


def _seen(case: Case) -> Iterator[str | Widget]:
    """Iterate over what stands under a photo's heading."""
    yield f"{_heading(case)}<p>{_SENSITIVE}</p>"
    yield ImageExplorer(case.smooth)
    yield f"<p>{_ADDS_UP}</p>"
    yield ImageExplorer(case.integrated, look="mosaic", signed=True)
    yield _numbers(case)


def _listening(heard: Sequence[Case]) -> str:
    """Return what stands above the sounds."""
    model = str(heard[0].integrated.settings["model"])
    return f"""
<h1>And what did it hear?</h1>
<p>Another network ({_e(model)}) knows 12 kinds of sound. Of a sound, a scale is an <em>octave</em>: each coefficient
has a tile in time and frequency, and can be played.</p>
<p>{_HEARD}</p>
<div class="warn"><p><strong>Where such a map misleads.</strong> What is loud looks important: keeping the loudest
coefficients, which takes no network, often does as well. What the network adds shows only in mixtures of equally loud
sounds.</p></div>
"""


def _played(case: Case) -> Iterator[str | Widget]:
    """Iterate over what stands under a sound's heading."""
    model = audio_model()
    yield _heading(case)
    yield SpectrogramPlayer(case.smooth, model=model.network, front_end=model.front_end, heard="kept", fraction=_KEPT)
    yield _numbers(case)


def _turning(shapes: Sequence[Case]) -> str:
    """Return what stands above the shapes."""
    model = str(shapes[0].integrated.settings["model"])
    return f"""
<h1>And in three dimensions?</h1>
<p>A third network ({_e(model)}) knows 12 kinds of furniture and other things, as 32³ voxels that are empty or met.</p>
<p>{_TURNED}</p>
"""


def _turned(case: Case) -> Iterator[str | Widget]:
    """Iterate over what stands under a shape's heading."""
    yield _heading(case)
    yield VolumeViewer(case.smooth)
    yield _numbers(case)


def _heading(case: Case) -> str:
    label, chance = _prediction(case.smooth)
    return f"""
<h2 id="{_e(case.sample.name)}">{_e(case.sample.title)}: “{_e(label)}”, {_e(chance)}</h2>
<p class="credit">{_e(case.sample.credit)}; licence: {_e(case.sample.licence)}</p>
"""


def _numbers(case: Case) -> str:
    """Return what was found, as tables."""
    what = "contributions" if case.smooth.kind == "contribution" else "attribution"
    rows = "".join(
        f'<tr><th scope="row">{_e(name)}</th>' + "".join(f"<td>{_e(cell)}</td>" for cell in cells) + "</tr>"
        for name, *cells in map(_cells, case.scales)
    )
    return f"""
<dl>
<dt>SmoothGrad</dt><dd>{int(case.smooth.passes[0])} passes</dd>
<dt>Integrated Gradients</dt><dd>{int(case.integrated.passes[0])} passes</dd>
<dt>Completeness gap</dt><dd>{_e(_gap(case.integrated))}</dd>
<dt>Time of the passes</dt><dd>{case.seconds:.1f} s</dd>
</dl>
<div class="table" role="region" aria-label="Numbers by scale: {_e(case.sample.title)}" tabindex="0"><table>
<caption>Share: of the energy of SmoothGrad's {what}, noise subtracted. Told from zero: share of the scale's
coefficients, false discovery rate 5 %. Adds to score: Integrated Gradients.</caption>
<thead><tr><th scope="col">scale</th><th scope="col">share</th><th scope="col">95 % interval</th>
<th scope="col">told from zero</th><th scope="col">adds to score</th></tr></thead>
<tbody>{rows}</tbody>
</table></div>
"""


def _e(text: str) -> str:
    return html.escape(text, quote=True)
