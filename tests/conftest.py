"""One thread, fixed seeds, checked annotations: a test that passes, passes everywhere and every time."""

import signal
from collections.abc import Iterator

import hypothesis
import jaxtyping
import pytest
import torch

# pytest-xdist fills the cores with processes; one thread each also makes sums independent of the machine.
torch.set_num_threads(1)

# A shell has what it starts in the background ignore Ctrl-C, which tests send themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: the first example of a shape may pay for torch's own warm-up.
# `pytest --hypothesis-profile=search` looks further, and elsewhere every time.
hypothesis.settings.register_profile("reproducible", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("reproducible")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Start every test from the same global generator."""
    torch.manual_seed(0)


@pytest.fixture
def as_a_user() -> Iterator[None]:
    """Switch the checking of annotations off, as it is for users: for tests of the errors that we raise ourselves."""
    jaxtyping.config.update("jaxtyping_disable", value=True)
    yield
    jaxtyping.config.update("jaxtyping_disable", value=False)
