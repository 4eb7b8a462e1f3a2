# %% [markdown]
# # What is a scale?
#
# **Time:** 25 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lesson
# [0](00_start_here.ipynb). Headphones help.
#
# You will be able to
#
# - **split** a signal into scales by hand,
# - **read** off which scale, orientation or octave holds its energy,
# - **doubt** a single coefficient.
#
# *The pictures are alive, so GitHub can't show them ([a photograph of one](pictures/explorer-light.png)). `make lab`
# opens this page as a notebook.*

# %% [markdown]
# ## 1. Eight numbers
#
# No network today: only signals. The first has eight numbers. Replace every two neighbours by their mean, and note half
# of their difference.
#
# **Predict.** What are the means? The means of the means? How many numbers do you have in the end?

# %%
import checks  # the folder beside this notebook: it looks at what you do in the exercises
import ipywidgets
import torch
from matplotlib import pyplot as plt

import wam_widgets as wam

numbers = torch.tensor([9.0, 7, 3, 5, 6, 10, 2, 6])


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def halve(values):
    """Return the means of neighbours, and half of their differences."""
    return (values[::2] + values[1::2]) / 2, (values[::2] - values[1::2]) / 2


means = numbers
for scale in ["detail 1", "detail 2", "detail 3"]:
    means, differences = halve(means)
    print(f"{scale}: differences {differences.tolist()}, means {means.tolist()}")

# %% [markdown]
# One mean and seven differences: eight numbers again, and nothing is lost. 6 and 0 give back 6, 6; these and the
# differences 2, 2 give 8, 4, 8, 4; and so on. These are the *coefficients* of the wavelet *haar*. The differences of
# single neighbours are *detail 1*, those of pairs *detail 2*, those of fours *detail 3*; the last mean is the
# *approximation*. A **scale** is all coefficients of one size.
#
# ## 2. Energy
#
# The *energy* of a signal is the sum of its squares: of ours, 340. **Predict.** Have the eight coefficients as much?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
ours = torch.tensor([6.0, 0, 2, 2, 1, -1, -2, -2])  # coarse to fine
coefficients = wam.decompose(numbers.reshape(1, 1, 8), "haar", level=3)  # the axes: item, channel, place
print(f"energy of the signal: {numbers.square().sum():.0f}; of our coefficients: {ours.square().sum():.0f}")
print(f"those of wam.decompose: {coefficients.flatten().square().sum():.0f}. Scale by scale:")
for scale, energy in zip(coefficients.scales, coefficients.map(torch.square).total_by_scale()[0], strict=True):
    print(f"{scale:13}  {energy:3.0f}")

# %% [markdown]
# Ours haven't. With √2 instead of 2 in each mean and difference the energy stays: *Parseval's theorem*, which holds
# where every pattern has energy 1 and no two have anything in common (*orthonormal* wavelets). So every scale has its
# **share** of the energy, and the shares add up.
#
# ## 3. What each scale of a photo holds
#
# In a photo, rows and columns are halved in turn. **Predict.** In which scale will you see the colours, the cup, thin
# lines?

# %% tags=["view"]
coffee = wam.samples.images()["coffee"].signal  # Photo: Rachel Michetti, CC0
coefficients = wam.decompose(coffee, "haar", level=5)
_, places = plt.subplots(2, 3, figsize=(8, 5.6), layout="constrained")
for place, scale in zip(places.flat, coefficients.scales, strict=True):
    alone = wam.reconstruct(coefficients.keep(coefficients.largest(1, [scale])))  # all of one scale, none of the others
    grey = 0 if scale == "approximation" else 0.5  # differences have both signs
    gain = 3 if scale == "detail 1" else 1  # it is faint
    place.imshow((grey + gain * alone[0].movedim(0, 2)).clamp(0, 1))
    place.set(title=f"{scale}, times 3" if gain == 3 else scale, xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** The approximation has colours and hardly a shape; detail 5 hints at the cup, details 4 and 3 have
# it; detail 1 has thin lines, drawn here three times as strong. Added up, all are the photo. (Grey is zero in the
# details.)
#
# Mix them yourself. An explorer shows an explanation, so we explain a made-up score: half of the photo's energy. Its
# gradient is the photo itself (*saliency* is one gradient, without noisy copies), and what you see are the photo's own
# coefficients.


# %% tags=["view"]
def half_energy(signals):
    """Return half of the energy of every signal, as a network of one class would."""
    return signals.flatten(1).square().sum(1, keepdim=True) / 2


options = {"method": "saliency", "level": 5, "labels": ["half of its energy"], "progress": False}
explorer = wam.ImageExplorer(wam.explain(half_energy, coffee, **options), look="image")
explorer

# %% tags=["view"]
sliders = wam.ScaleSliders(coefficients.scales, [1, 1, 1, 1, 0, 0])
ipywidgets.jslink((sliders, "weights"), (explorer, "weights"))
sliders

# %% [markdown]
# **How to read it.** These sliders and those of the explorer move each other. Without the two finest scales the edges
# are stairs; a weight of 2 exaggerates a scale.
#
# A detail has three orientations. *Horizontal* is what answers to horizontal edges, where *rows* differ; *vertical* to
# vertical edges; *diagonal* to the rest. **Predict.** Which holds most? And when we turn the photo by a quarter?


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def shares(photo):
    """Print how the energy of all details is divided between the orientations."""
    details = wam.decompose(photo, "haar", level=5).map(torch.square).details
    sums = {name: sum(detail[name].sum() for detail in details) for name in details[0]}
    print(*(f"{name} {energy / sum(sums.values()):3.0%}  " for name, energy in sums.items()))


shares(coffee)
shares(coffee.rot90(1, (2, 3)))

# %%
explorer.look, explorer.orientations = "heatmap", ["horizontal"]
sliders.weights = [0, 1, 1, 1, 1, 1]  # of the scales, coarse to fine

# %% [markdown]
# Rims seen at a slant are wider than high: horizontal edges lead, and turned, they are vertical. The second cell left
# only them in the explorer, as a heat map: the rims in front and behind, but not at the sides.
#
# ## 4. In a sound, a scale is an octave
#
# Slow and fast instead of large and small: detail j answers to one *octave*, from a frequency (in Hz, waves per second)
# to its double. We take the wavelet *db4*, whose smooth waves separate octaves better than steps. (`mode="zero"`:
# silence beyond the ends, so that energy is kept there, too.)
#
# **Predict.** An electric bass plays at 98 Hz, a violin at 587 Hz. Which octaves hold their energy?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
sounds = {name: wam.samples.instruments()[name] for name in ["bass", "violin"]}  # Fluid R3 soundfont, MIT
energies = {}
for name, sound in sounds.items():
    parts = wam.decompose(sound.signal, "db4", level=6, mode="zero").map(torch.square).total_by_scale()[0]
    energies[name] = parts / sound.signal.square().sum()  # 16,000 samples per second
octaves = wam.transform.octaves("db4", 6, 16_000)
print(" " * 17, *(f"{name:>7}" for name in energies))
for octave, *row in zip(octaves, *energies.values(), strict=True):
    print(f"{octave.low:4.0f} to {octave.high:4.0f} Hz  ", *(f"{share:7.0%}" for share in row))

# %% tags=["view"]
bass = sounds["bass"]
player = wam.show(wam.explain(half_energy, bass.signal, grid=bass.grid, wavelet="db4", **options | {"level": 6}))
player

# %%
player.gains = [0, 1, 1, 0, 0, 0, 0]  # of the scales, coarse to fine

# %% [markdown]
# **How to read it.** Frequency goes up, time to the right; a dark tile is a large coefficient. The percentages: how
# much of such a wave's energy lies in its octave. The second cell left the octaves from 125 to 500 Hz: most of the
# bass. Its note, 98 Hz, lies below: most of the energy is in the overtones. The violin's lies higher.
#
# ## 5. Where the map misleads
#
# **Predict.** We move the photo by a single pixel. What happens to the energy of each scale? To its coefficients?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
moved = wam.decompose(coffee.roll(1, 3), "haar", level=5)  # one column to the right
both, before, after = (
    a.map(torch.mul, b).total_by_scale()[0]
    for a, b in [(coefficients, moved), (coefficients, coefficients), (moved, moved)]
)
print("               energy   agreement of the coefficients (1: all the same)")
for scale, ratio, agreement in zip(moved.scales, after / before, both / (before * after).sqrt(), strict=True):
    print(f"{scale:13}  × {ratio:.2f}   {agreement:.2f}")

# %% tags=["view"]
_, places = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
for place, (name, found) in zip(places, {"before": coefficients, "one pixel later": moved}.items(), strict=True):
    place.imshow(found.details[-1]["vertical"][0].abs().sum(0)[20:50, 70:100], cmap="gist_heat_r", vmax=0.8)
    place.set(title=f"detail 1, vertical: {name}", xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** Right of the cup's rim: the same edges, in other coefficients. A pair begins at every *second*
# pixel. An edge within a pair makes a coefficient; one between two pairs makes none, in this scale. So an empty place
# isn't a place without an edge, and the squares of a map lie on the wavelet's grid, not on the cup. Energies hardly
# change: trust sums more than single coefficients, and fine ones least.

# %% [markdown]
# ## Your turn
#
# **Exercise 1: split.** Split 4, 8, 6, 6, 1, 3, 3, 9 into four lists, coarse to fine, with √2 as in section 2.

# %% tags=["exercise"]
scales = ...
checks.split_by_hand(scales)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
rest, found = torch.tensor([4.0, 8, 6, 6, 1, 3, 3, 9]), []
for _ in range(3):
    rest, details = (2**0.5 * half for half in halve(rest))
    found.insert(0, details)
checks.split_by_hand([rest, *found])

# %% [markdown]
# **Exercise 2: read.** Which octave holds most of the sound `wam.samples.audio()["storm"]`? Answer with two numbers, in
# Hz.

# %% tags=["exercise"]
low, high = ..., ...
checks.loudest_octave(low, high)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
storm = wam.decompose(wam.samples.audio()["storm"].signal, "db4", level=6, mode="zero").map(torch.square)
loudest = octaves[int(storm.total_by_scale()[0].argmax())]
checks.loudest_octave(loudest.low, loudest.high)

# %% [markdown]
# **Exercise 3: doubt.** By how many pixels, at least, must the photo move so that the coefficients of *detail 3* keep
# their values, and only move along? (`coffee.roll(pixels, 3)` puts what leaves at the right back in at the left.)

# %% tags=["exercise"]
pixels = ...
checks.same_coefficients(pixels)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
checks.same_coefficients(8)  # detail 3 halves three times, so that its cells are 2 × 2 × 2 pixels wide

# %% [markdown]
# ## Recall
#
# 1. What are the coefficients of detail 1, in haar?
#    <details><summary>Answer</summary>Differences of single neighbours, divided by √2.</details>
# 2. Why does it make sense to speak of a scale's *share*?
#    <details><summary>Answer</summary>Orthonormal wavelets keep the energy, so the scales' energies add up.</details>
# 3. Which orientation answers to the horizon at sea?
#    <details><summary>Answer</summary>Horizontal: there the rows differ.</details>

# %% [markdown]
# **Further reading.** Haar, [Zur Theorie der orthogonalen Funktionensysteme](https://doi.org/10.1007/BF01456326), 1910;
# Mallat, [A Theory for Multiresolution Signal Decomposition](https://doi.org/10.1109/34.192463), 1989; the
# [documentation of PyWavelets](https://pywavelets.readthedocs.io), with a picture of every wavelet.

# %% [markdown]
# ## You can now
#
# split a signal into scales, read off what holds its energy, and doubt a single coefficient. **Next:** [how does a
# gradient become an explanation?](02_from_pixels_to_coefficients.ipynb)
