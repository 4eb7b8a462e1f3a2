# %% [markdown]
# # Which scales does it use, over a whole data set?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lessons
# [0](00_start_here.ipynb) and [7](07_is_it_true.ipynb); mean and confidence interval.
#
# You will be able to
#
# - **measure** how a model spreads its importance over scales, with intervals that hold,
# - **continue** a run that was stopped, also on a cluster,
# - **read** a table of faithfulness.
#
# *One view here is alive, so GitHub can't show it ([a photograph of one](pictures/explorer-light.png)). `make lab`
# opens this page as a notebook.*

# %% [markdown]
# ## 1. Ten pictures, two networks
#
# Both read digits. The *robust* one was trained on pictures that had been changed to mislead it, which is said to make
# networks look at coarser things. Neither was trained on these ten, and both recognise them.

# %%
import tempfile
from pathlib import Path

import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from dask.distributed import Client, LocalCluster  # of the extra: pip install "wam-widgets[evaluation]"
from matplotlib import pyplot as plt

import wam_widgets as wam
from wam_widgets.evaluation import PROTOCOLS, BenchmarkReport, Explainer, cluster_interval, scale_profile, side_by_side

models = {"plain": wam.samples.digit_model(), "robust": wam.samples.robust_digit_model()}
samples = list(wam.samples.digits().values())  # Digits: MNIST, CC BY-SA 3.0
dataset = [(sample.signal[0], sample.target) for sample in samples]  # (signal, label), or a torch Dataset
options = {"target": "label", "progress": False}

# %% tags=["view"]
digits = torch.cat([sample.signal for sample in samples])
ten = wam.explain(models["robust"], digits, torch.arange(10), level=2)
explorer = wam.show(ten, look="mosaic")
explorer

# %%
explorer.item, explorer.look = 6, "heatmap"

# %% tags=["view"]
_, places = plt.subplots(2, 5, figsize=(8, 3.4), layout="constrained")
for place, heat, picture in zip(places.flat, ten.heatmap(), digits[:, 0], strict=True):
    place.imshow(heat, cmap="gist_heat_r")
    place.contour(picture, levels=[0.5], colors="grey", linewidths=0.7)
    place.set(xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** Ten heat maps of the robust network, each with colours of its own; lines are the digits. (In the
# view, choose among them: the second cell took the six.) Ten maps are ten stories. We want a number per scale, and how
# sure it is.
#
# `scale_profile` explains every item and keeps each scale's share; an `Explainer` says by which method, and how.
# **Predict.** Which network has the larger share in the finest scale?


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def profiles(method):
    """Measure both networks by one method."""
    return [scale_profile(model, dataset, method, **options) for model in models.values()]


smooth = profiles(Explainer("smoothgrad", level=2))
for name, profile in zip(models, smooth, strict=True):
    shares = (f"{row['scale']} {row['share']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" for row in profile.rows())
    print(f"{name:6}", *shares, sep="  ")

# %% [markdown]
# In brackets: 95 % intervals, over the digits. The robust network has less in detail 1, and more in the approximation.
# So it looks at coarser things?
#
# ## 2. Where one method misleads
#
# **Predict.** We ask two other methods, and take the difference digit by digit. Do they agree?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
path = Explainer("integrated_gradients", level=2, options={"samples": 50})
by_method = {
    "SmoothGrad": smooth,
    "Saliency": profiles(Explainer("saliency", level=2)),
    "Integrated Gradients": profiles(path),
}
print("Share of detail 1: robust minus plain")
for name, (plain, robust) in by_method.items():
    found = robust.interval("detail 1", minus=plain)
    print(f"{name:21} {found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]")

# %% tags=["view"]
_, places = plt.subplots(1, 3, figsize=(9, 2), layout="constrained", sharex=True, sharey=True)
for place, scale in zip(places, ten.scales, strict=True):
    for row, (plain, robust) in enumerate(by_method.values()):
        found = robust.interval(scale, minus=plain)
        place.plot([found.low, found.high], [row, row], color="C0")
        place.plot(found.mean, row, "o", color="C0")
    place.axvline(0, color="grey", linewidth=0.7)
    place.set(title=scale, yticks=range(3), yticklabels=by_method, ylim=(2.5, -0.5))

# %% [markdown]
# **How to read it.** Dots: mean differences in share; lines: their intervals. What crosses the grey line can't be told
# from zero. In detail 1, SmoothGrad says less, Saliency more (though only just), Integrated Gradients neither.
#
# None is wrong. Saliency asks at the picture itself, SmoothGrad among noisy copies, Integrated Gradients along the way
# from paper. “Which scales does it use?” has no answer before a method is named; report more than one. And shares add
# up to 1: more in one scale *is* less in others.
#
# ## 3. Items that resemble each other
#
# Intervals shrink with more items. Here are thirty: each digit also a pixel to the left, and to the right.
# **Predict.** How much narrower is the interval?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
shifted = [(signal.roll(steps, -1), label) for signal, label in dataset for steps in (0, -1, 1)]
labels = [label for _, label in shifted]
thirty = scale_profile(models["plain"], shifted, Explainer("smoothgrad", level=2), groups=labels, **options)
print("Share of detail 1, plain network")
for name, found in {
    "10 items": smooth[0].interval("detail 1"),
    "30 items, as if alone": cluster_interval(thirty.shares[:, -1], range(30)),
    "30 items in 10 groups": thirty.interval("detail 1"),
}.items():
    print(f"{name:22} {found.mean:.2f}, give or take {found.high - found.mean:.2f}")

# %% [markdown]
# Hardly: a shifted digit is no new digit. Taken as if alone, thirty claim to be more than twice as sure. Pass `groups`:
# the recording a clip is from, the patient, the photo before it was cropped. Below ten groups no interval is shown.
#
# ## 4. A run that can be stopped
#
# A data set takes hours, and machines fail. `benchmark` measures faithfulness (lesson 7) and writes every item into a
# file when it is done. Two digits side by side are one item; each digit is in two, so that even these ten aren't quite
# independent. We stop the run after four, as Ctrl-C would: its `progress` returns False.
#
# **Predict.** The same call again: how many items does it measure?

# %%
asked = torch.arange(10)
pairs = side_by_side(digits, digits.roll(-1, 0), torch.stack([asked, asked.roll(-1)], 1))  # 0 and 1, 1 and 2, …
two = list(zip(pairs.signal, pairs.classes, strict=True))  # the label: which is asked for, and the other
methods = {"Integrated Gradients": path, "SmoothGrad": Explainer("smoothgrad", level=2)}
run = {"protocol": ["wam", "contrast"], "target": "label", "steps": 16, "controls": 2, "batch_size": 16}
store = Path(tempfile.mkdtemp()) / "run.sqlite"

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
try:
    wam.benchmark(models["plain"], two, methods, store=store, progress=lambda done, _: done < 4, **run)
except KeyboardInterrupt:
    print("stopped; in the file:", BenchmarkReport(store).items)
measured = []
again = {"store": store, "progress": lambda done, _: measured.append(done)}
report = wam.benchmark(models["plain"], two, methods, **again, **run)
print("measured by the second call:", len(measured))
print(f"of {report.items}, {len(report.failed)} failed; warnings came with items {sorted(report.warned)}, such as")
print(report.warned[2][0].split(":")[0])

# %% [markdown]
# The six that were missing. An item that fails is kept with its reason, and so are warnings: read them before the
# table. (This one says that fifty steps miss 5.5 times the contrast's rise over empty paper, which here is next to
# nothing. Lesson 6 has the remedy, a tolerance.) Another model, or other settings, would be refused: the file knows
# what it is of.
#
# ## 5. Many workers
#
# A [Dask](https://docs.dask.org) `client` spreads items over processes or machines. Here the one worker is a thread of
# this page, quick to start; on a machine of your own, `LocalCluster(n_workers=8, threads_per_worker=1)`.
#
# **Predict.** Are the numbers the same?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
here = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
with LocalCluster(**here) as cluster, Client(cluster) as client:
    spread = wam.benchmark(
        models["plain"], two, methods, store=store.with_name("spread.sqlite"), client=client, progress=False, **run
    )
print(spread.rows() == report.rows())

# %% [markdown]
# To the bit: every item draws its noise from a seed of its own.
#
# ## 6. Read the table
#
# **Predict.** Under which of the two rules does an explanation beat the controls?


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def ends(row, name):
    """Write a mean and its interval."""
    return f"{row[name]:+.2f} [{row[f'{name}_low']:+.2f}, {row[f'{name}_high']:+.2f}]"


for row in report.rows():
    text = f"{row['protocol']:14} {row['method']:24} {ends(row, 'faithfulness')}"
    if not row["control"]:
        text += f"   from the better control {ends(row, 'faithfulness_difference')}, p = {row['faithfulness_p']:.2g}"
    print(text)

# %% tags=["view"]
report.faithfulness("contrast").plot()

# %% [markdown]
# **How to read it.** In the curves, explanations have decided for the digit that was asked for after a tenth of the
# coefficients; the controls never do. (With all of them in, both digits are whole, and nothing is decided.) In the
# table, a number belongs to its *protocol*, the rule on the left: compare within one. Look at the difference from the
# better control, not from zero; at its interval; at *p*, which is corrected for the number of methods. Here only
# “contrast” tells explanations from magnitude. These are the rules, and what they ask:

# %% tags=["nbval-check-output", "keep_output"]
for name, rule in PROTOCOLS.items():
    print(f"{name:10} {rule.question}")

# %% [markdown]
# `make table` makes such tables for the sample models, on data that they weren't trained on. For data of your own, pass
# a torch `Dataset`, its `groups` and a `store`.
#
# ## Your turn
#
# **Exercise 1: measure.** The share of detail 1, for the robust network, by saliency in the wavelet db2, level 2: what
# is its mean over `dataset`?

# %% tags=["exercise"]
share = ...
checks.finest(share)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
db2 = scale_profile(models["robust"], dataset, Explainer("saliency", wavelet="db2", level=2), **options)
checks.finest(db2.shares[:, -1].mean())

# %% [markdown]
# **Exercise 2: continue.** Write a `progress` function that stops a run when seven items are done, to be continued
# tomorrow.

# %% tags=["exercise"]
until_seven = ...
checks.stops(until_seven)


# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
def seven(done, _):
    """Go on while fewer are done."""
    return done < 7


checks.stops(seven)

# %% [markdown]
# **Exercise 3: read.** List (protocol, method) of all explanations in `report` whose *deletion* is told from the better
# control: the interval of the difference lies below 0.

# %% tags=["exercise"]
told = ...
checks.told(report, told)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
explained = [row for row in report.rows() if not row["control"]]
sure = [(row["protocol"], row["method"]) for row in explained if row["deletion_difference_high"] < 0]
checks.told(report, sure)
print(sure)

# %% [markdown]
# ## Recall
#
# 1. Two methods disagree on which network looks at finer scales. Which is wrong?
#    <details><summary>Answer</summary>Perhaps neither: they ask different questions. Name the method.</details>
# 2. You have 300 crops of 12 photos. How many groups?
#    <details><summary>Answer</summary>Twelve: crops of one photo resemble each other.</details>
# 3. What do you compare a faithfulness of 0.21 with?
#    <details><summary>Answer</summary>The better control, by the same protocol, item by item.</details>

# %% [markdown]
# **Further reading.** Yin et al., 2019, [A Fourier Perspective on Model Robustness in Computer
# Vision](https://arxiv.org/abs/1906.08988). Cameron, Miller, 2015, [A Practitioner's Guide to Cluster-Robust
# Inference](https://doi.org/10.3368/jhr.50.2.317). Kasmi et al., 2025, [One Wave To Explain Them
# All](https://arxiv.org/abs/2410.01482): its tables, and robust networks.

# %% [markdown]
# ## You can now
#
# measure how a model spreads its importance over scales, continue a run that was stopped, and read a table of
# faithfulness. **Next:** the [README](../README.md) lists when not to trust a picture.
