import io
import zipfile
from collections.abc import Callable
from importlib.resources import files
from typing import NamedTuple

import pytest
import soundfile
import torch

from tests.training.clips import archive, read
from wam_widgets.samples import Sample, SoundNet, audio, audio_model, instrument_model, instruments
from wam_widgets.samples.sounds import decoded


class Collection(NamedTuple):
    load: Callable[[], dict[str, Sample]]
    model: Callable[[], SoundNet]
    archive: str
    folder: str
    samples: int
    licence: str
    credit: str


EVENTS = Collection(
    audio,
    audio_model,
    "environment_sounds",
    "events",
    32_000,
    "CC BY-SA 3.0",
    "Sounds (C) 2009 Wildfire Games, http://www.wildfiregames.com/, CC BY-SA 3.0, "
    "http://creativecommons.org/licenses/by-sa/3.0/ ; cut, resampled and recoded.",
)
NOTES = Collection(
    instruments,
    instrument_model,
    "instruments",
    "notes",
    16_000,
    "MIT",
    "Fluid R3 soundfont, Copyright 2000-2002, 2008 Frank Wen, 2008 Toby Smithe, MIT",
)
both = pytest.mark.parametrize("collection", [EVENTS, NOTES], ids=["events", "notes"])


@both
def test_every_sound_is_recognised(collection: Collection) -> None:
    model = collection.model()
    for name, sound in collection.load().items():
        probability = model(sound.signal).softmax(1)[0]
        assert int(probability.argmax()) == sound.target, name
        assert probability.max() > 0.5, f"{name} is no close call"


@both
def test_every_sound_is_one_mono_waveform_in_seconds(collection: Collection) -> None:
    for name, sound in collection.load().items():
        assert sound.name == name
        assert (sound.signal.shape, sound.signal.dtype) == ((1, 1, collection.samples), torch.float32)
        assert 0.5 < sound.signal.abs().max() < 1
        assert sound.grid is not None
        assert (sound.grid.axes, sound.grid.spacing, sound.grid.units) == (("time",), (1 / 16_000,), ("s",))


@both
def test_every_sound_names_its_author_and_its_terms(collection: Collection) -> None:
    for sound in collection.load().values():
        assert sound.title
        assert (sound.credit, sound.licence) == (collection.credit, collection.licence)


@both
def test_what_ships_is_from_the_test_part_and_carries_its_licence(collection: Collection) -> None:
    folder = files("wam_widgets.samples").joinpath("data", collection.folder)
    held_out = read(collection.archive, "test")
    with zipfile.ZipFile(archive(collection.archive)) as bundle:
        labels = {
            bundle.read(file): held_out.labels[target]
            for file, target in zip(held_out.files, held_out.targets.tolist(), strict=True)
        }
        assert folder.joinpath("LICENSE.txt").read_bytes() == bundle.read("LICENSE.txt")
    for name, sound in collection.load().items():
        assert labels[folder.joinpath(f"{name}.ogg").read_bytes()] == held_out.labels[sound.target]


def test_what_ships_is_small() -> None:
    data = files("wam_widgets.samples").joinpath("data")
    sizes = [file.stat().st_size for folder in ("events", "notes") for file in (data / folder).iterdir()]  # type: ignore[attr-defined]  # the package lies in a folder
    assert sum(sizes) <= 1_000_000


def test_a_note_knows_its_pitch_and_an_event_has_none() -> None:
    assert all(event.fundamental is None for event in audio().values())
    for name, note in instruments().items():
        assert (note.fundamental is None) == (name == "drum"), name


@pytest.mark.parametrize("content", [b"", b"nonsense", b"RIFF\x00\x00\x00\x00WAVE", b"OggS" + bytes(100)])
def test_a_file_that_is_no_sound_is_refused_by_its_name(content: bytes) -> None:
    words = (
        rf"`step\.ogg` must be a mono sound file that soundfile reads .*; {len(content)} bytes can't be read: .*ffmpeg"
    )
    with pytest.raises(ValueError, match=words):
        decoded(content, "step.ogg")


def test_a_file_of_several_channels_is_refused_with_the_way_to_mix_it_down() -> None:
    stereo = io.BytesIO()
    soundfile.write(stereo, [[0.1, 0.2]] * 50, 8000, format="WAV")
    with pytest.raises(ValueError, match=r"mono sound file.*got 2 channel\(s\) of 50 samples\..*`ffmpeg.*-ac 1"):
        decoded(stereo.getvalue())


def test_a_mono_file_is_its_samples_and_rate() -> None:
    file = io.BytesIO()
    soundfile.write(file, [0.5, -0.25, 0.0], 11_025, format="WAV")
    sound, rate = decoded(file.getvalue())
    assert (sound.tolist(), rate) == ([[0.5, -0.25, 0.0]], 11_025)


def test_calls_share_no_memory() -> None:
    name = next(iter(audio()))
    audio()[name].signal.zero_()
    assert audio()[name].signal.any()
