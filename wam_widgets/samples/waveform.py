"""What the sample models of sound ask of a waveform."""

from torch import Tensor

from wam_widgets.transform.grid import require_signal

__all__ = ["require_waveform"]


def require_waveform(signal: Tensor, shortest: int) -> None:
    """Check the shape of a batch of sounds; values are not looked at.

    Parameters
    ----------
    signal
        What a model was given.
    shortest
        Number of samples that the model needs at least.

    Raises
    ------
    TypeError
        Unless `signal` is a tensor of float32 or float64.
    ValueError
        Unless its axes are (item, channel, time), with one channel and at least `shortest` samples.
    """
    shape = tuple(require_signal(signal).shape)
    if len(shape) != 3:
        raise ValueError(
            f"`signal` must be sound, with the axes (item, channel, time); got shape {shape}. A model of sound takes "
            f"waveforms, not spectrograms: it computes its own."
        )
    if shape[1] != 1:
        raise ValueError(
            f"`signal` must have one channel, shape ({shape[0]}, 1, {shape[2]}); got shape {shape}. This model was "
            f"trained on mono: take the mean over channels, `signal.mean(1, keepdim=True)`."
        )
    if shape[2] < shortest:
        raise ValueError(
            f"`signal` must have at least {shortest} samples; got shape {shape}. Pad it with zeros, "
            f"`torch.nn.functional.pad(signal, (0, {shortest - shape[2]}))`."
        )
