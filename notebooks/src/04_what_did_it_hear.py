# %% [markdown]
# # What did the network hear in a voice?
#
# **Time:** 30 minutes. **Run time:** less than a minute on one core; no graphics card. **Prerequisites:** lessons
# [0](00_start_here.ipynb) and [1](01_what_is_a_scale.ipynb). Headphones help.
#
# You will be able to
#
# - **mix** a sound from the octaves that mattered, while it plays,
# - **tell** what a network is sensitive to from what made its answer,
# - **compare** an explanation with controls that know nothing.
#
# *The players are alive, so GitHub can't show them ([a photograph of one](pictures/player-light.png)). `make lab` opens
# this page as a notebook.*

# %% [markdown]
# ## 1. Listen first
#
# A small network knows 12 kinds of sound. This one comes from a recording that it wasn't trained on.

# %%
import tempfile
from pathlib import Path

import checks  # the folder beside this notebook: it looks at what you do in the exercises
import torch
from IPython.display import Audio

import wam_widgets as wam

model = wam.samples.audio_model()
man = wam.samples.audio()["man"]  # Sound: Wildfire Games, CC BY-SA 3.0
sound = man.signal  # 1 sound, 1 channel, 32,000 samples: 2 seconds, 16,000 per second
Audio(sound[0].numpy(), rate=16_000)


# %% tags=["nbval-check-output", "keep_output"]
def say(sound):
    """Print the two most probable classes."""
    probabilities, classes = model(sound).softmax(1)[0].topk(2)
    print(", ".join(f"{model.labels[c]} {p:.0%}" for p, c in zip(probabilities, classes, strict=True)))


say(sound)

# %% [markdown]
# **Predict.** Was it the pitch of the voice, its vowels, or the hiss of its consonants? When?

# %%
explanation = wam.explain(
    model.network, sound, front_end=model.front_end, grid=man.grid, labels=model.labels, wavelet="db4", level=6
)

# %% [markdown]
# The network is in two parts: the *front end* turns the sound into a picture, its spectrogram (which frequencies sound
# when) in decibels; the rest looks at that picture. We explain through both. `grid` says how many samples make a
# second.

# %% tags=["view"]
explanation

# %% [markdown]
# **How to read it.** Time goes to the right, frequency up. A scale is an *octave* here: from one dashed line to the
# next, frequencies double. Each coloured tile is a coefficient; the darker, the more a small change there would change
# the score. (The percentages are those of lesson 1.) Click to go to a moment, drag over a stretch to loop it, press
# space to play.
#
# ## 2. What it is sensitive to isn't what it heard
#
# **Predict.** We keep the twentieth of the coefficients that is darkest, and throw the rest away. Is it still a voice?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
dark = explanation.rebuild(fraction=0.05)
print("the darkest twentieth: ", end="")
say(dark)
print("all the rest:          ", end="")
say(sound - dark)

# %% [markdown]
# It isn't, and the rest still is. A gradient asks what a *small change* would do. In decibels a whisper added to
# silence is a large change. So the network is most sensitive where there is hardly anything to hear: in the pause, and
# just after the end.
#
# A *contribution* asks what is there already: the gradient times the coefficient itself. It needs no further pass.

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
contribution = explanation.contribution()
kept = contribution.rebuild(fraction=0.05)
print("the twentieth that contributes most: ", end="")
say(kept)
print("all the rest:                        ", end="")
say(sound - kept)

# %% tags=["view"]
player = wam.show(contribution, model=model.network, front_end=model.front_end, heard="kept")
player

# %% [markdown]
# **How to read it.** The dark tiles now lie where the sound is, the darkest in its last third. Play it: you hear the
# twentieth, blue in the waveform. Choose *only the rest*, and move *coefficients kept*: the table says what the network
# makes of each.
#
# ## 3. Which octave is a voice?
#
# **Predict.** A man's voice has a pitch of about 100 to 200 Hz. Which octave contributes most?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
octaves = [f"{octave.low:.0f} to {octave.high:.0f} Hz" for octave in wam.transform.octaves("db4", 6, 16_000)]
for scale, octave, share in zip(explanation.scales, octaves, contribution.scale_shares()[0], strict=True):
    print(f"{scale:13}  {octave:15}  {share:4.0%}")

# %% [markdown]
# The pitch, by far. Hear it alone, as on a mixing desk:

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
player.heard = "original"
player.gains = [0, 1, 0, 0, 0, 0, 0]  # of the scales, coarse to fine
say(contribution.rebuild(scales=["detail 6"]))

# %% [markdown]
# Alone the pitch is no voice to the network: **a large share isn't enough.** Press *solo* on others, and watch the
# column *your mix*: which are voices?
#
# ## 4. The same passes, in the spectrogram
#
# The gradient was also kept where the front end ends. **Predict.** Will both pictures show the same?

# %% tags=["view"]
wam.plots.spectrogram(explanation)

# %% [markdown]
# **How to read it.** Above, the sound. In the middle the wavelet's tiles: all an octave high, and the lower, the wider.
# Below, the network's own picture, with cells of one width. They don't show the same: it is darkest while the voice
# speaks. A small change there is one of decibels, in silence as in sound. Only the tiles can be played.
#
# ## 5. Does it add up?
#
# *Integrated Gradients* walk from silence to the sound and share out the difference of the scores. In decibels most
# happens near silence, so they take their steps where they are needed, until they miss less than 2 %.
#
# **Predict.** Does every octave speak for “voice”?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
options = {"method": "integrated_gradients", "tolerance": 0.02, "max_samples": 400, "progress": False}
path = wam.explain(model, sound, grid=man.grid, wavelet="db4", level=6, **options)
print(f"voice {path.score[0]:.1f}, of silence {path.baseline_score[0]:.1f}. The difference, scale by scale:")
for scale, octave, part in zip(path.scales, octaves, path.completeness_by_scale()[0], strict=True):
    print(f"{scale:13}  {octave:15}  {part:+.1f}")
missed = path.completeness_gap(relative=True).abs()[0]
print(f"It misses {missed:.0%} of the difference.")

# %% [markdown]
# No: what lies above 2,000 Hz speaks against a voice. And the octave above the pitch adds nearly as much as the pitch.
# Section 3 squared amounts, and took slopes at the sound itself only.
#
# ## 6. Where the map misleads
#
# “The twentieth that contributes most is a voice”: would *any* twentieth do? **Predict.** What does the network say
# of a twentieth at random, and of the *loudest* twentieth, which needs no network at all?

# %% tags=["nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true}
coefficients = explanation.signal_coefficients()
dice = coefficients.map(lambda band: torch.rand(band.shape, generator=torch.Generator().manual_seed(0)))
for name, order in [("random", dice), ("loudest", coefficients.map(torch.abs))]:
    print(f"{name:8} ", end="")
    say(wam.reconstruct(coefficients.keep(order.largest(0.05))))

# %% [markdown]
# Chance fails, but loudness does nearly as well: in one clear voice, the loud is the voice. So this clip alone doesn't
# prove that the explanation found what the *network* uses. A fair test mixes in a second sound that is *as loud*, and
# repeats it over many clips. [We did](../tests/experiments/README.md): while the second sound is faint, loudness beats
# every explanation; with equal weights it is hardly better than chance, and some explanations are better.
#
# ## 7. Keep it
#
# A sound file of what was kept, as loud as the original, and a page that plays without Python.

# %%
folder = Path(tempfile.mkdtemp())
wam.to_wav(kept[0], folder / "kept.wav", 16_000, level=sound[0])
wam.export_html(player, folder / "voice.html", wavelets=["haar"])

# %% [markdown]
# ## Your turn
#
# **Exercise 1: mix.** Make the sound *without* the octave of the pitch, 125 to 250 Hz, by
# `contribution.rebuild(scales=[…])`. What does the network `say`: does it need the pitch?

# %% tags=["exercise"]
no_pitch = ...
checks.without_pitch(contribution, no_pitch)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
others = contribution.rebuild(scales=[scale for scale in contribution.scales if scale != "detail 6"])
checks.without_pitch(contribution, others)
say(others)

# %% [markdown]
# **Exercise 2: tell.** Explain the sound `wam.samples.audio()["alarm"]` as in section 1. Which scale holds the largest
# share of its *contributions*? Give its name.

# %% tags=["exercise"]
alarm_scale = ...
checks.alarmed(alarm_scale)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
alarm = wam.samples.audio()["alarm"]
why = wam.explain(model, alarm.signal, grid=alarm.grid, wavelet="db4", level=6, progress=False).contribution()
largest = why.scales[int(why.scale_shares()[0].argmax())]
checks.alarmed(largest)

# %% [markdown]
# **Exercise 3: compare.** Make the alarm of the twentieth of its coefficients that contributes *least*, whatever the
# sign (see section 6). What does the network `say`, and what of silence?

# %% tags=["exercise"]
least = ...
checks.least_kept(least)

# %% tags=["solution", "nbval-check-output", "keep_output"] jupyter={"outputs_hidden": true, "source_hidden": true}
# Solution
weakest = why.attribution.map(lambda band: -band.abs()).largest(0.05)
faint = wam.reconstruct(why.signal_coefficients().keep(weakest))
checks.least_kept(faint)
say(faint)
say(torch.zeros_like(faint))

# %% [markdown]
# ## Recall
#
# 1. Why was the darkest twentieth of the sensitivity no voice?
#    <details><summary>Answer</summary>In decibels a whisper added to silence is a large change: the network is most
#    sensitive where there is hardly anything to hear.</details>
# 2. What does a contribution ask, and what does it cost?
#    <details><summary>Answer</summary>What is there already: the gradient times the coefficient, without a further
#    pass.</details>
# 3. The kept twentieth is still a voice. Why does that prove little?
#    <details><summary>Answer</summary>The loudest twentieth does nearly as well, and needs no network.</details>

# %% [markdown]
# **Further reading.** [Integrated Gradients](https://arxiv.org/abs/1703.01365), Sundararajan and others, 2017; sound in
# wavelets: [One Wave to Explain Them All](https://arxiv.org/abs/2410.01482), Kasmi and others, 2025; another way to
# listen to an explanation: [Listenable Maps](https://arxiv.org/abs/2403.13086), Paissan and others, 2024.

# %% [markdown]
# ## You can now
#
# mix a sound from the octaves that mattered, tell what a network is sensitive to from what made its answer, and
# compare an explanation with controls. **Next:** [what makes an armchair a chair?](05_what_makes_it_a_chair.ipynb)
