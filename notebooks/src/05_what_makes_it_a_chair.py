# %% [markdown]
# # What makes an armchair a chair?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lesson
# [0](00_start_here.ipynb).
#
# You will be able to
#
# - **see** inside a volume's explanation: turn it, cut it open, mix its scales,
# - **test** a map by cutting off what it points at,
# - **doubt** a test that nothing could fail.
#
# *The viewers are alive, so GitHub can't show them ([a photograph of one](pictures/viewer-light.png)). `make lab` opens
# this page as a notebook.*

# %% [markdown]
# ## 1. A chair in a box
#
# A volume is a picture with depth. This one has 32 × 32 × 32 *voxels*, each full or empty. A small network knows 12
# kinds of things in a home planner; this chair was not among those that it learned from.

# %%
import tempfile
from pathlib import Path

import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from matplotlib import pyplot as plt

import wam_widgets as wam

model = wam.samples.furniture_model()
armchair = wam.samples.furniture()["armchair"]  # Shape: Absfrm, Blend Swap, through Sweet Home 3D, CC0
chair = armchair.signal  # 1 volume, 1 channel, 32 voxels up, 32 deep, 32 wide


# %% tags=["view"]
def draw(**volumes):
    """Add up each volume along three lines of sight, and draw the outline of the chair."""
    _, rows = plt.subplots(len(volumes), 3, figsize=(8, 2.7 * len(volumes)), layout="constrained", squeeze=False)
    for row, (name, volume) in zip(rows, volumes.items(), strict=True):
        for place, axis, side in zip(row, [1, 2, 0], ["front", "side", "top"], strict=True):
            place.imshow(volume.sum(axis), origin="lower", cmap="gist_heat_r")
            place.contour(chair[0, 0].sum(axis) > 0, levels=[0.5], colors="grey", linewidths=0.7)
            place.set(title=f"{name}: {side}", xticks=[], yticks=[])


draw(chair=chair[0, 0])

# %% [markdown]
# **How to read it.** The darker, the more full voxels lie behind one another.


# %% tags=["nbval-check-output", "keep_output"]
def say(volume):
    """Print the two most probable classes."""
    probabilities, classes = model(volume).softmax(1)[0].topk(2)
    print(", ".join(f"{model.labels[c]} {p:.0%}" for p, c in zip(probabilities, classes, strict=True)))


say(chair)

# %% [markdown]
# **Predict.** Legs, seat, back, arms: put them in the order in which they make it a chair.
#
# ## 2. What would change the answer, and what made it
#
# *SmoothGrad*, from lesson 0, asks what a small change would do: a sensitivity. *Integrated Gradients* let the chair
# fade in, from an empty box, and share out by how much the score of “chair” rises: a contribution.
#
# **Predict.** Most of the box is air. How much of either lies there?

# %%
slope = wam.explain(model, chair, grid=armchair.grid)
path = wam.explain(model, chair, grid=armchair.grid, method="integrated_gradients", samples=100)

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
air = chair == 0
print(f"Air:                {air.float().mean():.0%} of the box")
for name, explanation in [("sensitivity", slope), ("contribution", path)]:
    amounts = explanation.view(wavelet=None).heatmap()[:, None]  # in the voxels
    print(f"{name:13} in it: {amounts[air].sum() / amounts.sum():.0%}")

# %% [markdown]
# Sensitivity fills the room: the network would notice something new almost anywhere. A contribution can't be there:
# what is empty from beginning to end adds nothing. (In the voxels. Below, in haar, a coefficient is drawn over its
# whole cube, so that colour reaches into the air.)

# %% tags=["view"]
draw(sensitivity=slope.heatmap()[0], contribution=path.heatmap()[0])
viewer = wam.VolumeViewer(path, model=model, rotation=[145, 20])
viewer

# %% [markdown]
# **How to read it.** In the viewer the grey fog is the chair, the colours are contributions. Drag to turn it; click, or
# drag the cross-hairs of the slices, to read numbers off. The figure has both maps from three sides: one fills the box,
# the other is darkest at the height of the seat.
#
# From Python: turn it, cut it open, and draw what is stronger than a threshold as a surface.

# %%
viewer.rotation = [120, 15]  # degrees round and up
viewer.clip = [0, 1, 0, 1, 0, 0.5]  # begin and end along up, depth and width: half of the chair
viewer.look, viewer.threshold = "surface", 0.3  # of the colour scale's end

# %% [markdown]
# ## 3. How large is what matters?
#
# The wavelet sorts by size. The *approximation* is 64 cubes of 8 × 8 × 8 voxels; *detail 3* refines them to 4,
# *detail 2* to 2, *detail 1* to single voxels.
#
# **Predict.** We make the chair of one scale alone. From which is it still a chair?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
print("What each scale adds to the score, and what the network says of it alone")
for scale, part in zip(path.scales, path.completeness_by_scale()[0], strict=True):
    print(f"{scale:13}  {part:+.1f}   ", end="")
    say(path.rebuild(scales=[scale]))
plates = dict(path.attribution.by_scale())["detail 2"]["daa"]
print(f"Of detail 2, what changes only along up: {plates.sum():+.1f}")

# %% tags=["view"]
draw(**{scale: path.rebuild(scales=[scale])[0, 0].abs() for scale in ["approximation", "detail 1"]})
viewer.look, viewer.clip, viewer.rotation = "volume", [0, 1, 0, 1, 0, 1], [145, 20]
viewer.weights = [0, 0, 1, 0]  # of the scales, coarse to fine
viewer.orientations = ["daa"]  # along up, depth and width: d where it changes, a where it doesn't

# %% [markdown]
# **How to read it.** On top 64 blocks, below nothing but edges (of both signs, drawn by size). To the network each of
# the four scales is a chair: they *stand in for one another*. Detail 2 adds most, and most of that in one orientation.
# In the viewer above only that is left: the seat, a flat plate some two voxels thick. Bring back the rest with its
# sliders and boxes.
#
# ## 4. Cut it off
#
# And parts? The map shares out the score: how much gets each?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
up, depth, _ = torch.meshgrid(*3 * [torch.arange(32)], indexing="ij")  # how high and how deep each voxel lies
upper = up >= 15
parts = {"legs": up < 12, "seat": (up >= 12) & ~upper, "back": upper & (depth < 12), "arms": upper & (depth >= 12)}


def shared(explanation):
    """Add up the contributions of the voxels, mean gradient times voxel, in every part."""
    return {name: (explanation.gradient * chair)[0, 0][part].sum() for name, part in parts.items()}


print(*(f"{name} {amount:+.1f}" for name, amount in shared(path).items()), sep=", ")

# %% [markdown]
# The seat, by far. A volume is a thing: we can test this with a saw.
#
# **Predict.** Which cut costs most?


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def score(volume):
    """Return the score of “chair”."""
    return model(volume)[0, model.labels.index("chair")]


whole, nothing = score(chair), score(torch.zeros_like(chair))
saw = {name: whole - score(chair * ~part) for name, part in parts.items()}
alone = {name: score(chair * part) - nothing for name, part in parts.items()}
print("       the map   cut off, it costs   alone, it gains")
for name, amount in shared(path).items():
    print(f"{name} {amount:9.1f} {saw[name]:19.1f} {alone[name]:17.1f}")
print(f"sum  {sum(shared(path).values()):9.1f} {sum(saw.values()):19.1f} {sum(alone.values()):17.1f}")
print(f"The whole chair: {whole - nothing:.1f} more than an empty box.")

# %% [markdown]
# The legs. Alone the seat gains most, yet cut off it costs less than the legs: the other parts stand in for it. For the
# legs hardly anything does: alone or cut off, they are worth nearly the same, and more than the map says. The arms cost
# nothing, though alone they gain.
#
# So what the parts do overlaps, and only the map adds up. It **shares out** a score. It doesn't say what a cut would
# **cost**: that takes a saw.
#
# ## 5. Rather than a sofa?
#
# A sofa has a seat, a back and arms as well. **Predict.** What tells the two apart? What if the sofa gets the legs?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
contrast = wam.Contrast(model.labels.index("chair"), model.labels.index("sofa"))
rather = wam.explain(model, chair, contrast, method="integrated_gradients", samples=100, progress=False)
print("the map:", *(f"{name} {amount:+.1f}" for name, amount in shared(rather).items()))
sofa, legs = wam.samples.furniture()["sofa"].signal, chair * parts["legs"]
shapes = {"the chair": chair, "without seat": chair * ~parts["seat"], "without legs": chair - legs}
shapes |= {"a sofa": sofa, "with the legs": torch.maximum(sofa, legs)}
print("Score of chair minus score of sofa")
for name, shape in shapes.items():
    print(f"{name:13} {float(contrast(model(shape))):+.1f}   ", end="")
    say(shape)

# %% [markdown]
# Again the map gives the seat most. But without its seat the chair loses 1, without its legs 3; and the sofa, given
# the same legs, gains nearly 4.
#
# ## 6. Where the map misleads
#
# A popular test: keep the twentieth of the coefficients that contributes most.

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
kept = path.rebuild(fraction=0.05)
print("the twentieth: ", end="")
say(kept)
print("all the rest:  ", end="")
say(chair - kept)

# %% [markdown]
# Perfect? **Predict.** How many of the chair's coefficients are not zero? Then about half of them are kept: 707, since
# that cut parts no two of equal size.

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
coefficients = path.signal_coefficients()
size = coefficients.map(torch.abs)
full = size.flatten() > 0.001  # less is rounding
print(f"{full.sum():,} of {full.numel():,}: {full.float().mean():.1%}")
generator = torch.Generator().manual_seed(0)
dice = size.map(lambda band: torch.rand(band.shape, generator=generator) * (band > 0.001))
print("Keep 707 of them, by …")
for name, order in [("the map", path.attribution.map(torch.abs)), ("their size", size), ("chance", dice)]:
    half = wam.reconstruct(coefficients.keep(order.largest(707 / full.numel())))
    print(f"{name:10}  kept: ", end="")
    say(half)
    print("            rest: ", end="")
    say(chair - half)

# %% [markdown]
# The twentieth was the *whole* chair, and the rest an empty box (which the network calls a lamp). Nothing could fail
# that test. Nor can half of them fail: even chance keeps a chair. Only the rest tells: take away the largest, which
# needs no network, and the chair is gone; take away the map's choice, and it is still more likely a chair than not.
# One shape proves little; but a test without such controls proves nothing.
#
# ## 7. Keep it
#
# A page that turns without Python. For a volume of your own, `signal, grid = wam.load_volume("scan.nii.gz")` reads
# NIfTI, `.npy` and `.npz`, and `wam.voxelise("chair.stl")` meshes and points.

# %%
page = wam.export_html(wam.VolumeViewer(path, rotation=[145, 20]), Path(tempfile.mkdtemp()) / "chair.html")
print(f"{page.stat().st_size / 1e6:.0f} MB: {page}")

# %% [markdown]
# ## Your turn
#
# **Exercise 1: see.** Which `clip` leaves only the legs in the viewer? They lie below voxel 12 of 32.

# %% tags=["exercise"]
legs_only = ...
checks.legs_shown(legs_only)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
box = [0, 12 / 32, 0, 1, 0, 1]
checks.legs_shown(box)
viewer.clip = box

# %% [markdown]
# **Exercise 2: test.** Take `wam.samples.furniture()["car"].signal`, and cut off the roof: all from voxel 16 up. First
# guess, then `say` it.

# %% tags=["exercise"]
no_roof = ...
checks.roof_cut_off(no_roof)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
car = wam.samples.furniture()["car"].signal  # Shape: Andrew Kator & Jennifer Legaz, through Sweet Home 3D, CC BY 3.0 US
body = car * (up < 16)
checks.roof_cut_off(body)
say(car)
say(body)

# %% [markdown]
# **Exercise 3: doubt.** Someone keeps the twentieth of the *table's* coefficients, and it is still a table. How many of
# all its coefficients are not zero? `wam.decompose(signal)` gives them.

# %% tags=["exercise"]
count = ...
checks.not_zero(count)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
table = wam.samples.furniture()["table"].signal
found = int((wam.decompose(table).flatten().abs() > 0.001).sum())
checks.not_zero(found)

# %% [markdown]
# ## Recall
#
# 1. How can air be sensitive, and contribute nothing?
#    <details><summary>Answer</summary>A new voxel there would change the score; what stays empty adds none.</details>
# 2. The map gives the seat most. Why doesn't its cut cost most?
#    <details><summary>Answer</summary>Other parts stand in for it.</details>
# 3. When does keeping a part of the coefficients prove nothing?
#    <details><summary>Answer</summary>When chance and size, which need no network, pass as well.</details>

# %% [markdown]
# **Further reading.** [Integrated Gradients](https://arxiv.org/abs/1703.01365), Sundararajan and others, 2017; maps put
# to the test: [Sanity Checks for Saliency Maps](https://arxiv.org/abs/1810.03292), Adebayo and others, 2018.

# %% [markdown]
# ## You can now
#
# see inside a volume's explanation, test a map with a saw, and doubt a test that nothing could fail. **Next:**
# [how sure is it?](06_how_sure_is_it.ipynb)
