# %% [markdown]
# # What do the views look like?
#
# Every kind of view once, with the code that makes it. All of them live in this page.

# %%
import wam_widgets as wam

# %% [markdown]
# ## Images
#
# A cat, and what “Egyptian Mau” hangs on. Mix the scales, hide what can't be told from zero, point at a place to read
# it off.

# %%
model, cat = wam.samples.image_model(), wam.samples.images()["cat"].signal
seen = wam.explain(model, cat, level=5, progress=False)
wam.ImageExplorer(seen, cursor=[70, 92])  # Photo: Stéfan van der Walt, CC0

# %% [markdown]
# ## Sound
#
# A man calls, in Persian. Press play: you hear the twentieth of the coefficients that contributes most. Switch to
# *only the rest*; solo an octave.

# %%
ear, man = wam.samples.audio_model(), wam.samples.audio()["man"]
heard = wam.explain(
    ear.network,
    man.signal,
    front_end=ear.front_end,
    grid=man.grid,
    labels=ear.labels,
    wavelet="db4",
    level=6,
    progress=False,
).contribution()
wam.SpectrogramPlayer(heard, model=ear.network, front_end=ear.front_end, heard="kept")  # Wildfire Games, CC BY-SA 3.0

# %% [markdown]
# ## Volumes
#
# An armchair in 32 × 32 × 32 voxels. Drag to turn it; drag the cross-hairs to read numbers off.

# %%
shapes, chair = wam.samples.furniture_model(), wam.samples.furniture()["armchair"]  # Absfrm, Blend Swap, CC0
inside = wam.explain(
    shapes,
    chair.signal,
    method="integrated_gradients",
    samples=100,
    grid=chair.grid,
    labels=shapes.labels,
    progress=False,
)
wam.VolumeViewer(inside, cursor=[22, 16, 16])

# %% [markdown]
# ## Curves
#
# Is the map true? Delete what it points at, or insert it, and watch the probability. Drag along the curve to see what
# the network saw there.

# %%
reader, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal  # MNIST, CC BY-SA 3.0
maps = {
    "SmoothGrad": wam.explain(reader, three, level=2, progress=False).contribution(),
    "Integrated Gradients": wam.explain(
        reader, three, method="integrated_gradients", samples=100, level=2, progress=False
    ),
}
report = wam.evaluate(reader, three, maps, progress=False)
wam.CurveScrubber(report, three, maps, step=4)

# %% [markdown]
# ## Sliders alone
#
# The weights of scales without a picture, to be linked to a view of your own.

# %%
wam.ScaleSliders(seen.scales)
