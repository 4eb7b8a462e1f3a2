# %% [markdown]
# # Is it true?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lessons
# [0](00_start_here.ipynb), [2](02_from_pixels_to_coefficients.ipynb) and [6](06_how_sure_is_it.ipynb).
#
# You will be able to
#
# - **read** curves of insertion and deletion, beside controls that know nothing,
# - **compare** explanations over many pictures, with intervals,
# - **unmask** a pretty map that never asked the network.
#
# *The views are alive, so GitHub can't show them ([a photograph of one](pictures/curves-light.png)). `make lab` opens
# this page as a notebook.*

# %% [markdown]
# ## 1. Put it together, take it apart
#
# *Insertion* starts from an empty picture and adds the photo's coefficients, the most important first: the sooner its
# class is back, the better. *Deletion* takes them away: the sooner it is gone, the better. Of both curves we take the
# area below; *faithfulness* is insertion minus deletion.
#
# **Predict.** How many of the coefficients does the network need to see a cat again?

# %%
import checks  # the folder beside this notebook: it looks at what you do in the exercises
import numpy as np
import torch
from matplotlib import pyplot as plt

import wam_widgets as wam
from wam_widgets.evaluation import cluster_interval, draw_pairs, side_by_side

network = wam.samples.image_model()
cat = wam.samples.images()["cat"].signal  # Photo: Stéfan van der Walt, CC0
sensitivity = wam.explain(network, cat, level=5, samples=25, batch_size=8)
asked = {"sensitivity": sensitivity, "contribution": sensitivity.contribution()}
# 16 equal steps from nothing to the whole photo; the random control is the mean of 2 random orders
report = wam.evaluate(network, cat, asked, steps=16, controls=2, batch_size=8)

# %% tags=["view"]
scrubber = wam.CurveScrubber(report, cat, asked)
scrubber

# %% tags=["view"]
_, panels = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
order = [("contribution", 1), ("contribution", 3), ("sensitivity", 3), ("sensitivity", 8)]
for panel, (method, step) in zip(panels, order, strict=True):
    scrubber.method, scrubber.step = method, step
    panel.imshow(scrubber.frame("insertion").movedim(0, 2).clamp(0, 1))
    panel.set(title=f"{method}: {step} of 16", xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** Drag the cursor: beside the curves stands what the network saw there; four such pictures are
# below. (The view calls the coefficients *units*.) With three sixteenths of the coefficients, those that contribute
# most, the cat is as probable as in the whole photo. Without the first sixteenth it is gone. In the third picture *you*
# see a cat as well; the network gives it less than 1 %. To the fourth, black squares and all, it gives more than to the
# whole photo. The curves say what the network sees, not you.
#
# ## 2. Better than what?
#
# The grey curves are *controls*, which never saw the network: *random*, and *magnitude*, the coefficients by how
# large they are themselves. **Predict.** Put the four in order.

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
for name, inserted, deleted in zip(report.methods, report.insertion[:, 0], report.deletion[:, 0], strict=True):
    print(f"{name:24}  insertion {inserted:.2f} - deletion {deleted:.2f} = faithfulness {inserted - deleted:+.2f}")

# %% [markdown]
# Magnitude alone wins. A photo's few large coefficients hold most of what can be seen, so that this test rewards
# *compression*, too. But one photo proves nothing.
#
# ## 3. Forty digits
#
# A small network reads digits. It wasn't trained on [these](../tests/data/README.md).
#
# **Predict.** Will magnitude win again? By more than chance?

# %%
model = wam.samples.digit_model()
with np.load("../tests/data/digits.npz") as file:
    unseen = np.flatnonzero(file["split"] == "test")[:40]
    voxels, classes = torch.from_numpy(file["voxels"][unseen]), torch.from_numpy(file["label"][unseen]).long()
digits = wam.samples.front_view(voxels[:, None] / 255)  # 40 pictures, 1 channel, 16 rows, 16 columns
many = {"contribution": wam.explain(model, digits, classes, level=2).contribution()}
measured = wam.evaluate(model, digits, many, target=classes, steps=16, controls=2)


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def table(report):
    """Print the mean faithfulness of every order, and how far it is from that of magnitude."""
    *_, magnitude = report.methods
    for name in report.methods:
        text = f"{name:25}"
        for words, minus in [("", None), ("   from magnitude ", magnitude)]:
            if name != minus:
                mean, low, high = (round(each, 2) + 0.0 for each in report.interval(name, minus=minus))
                text += f"{words}{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
        print(text)


table(measured)

# %% [markdown]
# In brackets are 95 % *intervals*: of a hundred made like this, about 95 hold the mean over *all* such digits. A
# difference is taken digit by digit. That of contributions and magnitude is small, sure, and on the wrong side of zero.
#
# **Predict.** That contributions beat *random*, how many digits does it take to know?

# %% tags=["nbval-check-output", "keep_output"]
differences = measured.values("contribution", minus="random, haar, level 2")
print(f"The differences are spread by {differences.std(ddof=1):.2f}.")
for count in [10, 20, 40]:
    mean, low, high = cluster_interval(differences[:count], range(count))
    print(f"{count} digits: {mean:+.2f}, give or take {high - mean:.2f}")

# %% [markdown]
# Few, as the difference is large. An interval reaches about twice the spread, divided by the root of the number of
# digits; of few rather more. Below ten, a report shows none.
#
# ## 4. A question that magnitude can't answer
#
# Now two digits lie side by side, and we ask *which of the two* speaks for a class: first for one, then for the other.
# Insertion begins with the largest *signed* contribution, and measures p(A) / (p(A) + p(B)).
#
# **Predict.** What does magnitude score? And the map?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
first, second = draw_pairs(classes, 20).T
pairs = side_by_side(digits[first], digits[second], torch.stack([classes[first], classes[second]], 1))
pairs = pairs.both_ways()  # every pair twice, asking for its first class, then for its second
of_one = wam.explain(model, pairs.signal, pairs.classes[:, 0], level=2, progress=False)
# `groups`: both questions about a pair go together, so that the intervals count pairs
options = {"target": pairs.classes, "groups": pairs.groups, "controls": 2, "progress": False}
contrast = wam.evaluate(model, pairs.signal, {"contribution": of_one.contribution()}, protocol="contrast", **options)
table(contrast)

# %% tags=["view"]
_, panels = plt.subplots(1, 4, figsize=(9, 1.6), layout="constrained")
signs = of_one.contribution().view(wavelet=None).attribution.flatten().reshape(-1, 16, 32)
for panel, item in zip(panels, [11, 31, 1, 21], strict=True):
    panel.imshow(signs[item], cmap="PuOr_r", vmin=-signs[item].abs().max(), vmax=signs[item].abs().max())
    panel.contour(pairs.signal[item, 0], levels=[0.5], colors="grey", linewidths=0.7)
    panel.set(title=f"why {pairs.classes[item, 0]}?", xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** Contributions, drawn in the pixels: orange speaks for the class, purple against it. Magnitude
# scores nothing, and must: it has the same order for both questions, and what helps in one hurts in the other. The
# *signs* of a map know for whom a stroke speaks.
#
# ## 5. Where the map misleads
#
# Edges, found with no network at all, make a crisp map. **Predict.** Does faithfulness find it out?


# %%
def edges(_model, signal, _target):
    """Return how much the ink changes downwards and to the right: nobody asks the model."""
    ink = torch.nn.functional.pad(signal[:, 0], (0, 1, 0, 1))
    down, right = ink.diff(dim=1)[:, :, :-1], ink.diff(dim=2)[:, :-1]
    return (down**2 + right**2).sqrt()


def smooth(model, signal, target):
    """Return SmoothGrad in the pixels."""
    return wam.explain(model, signal, target, wavelet=None, progress=False)


maps = {"edges": edges(model, digits, classes), "SmoothGrad": smooth(model, digits, classes)}

# %% tags=["view"]
_, rows = plt.subplots(2, 6, figsize=(9, 3.2), layout="constrained")
for row, name, drawn in zip(rows, maps, [maps["edges"], maps["SmoothGrad"].heatmap()], strict=True):
    for panel, picture in zip(row, drawn, strict=False):
        panel.imshow(picture, cmap="gist_heat_r")
        panel.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)

# %% [markdown]
# **How to read it.** The darker, the more important. Above you can read the digits; below is what the network is
# sensitive to, which is harder to like.

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
in_pixels = wam.evaluate(model, digits, maps, target=classes, steps=16, controls=2, progress=False)
for name in in_pixels.methods:
    print(f"{name:20} faithfulness {in_pixels.values(name).mean():.1f}".replace("-0.0", "0.0"))
methods = {"edges": edges, "SmoothGrad": smooth}
methods["contribution"] = lambda *given: wam.explain(*given, level=2, progress=False).contribution()
print(wam.sanity_check(model, digits[:10], methods, stages=1, progress=False))

# %% [markdown]
# By faithfulness, edges are no worse than SmoothGrad. A *sanity check* shuffles all that the network has learnt, and
# asks again: the edges are the same, so they show the digit, not the network.
#
# The contributions fail, too! Most of a picture is paper, and a slope times nothing is nothing, whatever was learnt.
# Their magnitudes show where the ink is; what the network knows is in their signs, which section 4 asked for and this
# check doesn't look at.
#
# So “is it true?” is several questions. How few coefficients are needed? For whom do they speak? Does the map depend on
# what was learnt? Say which you asked, and show the controls.

# %% [markdown]
# ## Your turn
#
# **Exercise 1: read.** After which fraction of the coefficients has *random* insertion brought back half of the whole
# photo's probability? `report.units` are the fractions, `report.scores["insertion"]` the curves, both by method.

# %% tags=["exercise"]
fraction = ...
checks.curve_read(report, fraction)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
curve = report.scores["insertion"][2, 0]
half = report.units[2][(curve >= curve[-1] / 2).argmax()]
checks.curve_read(report, half)

# %% [markdown]
# **Exercise 2: compare.** By how much are edges more faithful than SmoothGrad, digit by digit, in `in_pixels`? Give the
# interval, as `table` finds it.

# %% tags=["exercise"]
better = ...
checks.compared(in_pixels, better)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
gain = in_pixels.interval("edges", minus="SmoothGrad")
checks.compared(in_pixels, gain)

# %% [markdown]
# **Exercise 3: unmask.** Write a map of your own that never asks the network, a `def pretty(model, signal, target)` as
# above, and pass it to the check.

# %% tags=["exercise"]
pretty = ...
checks.unmasked(pretty)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
checks.unmasked(lambda _model, signal, _target: signal[:, 0])  # the ink

# %% [markdown]
# ## Recall
#
# 1. An insertion area is 0.8. Is the map good?
#    <details><summary>Answer</summary>Unknown: what do random and magnitude score by the same rule?</details>
# 2. A hundred digits give ±0.06. How many give ±0.03?
#    <details><summary>Answer</summary>Four hundred: the root again.</details>
# 3. A map is the same after the network was shuffled. What does it show?
#    <details><summary>Answer</summary>The picture, not what was learnt.</details>

# %% [markdown]
# **Further reading.** [Petsiuk, Das, Saenko, 2018](https://arxiv.org/abs/1806.07421): insertion and deletion.
# [Adebayo et al., 2018](https://arxiv.org/abs/1810.03292): sanity checks, and edges.
# [Hooker et al., 2019](https://arxiv.org/abs/1806.10758): half a picture is unlike all that was learnt from.
# [Kasmi et al., 2025](https://arxiv.org/abs/2410.01482): the wavelet domain.

# %% [markdown]
# ## You can now
#
# read curves of insertion and deletion, compare explanations with intervals and controls, and unmask a pretty map.
# **Next:** [will it work with my model?](08_bring_your_own_model.ipynb)
