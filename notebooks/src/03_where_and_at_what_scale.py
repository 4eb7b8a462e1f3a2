# %% [markdown]
# # Where did the network look, and at what scale?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lessons
# [0](00_start_here.ipynb) to [2](02_from_pixels_to_coefficients.ipynb).
#
# You will be able to
#
# - **compare** photos, scale by scale and orientation by orientation,
# - **ask** the network about a photo of some scales,
# - **separate** what speaks for a class from what speaks against it.
#
# *The pictures are alive, so GitHub can't show them ([a photograph of one](pictures/explorer-light.png)). `make lab`
# opens this page as a notebook.*

# %% [markdown]
# ## 1. Three photos
#
# A cup (photo: Rachel Michetti), a tripod with its photographer (Lav Varshney), and the cat of lesson 0 (Stéfan van der
# Walt), all CC0.
#
# **Predict.** For which is the fine most important, for which the coarse? Which orientation matters for a tripod?

# %%
import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from matplotlib import pyplot as plt

import wam_widgets as wam

model = wam.samples.image_model()
photos = {name: wam.samples.images()[name].signal for name in ["coffee", "camera", "cat"]}


@torch.no_grad()
def answer(photo):
    """Return the most probable class, as words."""
    probability, column = model(photo).softmax(1)[0].max(0)
    return f"{model.labels[column]} {probability:.0%}"


# %%
# All three at once, each for its most probable class.
explanation = wam.explain(model, torch.cat([*photos.values()]), level=5, samples=25)

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
print("share of the energy:", *explanation.scales)
for name, photo, shares in zip(photos, photos.values(), explanation.scale_shares(), strict=True):
    print(f"{name:7} {answer(photo):17}", *(f"{share:6.0%}  " for share in shares))
energy = explanation.attribution.map(lambda mean, error: mean**2 - error**2, explanation.standard_error())
print("\nof that of the details:", *energy.details[0])
for item, name in enumerate(photos):
    parts = {key: sum(float(detail[key][item].sum()) for detail in energy.details) for key in energy.details[0]}
    print(f"{name:23}", *(f"{part / sum(parts.values()):8.0%}  " for part in parts.values()))

# %% [markdown]
# (Noise subtracted, as in lesson 0: from each square that of the *standard error*, the size of the wobble.) The finest
# scale leads in all three, most for the tripod, least for the cup. And the tripod, of three thin legs, leans on
# vertical edges.

# %% tags=["view"]
explorer = wam.ImageExplorer(explanation, model=model, item=1)
explorer

# %% tags=["view"]
wam.plots.scale_maps(explanation, item=1)

# %%
explorer.orientations = ["vertical"]
explorer.weights = [0, 0, 0, 1, 1, 1]  # of the scales, coarse to fine

# %% [markdown]
# **How to read it.** Darkest is the line from the camera down to where the legs meet; in the fine scales the outline of
# the man shows, too. (Items are counted from 0.) The last cell left vertical edges in the explorer, in the three finest
# scales. The small pictures above it choose another photo.
#
# ## 2. Ask a photo of some scales
#
# A map says where the score is sensitive, not what the network would say without the rest. So take the rest away.
#
# **Predict.** We keep the three coarse scales, or the three fine ones, over grey. Which of the six will be recognised?
# And what does it cost to leave out detail 1 alone?


# %%
def coarse(photo, finest):
    """Keep the scales down to `finest`; the photo minus this is the rest."""
    coefficients = wam.decompose(photo, "haar", level=5)
    kept = coefficients.scales[: coefficients.scales.index(finest) + 1]
    return wam.reconstruct(coefficients.keep(coefficients.largest(1, kept)))


# %% tags=["view"]
_, places = plt.subplots(3, 3, figsize=(7, 7.6), layout="constrained")
for row, photo in zip(places, photos.values(), strict=True):
    blocks, thin = coarse(photo, "detail 4"), 0.5 + photo - coarse(photo, "detail 4")
    for place, picture in zip(row, [blocks, thin, coarse(photo, "detail 2")], strict=True):
        place.imshow(picture[0].movedim(0, 2).clamp(0, 1))
        place.set(xticks=[], yticks=[])
        place.set_title(answer(picture), fontsize=9)

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
for name, photo in photos.items():
    blocks, thin = coarse(photo, "detail 4"), 0.5 + photo - coarse(photo, "detail 4")
    print(f"{name:7} three coarse: {answer(blocks):14} three fine: {answer(thin):20}", end="")
    print(f"without detail 1: {answer(coarse(photo, 'detail 2'))}")

# %% [markdown]
# **How to read it.** From left to right: the coarse scales, the fine ones, all but detail 1; above each, what the
# network says. The coarse ones are never recognised. Fine lines alone are a tripod, and a kind of cat, but no cup: that
# takes both.
#
# The finest scale had the largest share. Yet without it all three are still recognised, if less surely: other scales
# stand in. **A large share isn't a need.**
#
# ## 3. Texture or shape?
#
# **Predict.** The coarse scales of one photo, down to detail 5, with the fine ones of another: which wins?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
for below, large in photos.items():
    for above, fine in photos.items():
        if below != above:
            both = coarse(large, "detail 5") + fine - coarse(fine, "detail 5")
            print(f"coarse {below:7} fine {above:7} {answer(both)}")

# %%
generator = torch.Generator().manual_seed(0)


def shuffled(photo):
    """Cut a photo into 16 squares, and lay them down in another order."""
    squares = torch.nn.functional.unfold(photo, 56, stride=56)
    return torch.nn.functional.fold(squares[..., torch.randperm(16, generator=generator)], 224, 56, stride=56)


# %% tags=["view"]
hybrid = coarse(photos["cat"], "detail 5") + photos["camera"] - coarse(photos["camera"], "detail 5")
_, places = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
for place, picture in zip(places, [hybrid, shuffled(photos["cat"])], strict=True):
    place.imshow(picture[0].movedim(0, 2).clamp(0, 1))
    place.set(xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** Left, the tripod's edges in the cat's colours: a tripod. The fine photo wins where anything does.
#
# Are fine scales texture, such as fur, then? Outlines are fine, too. To tell them apart we destroy the shape, and keep
# the texture: on the right, the cat in 16 squares. **Predict.** How probable is each photo's own class, shuffled?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
for name, photo in photos.items():
    with torch.no_grad():
        whole, *parts = (model(each).softmax(1)[0] for each in [photo, *(shuffled(photo) for _ in range(6))])
    own = whole.argmax()
    print(f"{name:7} whole {whole[own]:.0%}, shuffled {sum(part[own] for part in parts) / 6:.0%}, the mean of six")

# %% [markdown]
# Without their shape the cup and the tripod lose more than half. The shuffled cat is *more* of an Egyptian Mau than the
# whole: what is left in the squares is enough. Three photos prove nothing of networks in general; a larger study is
# named at the end.
#
# ## 4. Two things in one picture
#
# **Predict.** The cup beside the tripod: why “espresso” *rather than* “tripod”? Will the map be dark on one side only?

# %%
espresso, tripod = model.labels.index("espresso"), model.labels.index("tripod")
pair = wam.evaluation.side_by_side(photos["coffee"], photos["camera"], [[espresso, tripod]])
why = wam.explain(  # both nearly balance: of the little that is left, half may be missed
    model, pair.signal, wam.Contrast(espresso, tripod), method="integrated_gradients", level=5, tolerance=0.5
)

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
left = pair.mask[0]  # where the cup is
heat = why.heatmap()[0]
amounts = why.view(wavelet=None).attribution.approximation[0].sum(0)  # of the pixels, with their sign
for name, side in [("left, the cup", left), ("right, the tripod", ~left)]:
    print(f"{name:18} {heat[side].sum() / heat.sum():.1f} of the colour; contributions {amounts[side].sum():+.0f}")

# %% tags=["view"]
wam.ImageExplorer(why, signed=True)

# %% tags=["view"]
blocks = torch.nn.functional.avg_pool2d(amounts[None], 32, divisor_override=1)[0]  # sums
_, place = plt.subplots(figsize=(8, 4), layout="constrained")
place.imshow(pair.signal[0].mean(0), cmap="gray", extent=(0, 448, 224, 0))
shown = place.imshow(blocks, cmap="PuOr", vmin=-2, vmax=2, alpha=0.7, extent=(0, 448, 224, 0))
plt.colorbar(shown, label="contribution of 32 × 32 pixels", shrink=0.7)
_ = place.set(xticks=[], yticks=[])

# %% [markdown]
# **How to read it.** A map of sizes has colour on both sides, and doesn't say what for. In the last figure violet
# speaks for espresso, brown for the tripod. Either side has both, but their sums are clear: the cup speaks *for*
# espresso, and the tripod against it, about as much. (The explorer shows signs, too: untick *with sign* to see sizes.)
#
# ## 5. Where the map misleads
#
# **Predict.** Is the coarse or the fine darkest, for the cat?

# %% tags=["view"]
wam.plots.scale_maps(explanation, item=2, per="sample")

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
print("the cat's mean colour   per coefficient   per pixel   (of the darkest)")
maps = explanation.maps()[2].mean((1, 2))
cells = maps * torch.tensor([1024, 1024, 256, 64, 16, 4])  # pixels of a coefficient's cell
for scale, cell, sample in zip(explanation.scales, cells / cells.max(), maps / maps.max(), strict=True):
    print(f"{scale:23} {cell:9.1f} {sample:13.1f}")

# %% [markdown]
# **How to read it.** The same explanation as in the explorer, and another picture. *Per coefficient* each has its whole
# strength all over its cell: detail 5 is darkest. *Per pixel* it is shared among its pixels, and a coarse one has 1,024
# of them: detail 1 is. Neither is wrong; they answer “how much does one coefficient matter?” and “how much lies on this
# pixel?”. Look which one you see, and what the darkest colour stands for. And a crisp map is crisp because it is fine,
# not because it is right: in lesson 0 detail 1 hardly agreed with itself.

# %% [markdown]
# ## Your turn
#
# **Exercise 1: compare.** For which photo of `explanation` do the three *coarse* scales together have the largest
# share? Give its name.

# %% tags=["exercise"]
coarsest = ...
checks.coarsest_found(explanation, coarsest)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
largest = list(photos)[int(explanation.scale_shares()[:, :3].sum(1).argmax())]
checks.coarsest_found(explanation, largest)

# %% [markdown]
# **Exercise 2: ask.** Mix the coarse scales of the camera, down to *detail 4*, with the fine ones of the cat. What is
# the network's `answer`? Is it the same as down to detail 5?

# %% tags=["exercise"]
mixture = ...
checks.scales_mixed(mixture)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
mix = coarse(photos["camera"], "detail 4") + photos["cat"] - coarse(photos["cat"], "detail 4")
checks.scales_mixed(mix)
print(answer(mix))

# %% [markdown]
# **Exercise 3: separate.** In `why`, which scale speaks most *for the tripod* on the tripod's side? In every band of
# `why.attribution` the right half of the columns is that side; `by_scale()` gives the bands.

# %% tags=["exercise"]
scale_of_tripod = ...
checks.side_separated(why, scale_of_tripod)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
sums = {}
for scale, bands in why.attribution.by_scale():
    sums[scale] = sum(float(band[..., band.shape[-1] // 2 :].sum()) for band in bands.values())
lowest = min(sums, key=sums.get)
checks.side_separated(why, lowest)

# %% [markdown]
# ## Recall
#
# 1. What do you learn from a photo without its finest scale that a share doesn't say?
#    <details><summary>Answer</summary>Whether the network needs that scale, or others stand in.</details>
# 2. Why isn't a map of sizes enough for a contrast?
#    <details><summary>Answer</summary>It can't tell what speaks for a class from what speaks against it.</details>
# 3. Why is a coarse scale pale per pixel?
#    <details><summary>Answer</summary>Each of its coefficients is shared among many pixels.</details>

# %% [markdown]
# **Further reading.** Oliva, Torralba, Schyns, [Hybrid Images](https://doi.org/10.1145/1141911.1141919), 2006. Geirhos
# et al., [ImageNet-trained CNNs are biased towards texture](https://arxiv.org/abs/1811.12231), 2019. Adebayo et al.,
# [Sanity Checks for Saliency Maps](https://arxiv.org/abs/1810.03292), 2018: crisp maps that ignore the network.

# %% [markdown]
# ## You can now
#
# compare photos scale by scale, ask the network about some scales of a photo, and separate what speaks for a class from
# what speaks against it. **Next:** [what did the network hear in a voice?](04_what_did_it_hear.ipynb)
