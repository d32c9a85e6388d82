"""CPU seconds that ZigZag takes for one layer of ResNet-18, its 3x3 convolution of 64 channels at 56x56.

Run in an environment of its own (``pip install zigzag-dse six``): ``python benchmarks/zigzag_peer.py``. One run prices
one dense configuration of one of the 21 layers on one of ZigZag's own accelerators, and finds its mapping on the way.
"""

from __future__ import annotations

import logging
import tempfile
import time
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from zigzag.api import get_hardware_performance_zigzag


def convolution() -> Any:
    """The layer as an ONNX model."""
    weights = np.zeros((64, 64, 3, 3), dtype=np.float32)
    node = helper.make_node(
        "Conv",
        ["image", "weights"],
        ["maps"],
        name="convolution",
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        strides=[1, 1],
        dilations=[1, 1],
        group=1,
    )
    image, maps = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64, 56, 56]) for name in ("image", "maps")
    )
    held = helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel())
    return onnx.shape_inference.infer_shapes(
        helper.make_model(helper.make_graph([node], "one", [image], [maps], [held]))
    )


def main() -> None:
    inputs = files("zigzag") / "inputs"
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        energy, latency, _ = get_hardware_performance_zigzag(
            convolution(),
            str(inputs / "hardware" / "tpu_like.yaml"),
            str(inputs / "mapping" / "tpu_like.yaml"),
            dump_folder=folder,
            loma_show_progress_bar=False,
        )
        seconds = time.process_time() - started
    print(f"zigzag-dse {version('zigzag-dse')}: one layer in {seconds:.1f} CPU s ({energy:.3g} pJ, {latency:g} cycles)")


if __name__ == "__main__":
    main()
