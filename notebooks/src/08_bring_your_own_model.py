# %% [markdown]
# # Will it work with my model?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lessons
# [0](00_start_here.ipynb) and [4](04_what_did_it_hear.ipynb); you have written a torch model.
#
# You will be able to
#
# - **wrap** a model so that `wam.explain` takes it,
# - **choose** a score that asks what you want to know,
# - **check** a wrapper for mistakes that raise no error.
#
# *One view here is alive, so GitHub can't show it ([a photograph of one](pictures/explorer-light.png)). `make lab`
# opens this page as a notebook.*

# %% [markdown]
# ## 1. What is asked of a model
#
# It is called with several signals at once, and returns a row of numbers for each, by steps that have a gradient. That
# is all. Here are one small network and six ways in which people hand such networks on.

# %%
import textwrap
import warnings
from types import SimpleNamespace

import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from matplotlib import pyplot as plt

import wam_widgets as wam

model = wam.samples.digit_model()
digits = {name: sample.signal for name, sample in wam.samples.digits().items()}  # Digits: MNIST, CC BY-SA 3.0
three = digits["three"]  # 1 picture, 1 channel, 16 rows, 16 columns; from 0 (paper) to 1 (ink)

# %% [markdown]
# **Predict.** Which of the six work as they are? (`.logits` is how models of Hugging Face answer.)


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def attempt(name, model, target=None, signal=three):
    """Explain, and print the score of what was explained, or how the error begins."""
    try:
        found = wam.explain(model, signal, target, level=2, progress=False)
        print(f"{name:12} works: {float(found.score[0]):.1f}")
    except (TypeError, ValueError) as error:
        print(f"{name:12} {textwrap.shorten(str(error), 104, placeholder=' …')}")


attempt("tensor", model)
attempt("object", lambda s: SimpleNamespace(logits=model(s)))
attempt("tuple", lambda s: (model(s), "hidden states"))
attempt("dictionary", lambda s: {"scores": model(s)})
attempt("one row", lambda s: model(s)[0])
attempt("no gradient", torch.no_grad()(model))

# %% [markdown]
# The first three. An error says the rule, what came, and further on what to type: read it to its end.
#
# ## 2. One line around it
#
# A wrapper is a function from signals to rows. `same` takes *two* pictures. **Predict.** The wrapper passes as many
# eights as there are signals; would one have done?


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def same(one, other):
    """Say how alike two pictures are to the network, up to 1: both inputs side by side, row by row."""
    # all layers but the last two: 96 numbers per picture
    features = model.network[:8](torch.stack([one, other], 1).flatten(0, 1)).unflatten(0, (-1, 2))
    return torch.cosine_similarity(features[:, 0], features[:, 1])


eight = digits["eight"]
attempt("dictionary", lambda s: {"scores": model(s)}, lambda output: output["scores"][:, 3])
attempt("0 to 255", lambda s: model(s / 255), signal=255 * three)
attempt("two inputs", lambda s: same(s, eight.expand(len(s), -1, -1, -1)))

# %% [markdown]
# It wouldn't: `explain` runs many noisy copies at once, each needs its eight, and `torch.stack` would raise. The model
# may return one number per signal: regression needs no wrapper. A signal has the axes item, channel, and then places.
# With channels last its rows would be taken for channels, mostly without an error: exercise 1 has the wrapper.
#
# ## 3. What do you ask?
#
# `target` turns the output into the *score*, the one number per signal that is explained: a class, a contrast, or any
# function. Without one it is the likeliest class, so that of a mistaken model you explain the mistake: look at
# `explanation.names()`.
#
# Now the network answers at every place, as one for *segmentation* does. The picture holds a three and an eight.

# %% tags=["nbval-check-output", "keep_output"]
last = model.network[9]
pair = torch.cat([three, eight], -1)


def everywhere(signal):
    """Return the outputs at every place, axes (item, class, row, column): 4 x 8 places for a pair."""
    mean, maximum = last.weight.split(48, dim=1)  # of all places; a single one is its own mean and maximum
    maps = torch.einsum("kc, icyx -> ikyx", mean + maximum, model.network[:7](signal))
    return maps + last.bias[:, None, None]


print("likeliest digit, place by place", *everywhere(pair).argmax(1)[0].tolist(), sep="\n")

# %% [markdown]
# **Predict.** We ask for “three, in the left half” and for “eight, in the right half”. How much of each map lies left?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
path = {"method": "integrated_gradients", "samples": 100, "level": 2, "progress": False}
left = wam.explain(everywhere, pair, lambda output: output[:, 3, :, :4].mean((1, 2)), **path)
right = wam.explain(everywhere, pair, lambda output: output[:, 8, :, 4:].mean((1, 2)), **path)
for name, found in [("three, left ", left), ("eight, right", right)]:
    heat = found.heatmap()[0]
    print(f"{name}: {heat[:, :16].sum() / heat.sum():.0%}")

# %% tags=["view"]
explorer = wam.show(right)
explorer

# %%
explorer.weights = [0, 1, 1]  # without the approximation: of the scales, coarse to fine

# %% tags=["view"]
wam.plots.heatmap(right)

# %% [markdown]
# **How to read it.** The darker, the more a place contributed to “eight, in the right half”. The second cell left only
# the details in the view; the figure shows all scales. (A little of each map lies beyond the middle: a place sees its
# neighbours, too.)
#
# ## 4. Where the map misleads
#
# Four wrappers that raise no error, and mislead.
#
# **A hidden module.** `explain` puts a module into evaluation mode, and back. Inside another function it can't see it:
# in training mode, values are dropped at random, and each batch is normalised by itself. **Predict.** Is the network at
# least the same *afterwards*?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
torch.manual_seed(0)  # of what is dropped
careless = wam.samples.digit_model().train()
options = {"level": 2, "batch_size": 1, "progress": False}  # every copy is a batch of its own
seen = wam.explain(careless, three, 3, **options)
hidden = wam.explain(lambda s: {"logits": careless(s)}, three, 3, **options)
print(f"score, seen by explain: {float(seen.score[0]):.1f}")
print(f"score, hidden:          {float(hidden.score[0]):.1f}")
four = int(careless.eval()(digits["four"]).argmax())
print(f"afterwards:             {float(careless(three)[0, 3]):.1f}, and to this network a four is now a {four}")

# %% [markdown]
# It isn't: its batch normalisation has learned from our noise. Call `.eval()` before you wrap.
#
# **A probability at its end.** Networks trained for longer are surer: ours becomes so if we multiply its outputs by 5.
# **Predict.** Two maps with other random noise: do they agree as well for the probability as for the output?


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def agreement(a, b):
    """Correlate two maps: 1 if they are alike."""
    return torch.cosine_similarity(a.gradient.flatten(), b.gradient.flatten(), dim=0)


scores = {"output": lambda out: 5 * out[:, 3], "probability": lambda out: (5 * out).softmax(1)[:, 3]}
for name, score in scores.items():
    one, two = (wam.explain(model, three, score, level=2, seed=seed, progress=False) for seed in (0, 4))
    bare = wam.explain(model, three, score, level=2, method="saliency", progress=False)
    print(f"{name:12} {float(one.score[0]):4.1f}   agreement {agreement(one, two):.1f}", end="   ")
    print(f"largest gradient without noise {bare.gradient.abs().max():.2f}")

# %% [markdown]
# Near 1 there is nowhere to go: the gradient is next to nothing, and the map comes from the few copies that noise made
# doubtful. Ask for outputs before the softmax (*logits*), or for a contrast.
#
# **Normalisation outside.** Say the network wants −1 to 1. Integrated Gradients begin at a *baseline*, by default zero,
# which is now *grey*. **Predict.** How much of the map lies on empty paper?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
scaled = 2 * three - 1  # from -1 (paper) to 1 (ink)


def wants(signal):
    """Answer for pictures from -1 to 1."""
    return model((signal + 1) / 2)


inside, outside = wam.explain(lambda s: wants(2 * s - 1), three, 3, **path), wam.explain(wants, scaled, 3, **path)
for name, found in [("normalised inside the wrapper", inside), ("outside, from zero", outside)]:
    heat = found.view(wavelet=None).heatmap()[:, None]  # in the pixels
    print(f"{name:30} {heat[three == 0].sum() / heat.sum():.0%}")

# %% [markdown]
# **A step without slope.** Rounding has the gradient zero, almost everywhere.

# %% tags=["nbval-check-output", "keep_output"]
with warnings.catch_warnings(record=True) as caught:
    flat = wam.explain(lambda s: model((4 * s).round() / 4), three, 3, level=2, progress=False)
print(f"largest gradient: {flat.gradient.abs().max():.1f}. The warning:")
print(textwrap.shorten(str(caught[0].message), 104, placeholder=" …"))

# %% tags=["view"]
_, places = plt.subplots(1, 5, figsize=(10, 2.4), layout="constrained")
maps = {"SmoothGrad: right": seen, "training mode": hidden, "probability": one}
maps |= {"Int. Gradients: right": inside, "from grey": outside}
for place, (name, found) in zip(places, maps.items(), strict=True):
    place.imshow(found.view(wavelet=None).heatmap()[0], cmap="gist_heat_r")
    place.contour(three[0, 0], levels=[0.5], colors="grey", linewidths=0.7)
    place.set(title=name, xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** In the pixels, each with colours of its own; the line is the three's outline. Would you have
# noticed? Don't look for mistakes in the map: check the wrapper.
#
# ## 5. Two stages
#
# Some models begin with a *front end*, such as the spectrogram of lesson 4. Hand both over apart, and the same passes
# are seen on both sides of it. (Not by Integrated Gradients: they take the whole model.) What happens before, such as
# cropping, stays outside: explain what comes after it. **Predict.** Which axes will the two maps have?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
man, ear = wam.samples.audio()["man"], wam.samples.audio_model()  # Sound: Wildfire Games, CC BY-SA 3.0
both = wam.explain(ear.network, man.signal, front_end=ear.front_end, grid=man.grid, samples=5, progress=False)
print("in the sound:      ", *zip(both.grid.axes, both.size, strict=True))
print("in the spectrogram:", *zip(both.features.grid.axes, both.features.size, strict=True))  # mel: bands of frequency

# %% [markdown]
# ## 6. A checklist
#
# **Predict.** Which line finds which mistake?


# %%
def checklist(model, signal):
    """Ask five things of a wrapper."""
    two = torch.cat([signal, signal.flip(-1)]).requires_grad_()
    output = model(two)
    rows = output.reshape(len(output), -1)  # one number per signal makes rows of one
    total = rows.amax(1).sum() + 0 * two.sum()  # so that there is a gradient, if only zero
    (slopes,) = torch.autograd.grad(total, two)
    yield "a row for each signal", len(output) == 2
    yield "the same when asked twice", torch.allclose(output, model(two), atol=1e-4)
    yield "the same alone", torch.allclose(output[:1], model(signal), atol=1e-4)
    yield "the gradient arrives", bool(slopes.abs().max() > 1e-4)
    yield "no probabilities", not torch.allclose(rows.sum(1), torch.tensor(1.0), atol=1e-4)


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
wrappers = {"good": model, "one row": lambda s: model(s)[0], "training": wam.samples.digit_model().train()}
wrappers |= {"rounded": lambda s: model((4 * s).round() / 4), "softmax": lambda s: model(s).softmax(1)}
answers = [list(checklist(each, three)) for each in wrappers.values()]
print(" " * 25, *(f"{name:>8}" for name in wrappers))
for number, (question, _) in enumerate(answers[0]):
    print(f"{question:25}", *(f"{'ok' if each[number][1] else 'LOOK':>8}" for each in answers))

# %% [markdown]
# No line can see where your zero is, nor your axes. Print `model(signal)` for a signal whose answer you know, and for
# the baseline.
#
# ## Your turn
#
# **Exercise 1: wrap.** A colleague's network takes photos as a camera gives them, channels last, from 0 to 255, and
# returns a dictionary. Write `wrapped`, a function from our signals (channels first, 0 to 1) to rows.


# %% tags=["exercise"]
def theirs(photos):
    """Return scores for photos, axes (item, row, column, channel), from 0 to 255."""
    return {"scores": model(photos.movedim(3, 1) / 255)}


wrapped = ...
checks.wrapped(wrapped)


# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
def ours(signal):
    """Return one row per signal."""
    return theirs(255 * signal.movedim(1, 3))["scores"]


checks.wrapped(ours)

# %% [markdown]
# **Exercise 2: choose.** Write a score for “an even digit rather than an odd one”: the mean output of 0, 2, 4, 6, 8
# minus that of the others.

# %% tags=["exercise"]
score_even = ...
checks.even(score_even)


# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
def even(output):
    """Return one number per item."""
    return output[:, ::2].mean(1) - output[:, 1::2].mean(1)


checks.even(even)

# %% [markdown]
# **Exercise 3: check.** `outside` began from grey. Explain `scaled` by `wants` once more, from *paper*: which
# `baseline`?

# %% tags=["exercise"]
from_paper = ...
checks.from_paper(from_paper)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
repaired = wam.explain(wants, scaled, 3, baseline=-1.0, **path)
checks.from_paper(repaired)

# %% [markdown]
# ## Recall
#
# 1. What must a model give back for five signals?
#    <details><summary>Answer</summary>A row of numbers for each, by steps that have a gradient; or a score that makes
#    one number per signal of what it returns.</details>
# 2. Why not explain a probability of 1.00?
#    <details><summary>Answer</summary>Its slope is nearly zero; the few doubtful copies decide.</details>
# 3. What does normalising outside the wrapper change?
#    <details><summary>Answer</summary>What “zero” means, and with it where Integrated Gradients begin.</details>

# %% [markdown]
# **Further reading.** Sturmfels, Lundberg, Lee, 2020,
# [Visualizing the Impact of Feature Attribution Baselines](https://distill.pub/2020/attribution-baselines/). Selvaraju
# et al., 2017, [Grad-CAM](https://arxiv.org/abs/1610.02391). PyTorch,
# [Autograd mechanics](https://docs.pytorch.org/docs/stable/notes/autograd.html).

# %% [markdown]
# ## You can now
#
# wrap a model so that it can be explained, choose a score, and check a wrapper for mistakes that raise no error.
# **Next:** [can I build my own view?](09_build_your_own_view.ipynb)
