"""The zoo: every network is whole, scales with the batch and says where it is from; bad requests are refused.

Totals and graphs are held in test_zoo_facts.py.
"""

from __future__ import annotations

import pytest

from dnnaccel import zoo
from dnnaccel.errors import NetworkError, UnknownNameError


@pytest.mark.parametrize("name", zoo.names())
def test_batch_scales_work_but_not_weights(name: str) -> None:
    one, three = zoo.load(name), zoo.load(name, batch=3)
    assert three.batch == 3
    assert three.total_macs == 3 * one.total_macs
    assert three.total_weights == one.total_weights
    assert three.total_parameters == one.total_parameters
    for small, large in zip(one, three, strict=True):
        assert large.ops == 3 * small.ops
        assert large.output_shape == (3, *small.output_shape[1:])


@pytest.mark.parametrize("name", zoo.names())
def test_every_layer_leads_to_the_one_output(name: str) -> None:
    net = zoo.load(name)
    assert list(net.outputs) == [net.layers[-1].name]


@pytest.mark.parametrize("name", zoo.names())
def test_metadata_says_where_it_is_from(name: str) -> None:
    metadata = zoo.load(name).metadata
    for key in ("title", "year", "source", "dataset"):
        assert metadata[key]
    assert bool({"top1", "top5"} & set(metadata)) == ("accuracy_source" in metadata)
    quoted = {"quoted_weights", "quoted_macs", "quoted_top5_error"} & set(metadata)
    assert bool(quoted) == ("quoted_source" in metadata)
    assert {"quoted_weights", "quoted_macs"} <= quoted or "quoted at" not in zoo.load(name).summary()


def test_layers_have_the_names_of_the_literature() -> None:
    alexnet, vgg16, resnet50 = zoo.load("alexnet"), zoo.load("vgg16"), zoo.load("resnet50")
    assert all(name in alexnet for name in ("conv1", "relu1", "norm1", "pool1", "conv5", "fc6", "fc8"))
    assert all(name in vgg16 for name in ("conv1_1", "conv3_2", "conv5_3", "pool5", "fc6", "fc8"))
    assert all(name in resnet50 for name in ("conv1", "conv2_1a", "bn3_1p", "add5_3", "fc"))


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown network 'alexnt'; did you mean 'alexnet'\?"):
        zoo.load("alexnt")


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, 2**31, "4"])
def test_a_batch_that_is_none_is_refused(batch: int) -> None:
    with pytest.raises(NetworkError, match=r"network 'lenet5': batch must be a whole number from 1"):
        zoo.load("lenet5", batch=batch)
