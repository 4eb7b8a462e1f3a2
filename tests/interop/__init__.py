"""Beside other tools: Captum, zennit and Quantus. Import this package before zennit or Quantus."""

from importlib.util import find_spec
from pathlib import Path

import torch


def let_torchvision_load() -> None:
    """Declare the operators of torchvision that can't be loaded beside this build of torch.

    zennit imports torchvision for the names of its ResNets, and Quantus imports zennit. PyPI's torchvision is built for
    its torch, with CUDA; beside torch's CPU build its library of operators doesn't load, and the import ends with
    "operator torchvision::nms does not exist". Nothing here calls one.
    """
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    try:
        for library in Path(spec.origin).parent.glob("_C*"):
            torch.ops.load_library(library)
    except OSError:
        boxes = "Tensor dets, Tensor scores"
        torch.library.define("torchvision::nms", f"({boxes}, float iou_threshold) -> Tensor")
        torch.library.define("torchvision::qnms", f"({boxes}, float iou_threshold) -> Tensor")


let_torchvision_load()
