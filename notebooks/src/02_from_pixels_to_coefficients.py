# %% [markdown]
# # How does a gradient become an explanation?
#
# **Time:** 25 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lessons
# [0](00_start_here.ipynb) and [1](01_what_is_a_scale.ipynb); you have met PyTorch's `autograd`.
#
# You will be able to
#
# - **write** the gradient of a score in the coefficients of a photo,
# - **reuse** one pass for every wavelet,
# - **tell** a sensitivity from a contribution.
#
# *The pictures are alive, so GitHub can't show them ([a photograph of one](pictures/explorer-light.png)). `make lab`
# opens this page as a notebook.*

# %% [markdown]
# ## 1. A photo is made of its coefficients
#
# The coefficients make the photo, the photo goes through the network, and out comes the *score*: its number for
# “Egyptian Mau” before it becomes a probability.
#
# **Predict.** How many coefficients make this photo? In which scale does a small change of one coefficient change the
# score most?

# %%
import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from matplotlib import pyplot as plt

import wam_widgets as wam

model = wam.samples.image_model()
cat = wam.samples.images()["cat"].signal  # Photo: Stéfan van der Walt, CC0
mau = model.labels.index("Egyptian Mau")

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
coefficients = wam.decompose(cat, "haar", level=5)
values = coefficients.flatten().requires_grad_()  # all side by side
photo = wam.reconstruct(coefficients.unflatten(values))
score = model(photo)[0, mau]
by_values, by_pixels = torch.autograd.grad(score, [values, photo])

slopes = coefficients.unflatten(by_values)
print(f"{values.numel():,} coefficients. The largest slope of each scale, of the largest of all:")
for scale, bands in slopes.by_scale():
    print(f"{scale:13}  {max(band.abs().max() for band in bands.values()) / by_values.abs().max():.1f}")

# %% [markdown]
# That is the method: five lines. As many coefficients as pixels, times colours (longer wavelets need some more at the
# borders); each now has a *slope*, or **sensitivity**: by how much the score changes when this coefficient changes by
# 1, if it went on as it begins. The steepest is in detail 3. Does it go on?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
steepest = int(by_values.abs().argmax())
slope = by_values.flatten()[steepest]
for step in [0.001, 1]:
    changed = values.detach().clone()
    changed.view(-1)[steepest] += step
    with torch.no_grad():
        change = model(wam.reconstruct(coefficients.unflatten(changed)))[0, mau] - score
    print(f"A step of {step}: the slope says {slope * step:+.1g}, the network {change:+.1g}")

# %% [markdown]
# For a tiny step, yes. Not for a step of 1: we come back to that.
#
# ## 2. The short way
#
# We had asked for the gradient in the pixels, too. **Predict.** What would you do with it, to get that in a coefficient
# of the approximation, whose pattern is a square of 32 × 32 pixels, each 1/32?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
by_hand = by_pixels[0, 0, :32, :32].sum() / 32
print("by hand as by autograd:   ", bool(torch.isclose(by_hand, slopes.approximation[0, 0, 0, 0], rtol=1e-3)))
short = wam.pull_back(by_pixels, "haar", level=5)
print("all of them by pull_back: ", bool((short.flatten() - by_values).abs().max() < 1e-6 * by_values.abs().max()))

# %% [markdown]
# Multiply it with the pattern, and add up: that is the chain rule, since the photo is the sum of all patterns, each
# times its coefficient. `wam.pull_back` does so for all.
#
# ## 3. One pass for all wavelets
#
# **Predict.** How often must the network run, to give its gradient in four wavelets: as in section 1? The short way?


# %%
def agreement(one, other):
    """Correlate coefficients, scale by scale: 1 is the same but for a factor."""
    pairs = [(one, other), (one, one), (other, other)]
    both, first, second = (a.map(torch.mul, b).total_by_scale()[0] for a, b in pairs)
    return both / (first * second).sqrt()


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
runs = []  # one entry each time the network runs
counting = model.register_forward_pre_hook(lambda *_: runs.append(1))
long_way = {}
for wavelet in ["haar", "db4", "sym8", "bior2.2"]:
    parts = wam.decompose(cat, wavelet, level=5)
    inputs = parts.flatten().requires_grad_()
    (found,) = torch.autograd.grad(model(wam.reconstruct(parts.unflatten(inputs)))[0, mau], inputs)
    long_way[wavelet] = parts.unflatten(found)
print(f"Runs for four wavelets: the long way {len(runs)},", end=" ")
runs.clear()
pixels = cat.clone().requires_grad_()
(once,) = torch.autograd.grad(model(pixels)[0, mau], pixels)
same = [agreement(slopes, wam.pull_back(once, name, level=5)).min() for name, slopes in long_way.items()]
print(f"the short way {len(runs)}. Both agree by {min(same):.2f}.")
counting.remove()

# %% [markdown]
# The short way once, and never again: a new wavelet is a new *view* of the same pass. So `wam.explain` keeps the
# gradient in the pixels.
#
# ## 4. A gradient is hardly an explanation
#
# **Predict.** Will you see the cat in it?

# %% tags=["view"]
plain = wam.explain(model, cat, mau, method="saliency", level=5, progress=False)
wam.plots.scale_maps(plain)

# %% [markdown]
# **How to read it.** One square per coefficient, the darker the steeper. The eyes, so dark in lesson 0, don't stand
# out; most of it looks like noise.
#
# *SmoothGrad*, from lesson 0, takes the mean over noisy copies. Here it is by hand. **Predict.** Will it agree with the
# single gradient? With `wam.explain`, whose noise is other noise?

# %%
generator = torch.Generator().manual_seed(0)
deviation = 0.25 * (cat.max() - cat.min())  # a quarter of the photo's range
mean = torch.zeros_like(cat)
for _ in range(25):
    copy = (cat + deviation * torch.randn(cat.shape, generator=generator)).requires_grad_()
    mean += torch.autograd.grad(model(copy)[0, mau], copy)[0] / 25

options = {"level": 5, "samples": 25, "batch_size": 5, "progress": False}  # five copies at once: less memory
explanation = wam.explain(model, cat, mau, **options)
again = wam.explain(model, cat, mau, seed=1, **options)

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
by_hand = agreement(wam.pull_back(mean, "haar", level=5), explanation.attribution)
seeds = agreement(again.attribution, explanation.attribution)
print("Agreement with wam.explain   by hand   another seed")
for scale, ours, theirs in zip(explanation.scales, by_hand, seeds, strict=True):
    print(f"{scale:28} {ours:7.1f} {theirs:14.1f}")
nothing = agreement(plain.attribution, explanation.attribution).abs().max() < 0.15
print("The single gradient agrees less than 0.15, in every scale:", bool(nothing))

# %% [markdown]
# Ours agrees with `wam.explain` as well as that does with itself under another seed. The single gradient doesn't agree:
# it belongs to this very photo, and noise changes it wholly.

# %% tags=["view"]
explorer = wam.ImageExplorer(explanation, wavelet="db4", look="mosaic")
explorer

# %% tags=["view"]
wam.plots.mosaic(explanation.view(wavelet="sym8", level=3))

# %%
explorer.wavelet, explorer.level = "sym8", 3  # no pass
explorer.look = "heatmap"

# %% [markdown]
# **How to read it.** A mosaic is all coefficients side by side: the approximation at the top left, around it the
# details, horizontal below, vertical to the right. (The four smallest bands are the approximation and the coarsest
# detail. The pale borders are coefficients whose pattern lies mostly beyond the photo's edge. They make a band a little
# larger than half the one before, which leaves the white gaps, where no coefficient is.) The last cell changed the
# view, and the network didn't run.
#
# ## 5. Where the map misleads
#
# A slope times its coefficient is called a **contribution**: by how much the score would fall if this coefficient faded
# away, and the slope stayed. All together: the whole photo fades to black.
#
# **Predict.** The score is 9.0, that of a black picture 0.2. What do the contributions add up to?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
total = plain.contribution().attribution.total()[0]
light = torch.linspace(0, 1, 17)
with torch.no_grad():
    scores = torch.cat([model(factor * cat)[:, mau] for factor in light])
print(f"The contributions add up to {total.abs():.1f}")
for number in [16, 8, 2, 0]:
    print(f"light {light[number]:4.0%}: score {scores[number]:.1f}")

# %% tags=["view"]
_, place = plt.subplots(figsize=(6, 3), layout="constrained")
place.plot(light, scores, label="the network")
place.plot(light, scores[-1] + (light - 1) * total, "--", label="as the slope says")
place.set(xlabel="light (1 is the photo)", ylabel="score of “Egyptian Mau”", ylim=(0, 10))
_ = place.legend()

# %% [markdown]
# **How to read it.** The score rises steeply in the dark, and then it is *saturated*: flat. At the photo itself the
# slope says that the light doesn't matter. A map of slopes says what a small change would do *here*, not what made the
# score.
#
# *Integrated Gradients* take the slope all along the way, from black to the photo, and multiply the mean with the
# coefficients. These contributions do add up; how well says the *completeness gap*.

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
path = wam.explain(
    model, cat, mau, method="integrated_gradients", level=5, tolerance=0.05, max_samples=400, progress=False
)
print(f"The photo adds {scores[-1] - scores[0]:.1f} to the score of black.")
print("The contributions miss less than a twentieth of it:", bool(path.completeness_gap(relative=True).abs()[0] < 0.05))

# %% [markdown]
# ## Your turn
#
# **Exercise 1: write.** The photo `wam.samples.images()["coffee"].signal`, the score of “espresso”, the wavelet db4,
# level 4: what is its gradient in the coefficients? Either way will do.

# %% tags=["exercise"]
espresso_slopes = ...
checks.gradient_written(model, espresso_slopes)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
coffee = wam.samples.images()["coffee"].signal.requires_grad_()
(pixels,) = torch.autograd.grad(model(coffee)[0, model.labels.index("espresso")], coffee)
found = wam.pull_back(pixels, "db4", level=4)
checks.gradient_written(model, found)

# %% [markdown]
# **Exercise 2: reuse.** Make an explanation in the wavelet *coif1*, level 4, of the passes of `explanation`. The
# network must not run.

# %% tags=["exercise"]
in_coif1 = ...
checks.passes_reused(explanation, in_coif1)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
seen = explanation.view(wavelet="coif1", level=4)
checks.passes_reused(explanation, seen)

# %% [markdown]
# **Exercise 3: tell.** Integrated Gradients by hand: the mean of the gradients in the pixels at 100 photos between
# black and the cat (their light 0.005, 0.015, …, 0.995), pulled back to haar, level 5, times `coefficients`.

# %% tags=["exercise"]
contributions = ...
checks.path_walked(path, contributions)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
along = torch.zeros_like(cat)
for number in range(100):
    darker = ((number + 0.5) / 100 * cat).requires_grad_()
    along += torch.autograd.grad(model(darker)[0, mau], darker)[0] / 100
amounts = wam.pull_back(along, "haar", level=5).map(torch.mul, coefficients)
checks.path_walked(path, amounts)

# %% [markdown]
# ## Recall
#
# 1. Why does a new wavelet need no pass through the network?
#    <details><summary>Answer</summary>The gradient in the pixels is kept. To pull it back takes no network.</details>
# 2. What does SmoothGrad do about a gradient that changes with every little noise?
#    <details><summary>Answer</summary>It takes the mean over many noisy copies.</details>
# 3. When do slopes times coefficients miss the score?
#    <details><summary>Answer</summary>Where it is saturated, or bends in other ways.</details>

# %% [markdown]
# **Further reading.** Simonyan, Vedaldi, Zisserman, [Deep Inside Convolutional
# Networks](https://arxiv.org/abs/1312.6034), 2013: the plain gradient. Smilkov et al.,
# [SmoothGrad](https://arxiv.org/abs/1706.03825), 2017. Sundararajan, Taly, Yan, [Axiomatic Attribution for Deep
# Networks](https://arxiv.org/abs/1703.01365), 2017: Integrated Gradients. Kasmi et al., [One Wave To Explain Them
# All](https://arxiv.org/abs/2410.01482), 2025: in wavelets.

# %% [markdown]
# ## You can now
#
# write the gradient of a score in coefficients, reuse one pass for every wavelet, and tell a sensitivity from a
# contribution. **Next:** [where did the network look, and at what scale?](03_where_and_at_what_scale.ipynb)
