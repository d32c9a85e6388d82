"""Seconds that ZigZag takes for ResNet-18 (the ONNX file that it brings along) on one of its own accelerators.

Run in an environment of its own (``pip install zigzag-dse``): ``python benchmarks/zigzag_peer.py``; the answer goes to
``python benchmarks/cost_model.py --zigzag-seconds S``. One run prices one configuration of one network: dense, without
the bit widths of single layers.
"""

from __future__ import annotations

import logging
import tempfile
import time
from importlib.metadata import version
from importlib.resources import files


def main() -> None:
    from zigzag.api import get_hardware_performance_zigzag

    inputs = files("zigzag") / "inputs"
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        energy, latency, _ = get_hardware_performance_zigzag(
            str(inputs / "workload" / "resnet18.onnx"),
            str(inputs / "hardware" / "tpu_like.yaml"),
            str(inputs / "mapping" / "tpu_like.yaml"),
            dump_folder=folder,
            loma_show_progress_bar=False,
        )
        seconds = time.perf_counter() - started
    print(f"zigzag-dse {version('zigzag-dse')}: ResNet-18 in {seconds:.1f} s ({energy:.3g} pJ, {latency:.3g} cycles)")


if __name__ == "__main__":
    main()
