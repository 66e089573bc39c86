"""The zoo against torch: torch modules of the recorded graphs have the shapes that the zoo's layers have."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from fact_module import FactModule
from zoo_facts import FACTS, ZOO_TAGS, canonical, network_nodes, recorded_nodes

from dnnaccel import from_torch, zoo

# Quick ones of each family without response normalisation, which torch writes with operators of its own.
IMPORTED = (
    *("lenet_caffe", "vgg16", "inception_v2_bn", "inception_v3", "resnet34", "resnet50", "densenet121"),
    *("resnext50_32x4d", "squeezenet_v1_0", "squeezenet_v1_1", "xception", "mobilenet_v1"),
    *("shufflenet_v1_1x_g3", "dpn131", "nasnet_a_4_1056", "inception_resnet_v2", "wrn28_10_cifar"),
)


@pytest.mark.parametrize("tag", [tag for tag in FACTS if tag in ZOO_TAGS])
def test_every_node_has_torchs_output_shape(tag: str) -> None:
    name, options = ZOO_TAGS[tag]
    assert name in zoo.names()
    nodes = recorded_nodes(tag)
    module = FactModule(nodes)
    # The form in which graphs are compared holds every node's shape: here the one that torch computed.
    computed = [dataclasses.replace(node, out=out) for node, out in zip(nodes, module.shapes, strict=True)]
    net = zoo.load(name, **options)
    assert canonical(computed) == canonical(network_nodes(net))
    bare = sum(one.numel() for one in module.parameters())
    biases = sum(one.numel() for key, one in module.named_parameters() if key.endswith("bias"))
    # Each use of weights that PolyNet shares is a module of its own here.
    assert bare - biases == sum(layer.weights for layer in net)


@pytest.mark.parametrize("tag", IMPORTED)
def test_an_imported_module_is_the_zoos_network(tag: str) -> None:
    name, options = ZOO_TAGS[tag]
    module = FactModule(recorded_nodes(tag))
    net = from_torch(module, torch.empty(module.input_shape, device="meta"))
    own = zoo.load(name, **options)
    assert canonical(network_nodes(net)) == canonical(network_nodes(own))
    assert (net.total_macs, net.total_weights) == (own.total_macs, own.total_weights)
    assert "unknown_operators" not in net.metadata
    assert net.total_parameters == sum(one.numel() for one in module.parameters())
