# %% [markdown]
# # Why did the network say “Egyptian Mau”?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** a little
# Python; no wavelets.
#
# You will be able to
#
# - **mix** the scales of an explanation, and say what they show,
# - **count** which of its numbers can be told from zero,
# - **ask** why a network chose one class rather than another.
#
# *The pictures are alive, so GitHub can't show them ([a photograph of one](pictures/explorer-light.png)). `make lab`
# opens this page as a notebook.*

# %% [markdown]
# ## 1. Where did it look?
#
# Here are a photo and a small network that knows 1000 classes. Guess, run a cell with Shift+Enter, then read on.

# %%
import tempfile
from pathlib import Path

import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from PIL import Image

import wam_widgets as wam

model = wam.samples.image_model()
cat = wam.samples.images()["cat"].signal  # 1 photo, 3 colours, 224 rows, 224 columns; values from 0 to 1
Image.fromarray((255 * cat[0].movedim(0, 2)).byte().numpy())  # Photo: Stéfan van der Walt, CC0


# %% tags=["nbval-check-output", "keep_output"]
def say(photo):
    """Print the four most probable classes."""
    probabilities, classes = model(photo).softmax(1)[0].topk(4)
    for probability, column in zip(probabilities, classes, strict=True):
        print(f"{probability:4.0%}  {model.labels[column]}")


say(cat)

# %% [markdown]
# **Predict.** Did it look at the eyes, the nose, the stripes, the background? At things as large as the head, a
# stripe or a hair? Write both down.

# %%
explanation = wam.explain(model, cat, level=5, samples=25)  # details 1 to 5 (section 2), and 25 noisy copies (below)

# %% tags=["view"]
explanation

# %% [markdown]
# **How to read it.** The darker a place, the more a small change there would change the *score* of “Egyptian Mau”, the
# network's number for it before it becomes a probability: the eyes are darkest, the background is pale.
#
# How it was made: the network saw 25 copies of the photo, each with random noise on top. For every copy we took the
# *gradient*, which says how the score would change if the photo changed a little; then the mean of all. This is
# called *SmoothGrad*.
#
# ## 2. How large are the things that it looked at?
#
# A *wavelet* sorts a photo by size, into *scales*. *Detail 1* holds what is about 2 pixels large, *detail 2* about 4,
# and so on up to *detail 5*, about 32. The *approximation* holds what is larger. Each detail has three
# *orientations*: horizontal edges, vertical edges, and diagonal structures. Each number of a scale is a
# *coefficient*: how much there is of one small pattern at one place. An explanation says how much each coefficient
# matters.

# %% tags=["view"]
wam.plots.scale_maps(explanation)

# %% [markdown]
# **How to read it.** Each square is one coefficient's place: large squares in coarse scales, tiny ones in detail 1.
#
# **Predict.** What will be left of the eyes in the coarse scales alone? In the finest alone?

# %% tags=["view"]
explorer = wam.ImageExplorer(explanation, weights=[1, 1, 1, 0, 0, 0])  # of the scales, coarse to fine
explorer

# %%
explorer.weights = [0, 0, 0, 0, 0, 1]
explorer.per = "sample"  # every coefficient spread over its place: the fine ones would be pale beside the coarse

# %% [markdown]
# **How to read it.** In the coarse scales you saw large blocks, the darkest at the left eye; the second cell changed
# the same view to the finest scale, where the outlines of both eyes appear. The sliders do the same: move them.
#
# ## 3. What can be believed?
#
# With other random noise, each coefficient would come out a little different. One that is not several times larger
# than this wobble *can't be told from zero*.
#
# **Predict.** Which scale holds most? In which can the most coefficients be told from zero?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
found = explanation.significant(rate=0.05)
told, total = found.total_by_scale()[0], found.map(torch.ones_like).total_by_scale()[0]
shares = explanation.scale_shares()[0]
print("Share of each scale, and how many of its coefficients can be told from zero")
for scale, share, some, every in zip(explanation.scales, shares, told, total, strict=True):
    print(f"{scale:13}  {share:4.0%}   {some:2} of {every:7,}")

# %% [markdown]
# The finest scale holds most, yet none of its 112,896 coefficients is sure. Both are true: in a whispering crowd you
# hear that many speak, but you can't make out one voice. (“Holds”: its share of the sum of squares, noise subtracted.
# A rate of 0.05 means: of those found, at most about one in twenty is there by chance.)

# %% tags=["view"]
wam.show(explanation, significant=True, limit=0.5)  # darkest from 0.5 on

# %% [markdown]
# **How to read it.** Only what can be told from zero is left: a few large blocks, the darkest at the left eye. Untick
# the box and tick *denoised*: now every scale fades as far as it is noise.
#
# ## 4. Where the map misleads
#
# The map of detail 1 was crisp. **Predict.** We ask again with other noise. How well will both answers agree, from 0
# (not at all) to 1?

# %%
again = wam.explain(model, cat, level=5, samples=25, seed=1)  # a seed chooses the noise; so far it was 0


# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
def agreement(one, other):
    """Correlate the coefficients of two explanations: scale by scale, and all together."""
    a, b = one.attribution, other.attribution
    both, first, second = (x.map(torch.mul, y).total_by_scale()[0] for x, y in [(a, b), (a, a), (b, b)])
    return [*both / (first * second).sqrt(), both.sum() / (first.sum() * second.sum()).sqrt()]


print("Agreement of the two explanations")
for scale, value in zip([*explanation.scales, "all together"], agreement(explanation, again), strict=True):
    print(f"{scale:13}  {value:.2f}")
print(f"denoised       {agreement(explanation.denoised(), again.denoised())[-1]:.2f}")

# %% [markdown]
# Crisp isn't certain: detail 1 hardly agrees with itself, so don't trust its single pixels. The coarse scales agree,
# and *denoised* helps because it listens to them most.
#
# ## 5. Another wavelet, for free
#
# The patterns so far were blocks: the wavelet *haar*. Those of *db4* are smooth waves. **Predict.** How many more
# photos must the network see to show the explanation in db4?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
seen = []  # how many photos the network sees, call by call
model.register_forward_pre_hook(lambda _, photos: seen.append(len(photos[0])))
smooth = explanation.view(wavelet="db4")
print(f"Photos that the network saw\nfor the same explanation in db4: {sum(seen)}")
wam.explain(model, cat, wavelet="db4", level=5, samples=25, progress=False)
print(f"for a new explanation: {sum(seen)}, the original and its noisy copies")

# %% tags=["view"]
wam.show(smooth, denoised=True)

# %% [markdown]
# **How to read it.** The same answer, sorted into other patterns: the eyes are darkest again. A gradient can be seen
# in any wavelet: choose others in the box *Wavelet*.
#
# ## 6. Why not “tabby cat”?
#
# Perhaps the eyes matter for *every* cat. A *contrast* explains the difference of two scores.
#
# **Predict.** Which part of the face tells an Egyptian Mau from a tabby cat?

# %% tags=["view"]
asking = wam.ImageExplorer(explanation, model=model)
asking.target, asking.against = model.labels.index("Egyptian Mau"), model.labels.index("tabby cat")
asking.run()  # 25 more copies, in the background
asking.wait()
asking

# %% [markdown]
# **How to read it.** The nose is now as dark as the eyes, or darker. How much darker than an average place?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
places = {"left eye": (slice(55, 110), slice(40, 105)), "nose": (slice(175, 205), slice(120, 160))}  # rows, columns
print("How much darker than on average")
for question, answer in [("Why Egyptian Mau?", explanation), ("Why not tabby cat?", asking.explanation)]:
    heat = answer.heatmap()[0]
    print(f"{question:19}", *(f"{name} {heat[place].mean() / heat.mean():.1f} ×  " for name, place in places.items()))

# %% [markdown]
# The box *Ask the model* takes any two classes.
#
# ## 7. Keep it
#
# One file, which works in any browser, without Python. (As `"cat.html"` it would land beside this notebook.)

# %%
page = wam.export_html(asking, Path(tempfile.mkdtemp()) / "cat.html", wavelets=["db4"])
print(f"{page.stat().st_size / 1e6:.0f} MB: {page}")

# %% [markdown]
# ## Your turn
#
# Replace the dots and run the cell: it says how far you are. To see a solution, click the folded cell below.
#
# **Exercise 1: mix.** `explanation.rebuild(scales=[…])` makes a photo of some scales only. Leave out the two finest.
# What does the network `say`?

# %% tags=["exercise"]
coarse_photo = ...
checks.mixed(explanation, coarse_photo)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
rest = explanation.rebuild(scales=["approximation", "detail 5", "detail 4", "detail 3"])
checks.mixed(explanation, rest)
say(rest)  # a cat without stripes: they were in the scales that are missing

# %% [markdown]
# **Exercise 2: count.** Of detail 1, how many coefficients can be told from zero with 100 copies instead of 25?
# Section 3 shows how to count.

# %% tags=["exercise"]
sure = ...
count = ...
checks.counted(explanation, sure, count)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
hundred = wam.explain(model, cat, level=5, samples=100, progress=False)
fine = hundred.significant(rate=0.05).total_by_scale()[0, -1]
checks.counted(explanation, hundred, fine)
print(int(fine))

# %% [markdown]
# **Exercise 3: ask.** Explain why Egyptian Mau rather than lynx. In `wam.explain`, `wam.Contrast(first, second)`
# comes after model and photo.

# %% tags=["exercise"]
not_lynx = ...
checks.asked(explanation, not_lynx)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
mau, lynx = model.labels.index("Egyptian Mau"), model.labels.index("lynx")
contrast = wam.explain(model, cat, wam.Contrast(mau, lynx), level=5, samples=25, progress=False)
checks.asked(explanation, contrast)

# %% [markdown]
# ## Recall
#
# 1. What does a dark place of the first map say?
#    <details><summary>Answer</summary>That a small change there would change the score much.</details>
# 2. Detail 1 holds most, yet none of its coefficients is sure. How can that be?
#    <details><summary>Answer</summary>Many small amounts add up, and each alone is lost in the noise.</details>
# 3. What does the network have to do for the same explanation in another wavelet?
#    <details><summary>Answer</summary>Nothing: the gradient stays, only its sorting changes.</details>

# %% [markdown]
# **Further reading.** [SmoothGrad](https://arxiv.org/abs/1706.03825), Smilkov and others, 2017; explanations in
# wavelets: [One Wave to Explain Them All](https://arxiv.org/abs/2410.01482), Kasmi and others, 2025; wavelets:
# [A Wavelet Tour](https://wavelet-tour.github.io), Mallat, 2009.

# %% [markdown]
# ## You can now
#
# mix the scales of an explanation, count which of its numbers can be told from zero, and ask why one class rather
# than another. **Next:** [what is a scale?](01_what_is_a_scale.ipynb)
