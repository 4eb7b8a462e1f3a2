# %% [markdown]
# # Can I build my own view?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lesson
# [0](00_start_here.ipynb); a little JavaScript helps.
#
# You will be able to
#
# - **write** a view of thirty lines for what `wam.explain` found,
# - **guard** what it can be set to,
# - **link** it to other views.
#
# *The views are alive, so GitHub can't show them ([a photograph of an explorer](pictures/explorer-light.png)).
# `make lab` opens this page as a notebook.*

# %% [markdown]
# ## 1. What is there to show?
#
# An explanation is arrays. We want a bar per scale, as long as its share, which shows its scale when it is clicked.

# %%
import tempfile
import warnings
from pathlib import Path

import anywidget
import checks  # the folder beside this notebook: it looks at what you do in the exercises
import ipywidgets
import torch
import traitlets

import wam_widgets as wam

model = wam.samples.image_model()
cat = wam.samples.images()["cat"].signal  # Photo: Stéfan van der Walt, CC0

# %% tags=["nbval-check-output", "keep_output"]
explanation = wam.explain(model, cat, level=5, samples=25, progress=False)
names, shares = list(explanation.scales), explanation.scale_shares()[0].tolist()
print(*(f"{name:13} {share:4.0%}" for name, share in zip(names, shares, strict=True)), sep="\n")

# %% [markdown]
# ## 2. The browser's half
#
# A view lives twice: in the browser, which draws, and in Python, which knows. Between them is the *model*: named
# values that both can read and set. (A word of widgets: it is no network.) In JavaScript, a bar is a button:

# %%
one_bar = """
function bar(model, place) {
  const button = document.createElement("button");
  button.style.cssText = "display: block; width: 18em; text-align: left; font: inherit; color: inherit";
  button.onclick = () => {
    model.set("weights", model.get("names").map((_, each) => Number(each === place)));
    model.save_changes(); // tell Python
  };
  return button;
}
"""

# %% [markdown]
# `render` is called when the view appears. It draws, draws again when a value changes, and returns what ends that.

# %%
all_bars = """
function render({ model, el }) {
  const bars = model.get("names").map((_, place) => bar(model, place));
  const draw = () => bars.forEach((button, place) => {
    const share = model.get("shares")[place], on = model.get("weights")[place] > 0;
    button.textContent = `${on ? "●" : "○"} ${model.get("names")[place]}: ${Math.round(100 * share)} %`;
    button.style.background = `linear-gradient(to right, #e69f0090 ${100 * share}%, transparent 0)`;
  });
  for (const name of ["shares", "weights"]) model.on(`change:${name}`, draw);
  draw();
  el.append(...bars);
  return () => ["shares", "weights"].forEach((name) => model.off(`change:${name}`, draw));
}
export default { render };"""

# %% [markdown]
# ## 3. Python's half
#
# The values are *traits*; `sync=True` shares them with the browser. [anywidget](https://anywidget.dev) does the rest.


# %% tags=["view"]
class ScaleBars(anywidget.AnyWidget):
    """A bar per scale; a click leaves one scale."""

    _esm = one_bar + all_bars
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    shares = traitlets.List(traitlets.Float()).tag(sync=True)
    weights = traitlets.List(traitlets.Float()).tag(sync=True)


bars = ScaleBars(names=names, shares=shares, weights=[1.0] * len(names))
bars

# %% tags=["view"]
figure = wam.plots.scale_shares(explanation)
figure.set_figwidth(8)
figure

# %% [markdown]
# **How to read it.** Thirty lines made the bars; dots are filled where a weight is not 0. Click one. The figure has the
# same numbers, and what the bars leave out: how sure they are.
#
# `observe` has a function called whenever a value changes. **Predict.** The next cell sets `weights` in Python. Do the
# dots follow? Does `heard` hear it? Would it hear a click?


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def heard(change):
    """Print what was set, and what was left."""
    left = [name for name, weight in zip(names, change.new, strict=True) if weight]
    print(f"{change.name} set; left: {', '.join(left)}")


bars.observe(heard, "weights")
bars.weights = [0, 0, 0, 0, 1, 1]
bars.weights = [1, 1, 1, 0, 0, 0]
bars.unobserve(heard, "weights")

# %% [markdown]
# Three times yes: a value is a value, whoever sets it.
#
# **Predict.** What happens to a misspelt name, and to a share of 7?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
with warnings.catch_warnings(action="ignore"):
    wrong = ScaleBars(names=["a", "b"], shears=[0.2, 0.8])
print("no error; shares:", wrong.shares)


class GuardedBars(ScaleBars):
    """Bars whose shares are from 0 to 1."""

    @traitlets.validate("shares")
    def _require_shares(self, proposal):
        if not all(0 <= share <= 1 for share in proposal.value):
            raise ValueError(f"`shares` must be from 0 to 1; got {proposal.value}. Pass `scale_shares()[0].tolist()`.")
        return proposal.value


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
try:
    GuardedBars(names=["a", "b"], shares=[0.2, 7])
except ValueError as error:
    print(error)

# %% [markdown]
# Nothing (but for a warning, hidden here), unless you guard. Say the rule, what came, and what to type. This guard
# knows shares only: for names, see section 7.
#
# ## 4. Link it
#
# `ImageExplorer` has `weights`, too. `jslink` lets the browser pass them on, without Python; `ipywidgets.link` does the
# same in Python.

# %% tags=["view"]
explorer = wam.ImageExplorer(explanation, per="sample")
ipywidgets.jslink((bars, "weights"), (explorer, "weights"))
ipywidgets.VBox([bars, explorer])

# %% tags=["view"]
wam.plots.scale_maps(explanation)

# %% [markdown]
# **How to read it.** Click a bar, and the explorer shows its scale; move a slider, and dots fill. The figure has all
# scales at once: the darker, the more a small change there would change the score.

# %%
bars.weights = [0, 0, 0, 0, 0, 1]  # in the browser, the explorer follows

# %% [markdown]
# ## 5. Where a bar misleads, and a map
#
# Why `scale_shares()`, and not simply each scale's part of the sum of squares? **Predict.** We ask with 25 and with 50
# noisy copies. It is the same network and the same cat. Which bar of detail 1 changes?

# %%
fifty = wam.explain(model, cat, level=5, samples=50)


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def plain(found):
    """Return each scale's part of the sum of squares, with its noise."""
    energy = found.attribution.map(torch.square).total_by_scale()[0]
    return (energy / energy.sum()).tolist()


for copies, found in [(25, explanation), (50, fifty)]:
    share, (low, high) = found.scale_shares()[0, -1], found.scale_share_intervals()[0, -1]
    print(f"{copies} copies: plain {plain(found)[-1]:.0%}, noise subtracted {share:.0%}", end="")
    print(f", 95 % interval {low:.0%} to {high:.0%}")
bars.shares = plain(explanation)  # look at the bars above

# %% [markdown]
# Both. Noise adds to a sum of squares, most of all in the finest scale: the plain bars are longer than the intervals
# allow. Without its noise, the share is badly known from 25 copies: the interval is wide, and still misses what 50
# find, as one in twenty may. A bar draws any number as if it were exact, and so does a map: show how sure it is.
#
# ## 6. Large arrays
#
# **Predict.** Six maps of 224 × 224 pixels, sent to a browser: how many megabytes as a list of numbers, as in our
# traits?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
maps = explanation.maps()[0]
whole = (255 * maps / maps.max()).byte()  # 256 steps are enough for a picture, not for reading numbers off
for name, size in {
    "list, traitlets.List": len(str(maps.tolist())),
    "float32, traitlets.Bytes": len(maps.numpy().tobytes()),
    "uint8, traitlets.Bytes": len(whole.numpy().tobytes()),
}.items():
    print(f"{name:24} {size / 1e6:.1f} MB")

# %% [markdown]
# JavaScript gets a `DataView`: after `const { buffer, byteOffset, byteLength } = model.get("maps")`,
# `new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength))` reads them. Send arrays once, mix them there.
#
# ## 7. Keep it
#
# anywidget works in JupyterLab, Notebook 7, Voilà, VS Code and Colab. GitHub shows no view: keep a figure beside it. On
# our own base class, `export_html` takes your view too, and misspelt names are refused. (As `"bars.html"` the page
# would land beside this notebook.)


# %% tags=["nbval-check-output", "keep_output"]
class PageBars(ScaleBars, wam.widgets.base.Widget):
    """Bars that can be put into a page."""


wam.export_html(PageBars(names=names, shares=shares, weights=[1.0] * 6), Path(tempfile.mkdtemp()) / "bars.html")
try:
    PageBars(shears=[0.2, 0.8])
except TypeError as error:
    print(error)

# %% [markdown]
# ## Your turn
#
# **Exercise 1: write.** Make `ScaleBars` of the same explanation in other terms, `explanation.view(wavelet="db4",
# level=3)`, all weights 1.

# %% tags=["exercise"]
smooth_bars = ...
checks.barred(explanation, smooth_bars)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
smooth = explanation.view(wavelet="db4", level=3)
db4_bars = ScaleBars(names=list(smooth.scales), shares=smooth.scale_shares()[0].tolist(), weights=[1.0] * 4)
checks.barred(explanation, db4_bars)

# %% [markdown]
# **Exercise 2: guard.** Write a subclass of `ScaleBars` that refuses `weights` unless there is one per name.
# (`self.names` has the names.)

# %% tags=["exercise"]
careful = ...  # the class
checks.guarded(careful)


# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
class CarefulBars(ScaleBars):
    """Bars with one weight per name."""

    @traitlets.validate("weights")
    def _require_weights(self, proposal):
        if len(proposal.value) != len(self.names):
            raise ValueError(f"`weights` must be one per name, {len(self.names)}; got {proposal.value}.")
        return proposal.value


checks.guarded(CarefulBars)

# %% [markdown]
# **Exercise 3: link.** `wam.ScaleSliders(names)` are sliders alone. Link them to `bars` *in Python*, so that both
# always have the same weights.

# %% tags=["exercise"]
sliders = ...
checks.linked(bars, sliders)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
mixer = wam.ScaleSliders(names)
ipywidgets.link((mixer, "weights"), (bars, "weights"))
checks.linked(bars, mixer)

# %% [markdown]
# ## Recall
#
# 1. Which two halves has a view, and what is between them?
#    <details><summary>Answer</summary>JavaScript that draws, and Python that knows; between them values that both can
#    read and set.</details>
# 2. Why does a click also call a function in Python?
#    <details><summary>Answer</summary>It sets a value, and whoever observes that value is told.</details>
# 3. Why was the plain bar of the finest scale too long?
#    <details><summary>Answer</summary>A sum of squares holds the noise of the copies too, and the finest scale has most
#    of it.</details>

# %% [markdown]
# **Further reading.** [anywidget's documentation](https://anywidget.dev/en/getting-started/). Manz, Gehlenborg,
# Abdennur, 2024, [Any notebook served: authoring and sharing reusable interactive
# widgets](https://proceedings.scipy.org/articles/NRPV2311). Wilke, 2019, [Fundamentals of Data
# Visualization](https://clauswilke.com/dataviz/), on how to show uncertainty.

# %% [markdown]
# ## You can now
#
# write a view of your own, guard what it can be set to, and link it to others. **Next:** [which scales does it use,
# over a whole data set?](10_a_whole_data_set.ipynb)
