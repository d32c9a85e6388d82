import copy

import torch

from benchmarks.spquant_channels import keep_channels
from cost_models import Configuration, LayerBudget
from dse.compression import compress, settle
from dse.networks import build_network
from dse.pruning import SpatialChannelPruning
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.trace import trace

KEPT = {"conv1": 7, "conv2": 12, "fc1": 56}
SHAPE = (2, 14, 14)


def test_a_network_without_its_channels_gives_what_the_masked_one_gives() -> None:
    torch.manual_seed(0)
    network = build_network("spiking_cnn", SHAPE, 10, time_steps=3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1.5, 0.5)
            torch.nn.init.normal_(module.bias, 0.5, 0.5)
    sequence = (torch.rand(3, 20, *SHAPE) < 0.3).float()
    network.train()
    network(sequence)
    network.eval()
    workload = trace(network, SHAPE, temporal=True)
    smaller = copy.deepcopy(network)
    keep_channels(smaller, workload, KEPT)

    lost = {layer.name: 1 - KEPT.get(layer.name, layer.channels) / layer.channels for layer in workload.compressible}
    budgets = (
        LayerBudget(layer.name, lost[layer.name], 32, 32 if layer.neurons else None, "channel")
        for layer in workload.compressible
    )
    masks = SpatialChannelPruning()
    configuration = Configuration(tuple(budgets), 3)
    compress(network, workload, configuration, masks, WEIGHT_QUANTIZERS["uniform"]())
    settle(network, workload, configuration, masks)

    assert {layer.name: layer.channels for layer in trace(smaller, SHAPE, temporal=True).compressible} == {
        **KEPT,
        "fc2": 10,
    }
    with torch.no_grad():
        expected = network(sequence)
        assert expected.std() > 0.01
        torch.testing.assert_close(smaller(sequence), expected)
