# %% [markdown]
# # How sure is it?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lessons
# [0](00_start_here.ipynb) and [2](02_from_pixels_to_coefficients.ipynb).
#
# You will be able to
#
# - **compute** a standard error, and say how many copies make it smaller,
# - **clean** a map from noise, and know what that costs,
# - **refine** Integrated Gradients until they add up.
#
# *The views are alive, so GitHub can't show them ([a photograph of one](pictures/explorer-light.png)). `make lab` opens
# this page as a notebook.*

# %% [markdown]
# ## 1. A poll of 25
#
# SmoothGrad is a poll: 25 noisy copies of the photo are asked for their gradients, and the mean is shown. Here we ask
# each copy by itself.

# %%
import warnings
from functools import partial

import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from matplotlib import pyplot as plt

import wam_widgets as wam

model = wam.samples.image_model()
cat = wam.samples.images()["cat"].signal  # Photo: Stéfan van der Walt, CC0
mau = model.labels.index("Egyptian Mau")
ask = partial(wam.explain, model, level=5, batch_size=4, progress=False)  # 4 copies at a time: little memory
copies = cat.expand(25, -1, -1, -1)  # 25 times the same photo; every one gets noise of its own
poll = ask(copies, mau, samples=1, seed=range(25)).attribution

# %% [markdown]
# **Predict.** We look at two coefficients of the left eye, a coarse and a fine one. Will 25 copies agree on their sign?

# %% tags=["view"]
answers = {  # added up over the colours; row and column of the coefficient whose place the eye is
    "approximation": poll.approximation.sum(1)[:, 2, 2],
    "detail 1": dict(poll.by_scale())["detail 1"]["horizontal"].sum(1)[:, 41, 36],
}
_, axes = plt.subplots(figsize=(7, 2), layout="constrained")
for row, values in enumerate(answers.values()):
    axes.plot(values, [row] * 25, "o", alpha=0.4)
    axes.errorbar(values.mean(), row + 0.3, xerr=values.std() / 5, fmt="k.", capsize=5)
axes.axvline(0, color="grey")
_ = axes.set(yticks=range(2), yticklabels=answers, ylim=(-0.5, 1.7), xlabel="gradient: change of the score")

# %% [markdown]
# **How to read it.** A dot is a copy's answer; black is the mean of all, with its *standard error* to both sides: the
# spread of the answers (their standard deviation) divided by √25. About so far is the mean from what all copies that
# there could be would say. Ask four times as many, and it halves.

# %% tags=["nbval-check-output", "keep_output"]
for name, values in answers.items():
    error = values.std() / 25**0.5
    print(f"{name:13}  mean {values.mean():+.2f}, spread {values.std():.2f}, standard error {error:.2f}: ", end="")
    print(f"{(values.mean() / error).abs():.0f} standard errors from zero")

# %% [markdown]
# Nearly all say that the coarse one is negative; the fine one could be anything. `standard_error()` does this for every
# coefficient.
#
# ## 2. How many by chance?
#
# **Predict.** If *no* coefficient mattered, how many would still lie more than 2 standard errors from zero?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
explanation = ask(cat, samples=25)


def shares(found):
    """Return the share of each scale's coefficients that are true."""
    return found.map(torch.Tensor.float).total_by_scale()[0] / found.map(torch.ones_like).total_by_scale()[0]


far = explanation.attribution.map(lambda mean, error: mean.abs() > 2 * error, explanation.standard_error())
print("               beyond 2 errors   told from zero")
for scale, some, sure in zip(explanation.scales, shares(far), shares(explanation.significant(0.05)), strict=True):
    print(f"{scale:13} {some:12.0%} {sure:18.1%}")

# %% [markdown]
# About 6 in 100, by the laws of chance: in detail 1 that is most of what was found. So `significant` asks for more, the
# more coefficients there are to be wrong about. Its `rate` is the share of its finds that may be false.

# %% tags=["view"]
wam.plots.significance(explanation)

# %% tags=["view"]
explorer = wam.ImageExplorer(explanation, significant=True)
explorer

# %%
explorer.rate = 0.5

# %% [markdown]
# **How to read it.** The bars are the last column of the table. The explorer hides what can't be told from zero; at a
# rate of 0.5 more is left, and half of it may be false.
#
# ## 3. More copies, or cleaning?
#
# `denoised()` shrinks every orientation of every scale as far as it is noise; it asks no new copies. How far off is a
# map then? 120 other copies stand in for the truth (their own noise is subtracted). An empty map is off by 1.0.
#
# **Predict.** Which is nearer to the truth: 100 copies, or 25 denoised?

# %%
hundred = ask(cat, samples=100)

# %%
reference = ask(cat, samples=120, seed=1)  # takes longest of all


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def off(explanation):
    """Return how far it is from the reference: scale by scale, and all together."""
    difference = explanation.attribution.map(torch.sub, reference.attribution)
    wrong, true, noise = (
        part.map(torch.square).total_by_scale()[0]
        for part in [difference, reference.attribution, reference.standard_error()]
    )
    return [*((wrong - noise) / (true - noise)).sqrt(), ((wrong - noise).sum() / (true - noise).sum()).sqrt()]


print("              approximation  detail 1  all together")
for name, each in [("25 copies", explanation), ("100 copies", hundred)]:
    for kind, one in [("", each), (", denoised", each.denoised())]:
        coarse, *_, fine, total = off(one)
        print(f"{name + kind:20} {coarse:6.1f} {fine:9.1f} {total:13.1f}")

# %% [markdown]
# All together, 25 copies denoised beat 100 plain ones, and both plain maps are further off than an *empty* one: the
# fine scales have so many coefficients, each with its noise. In the approximation only more copies help (0.2 against
# 0.4). And look at detail 1: cleaning hardly finds anything there, it only stops pretending. What is faint and true
# fades, too.
#
# ## 4. A path has no dice
#
# Integrated Gradients add up to the rise of the score, from black to the photo: if there are steps enough. The *gap* is
# what the sum misses. **Predict.** Does it shrink with every step more?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
walk = partial(ask, method="integrated_gradients")
with warnings.catch_warnings(action="ignore"):  # they say what is printed here
    paths = [walk(cat, samples=steps) for steps in [8, 16, 25, 50]]
for path in paths:
    print(f"{path.passes[0]:4} steps miss {path.completeness_gap(relative=True)[0]:+.1f} times the rise")
path = walk(cat, tolerance=0.05)
print(f"tolerance=0.05 took about {round(int(path.passes[0]), -1)}, and misses ", end="")
print("less than 5 %" if path.completeness_gap(relative=True).abs()[0] < 0.05 else "more")
early = model(0.05 * cat)[0, mau] - path.baseline_score[0]
print(f"At a twentieth of the way: {early / (path.score - path.baseline_score)[0]:.0%} of the rise")

# %% [markdown]
# No: nearly all of the rise happens in the first twentieth of the way, which few steps hit or miss by luck. With a
# `tolerance`, steps are added where they are needed. A small gap is no proof: errors of coefficients cancel in the sum.
#
# ## 5. Where the map misleads
#
# So far the noise was a quarter of the photo's range, as usual. With much less of it all copies are alike.
#
# **Predict.** Is the map better then? And how sure is the map of “toaster”?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
calm = ask(cat, samples=25, noise=0.01)
toaster = ask(cat, model.labels.index("toaster"), samples=25)
print("Told from zero   approximation  detail 1")
for name, each in [("noise 0.25", explanation), ("noise 0.01", calm), ("toaster", toaster)]:
    coarse, *_, fine = shares(each.significant(0.05))
    print(f"{name:16} {coarse:13.0%} {fine:9.0%}")
one, other = calm.attribution.flatten(), hundred.attribution.flatten()
print(f"Noise 0.01 and 0.25 agree by {torch.cosine_similarity(one, other, dim=2).mean().abs():.1f} (1: the same map)")
print(f"The network gives “toaster” {model(cat).softmax(1)[0, model.labels.index('toaster')]:.2%}.")

# %% [markdown]
# With little noise nearly half of detail 1 is sure, and the map has nothing in common with the first. Both are right:
# little noise asks for the slope at this very photo, much noise for the mean slope far around it. Which one you want is
# your choice; no standard error makes it for you. And the map of a toaster, which is not there, is about as sure as
# that of the cat.
#
# **A standard error says how well the mean over copies is known.** Not that the network is right, nor that the map is.

# %% [markdown]
# ## Your turn
#
# **Exercise 1: compute.** What is the standard error of `answers["approximation"]` if only the first 9 copies are
# asked?

# %% tags=["exercise"]
error_of_nine = ...
checks.error_computed(answers["approximation"], error_of_nine)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
nine = answers["approximation"][:9]
checks.error_computed(answers["approximation"], nine.std() / 9**0.5)

# %% [markdown]
# **Exercise 2: clean.** Denoise `hundred`. What share of its magnitude is left in detail 1? `off` shows how to add up a
# scale; take `torch.abs`.

# %% tags=["exercise"]
left = ...
checks.left_over(hundred, left)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
before, after = (each.attribution.map(torch.abs).total_by_scale()[0, -1] for each in [hundred, hundred.denoised()])
checks.left_over(hundred, after / before)

# %% [markdown]
# **Exercise 3: refine.** `walk`, as in section 4, for the “tabby cat” that the network sees as well, until at most a
# tenth of the rise is missed.

# %% tags=["exercise"]
refined = ...
checks.path_refined(refined)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
tabby = walk(cat, model.labels.index("tabby cat"), tolerance=0.1)
checks.path_refined(tabby)

# %% [markdown]
# ## Recall
#
# 1. Of how many copies is the standard error a third of that of 25?
#    <details><summary>Answer</summary>225: it falls with the square root.</details>
# 2. Why can a scale hold much, and none of its coefficients be sure?
#    <details><summary>Answer</summary>There are so many: each is drowned in noise, but their sum isn't.</details>
# 3. A map has tiny standard errors. Is it true?
#    <details><summary>Answer</summary>Unknown. With other copies it would look the same; that is all.</details>

# %% [markdown]
# **Further reading.** [Smilkov et al., 2017](https://arxiv.org/abs/1706.03825): SmoothGrad.
# [Sundararajan, Taly, Yan, 2017](https://arxiv.org/abs/1703.01365): Integrated Gradients, and why they add up.
# [Efron, Hastie, 2016](https://hastie.su.domains/CASI/): *Computer Age Statistical Inference*, on false discovery rates
# and on shrinking.

# %% [markdown]
# ## You can now
#
# compute a standard error, clean a map from noise, and refine Integrated Gradients until they add up. **Next:**
# [is it true?](07_is_it_true.ipynb)
