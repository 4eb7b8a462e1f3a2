"""What every contestant is asked for: the mean gradient of one class score per image over some passes."""

from typing import Literal

Method = Literal["smoothgrad", "integrated_gradients"]

#: The methods with their names for people.
TITLES: dict[Method, str] = {"smoothgrad": "SmoothGrad", "integrated_gradients": "Integrated Gradients"}

#: Noisy copies, or points of the path, per image: what is customary.
SAMPLES = 25

#: Standard deviation of the noise in units of the images' range, the published one, which is also our default.
NOISE = 0.25
