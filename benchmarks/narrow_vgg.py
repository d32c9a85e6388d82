"""A quarter of the VGG-like network's width: what two cores can train on CIFAR-10 in the time of a coffee."""

from __future__ import annotations

from functools import partial

from dse.networks.vgg import vgg_like

#: 937,392 weights, 20 million MACs.
narrow_vgg = partial(vgg_like, width=0.25)
