"""Handwritten digits of 8x8 pixels, which ship with scikit-learn: real images without any download."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from dse.datasets.dataset import Dataset, DatasetEntry, LoadOptions, Samples, fingerprint, stratified_split

TEST_SAMPLES = 360
SPLIT_SEED = 0  # the collection has no official test part; this one never changes


def load(options: LoadOptions) -> Dataset:
    """1797 images of shape (1, 8, 8) with codes 0 to 16: 1437 to train on and a fixed stratified test part of 360."""
    images, labels = load_digits(return_X_y=True)
    targets = torch.from_numpy(labels).to(torch.int64)
    everything = Samples(
        torch.from_numpy(images).to(torch.uint8).reshape(-1, 1, 8, 8).contiguous(), targets, full_scale=16.0
    )
    training, test = stratified_split(targets, TEST_SAMPLES, SPLIT_SEED)
    train = everything.subset(training)
    return Dataset(
        name="digits",
        input_shape=(1, 8, 8),
        classes=10,
        temporal=False,
        train=train,
        load_test=lambda: everything.subset(test),
        class_names=tuple(str(digit) for digit in range(10)),
        fingerprint=fingerprint("digits", train),
    )


DIGITS = DatasetEntry(
    name="digits",
    description="handwritten digits, 1437 + 360 images of 1x8x8, in scikit-learn",
    source="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (its test part)",
    licence="CC BY 4.0",
    input_shape=(1, 8, 8),
    classes=10,
    temporal=False,
    load=load,
)
