"""Sequence networks and their layers: totals against closed formulas and published ones, and on chips."""

from __future__ import annotations

import math
from collections import Counter

import pytest

import dnnaccel as da
from dnnaccel import mapper, zoo
from dnnaccel.errors import LayerError, NetworkError
from dnnaccel.layers import ClassToken, Embedding, LayerNorm, Linear, MatMul, PositionEmbedding
from dnnaccel.network import Network

NAMES = (
    *("mlp", "rnn", "lstm", "gru", "gnmt", "transformer_base", "transformer_big"),
    *("bert_base", "gpt2_small", "gpt2_small_decode", "vit_b16"),
)
QUICK = {"exhaustive_limit": 200, "starts": 1, "proposals": 300}


def short(name: str, *, batch: int = 1) -> Network:
    """The network with a short input, for tests that run it."""
    if name == "mlp":
        return zoo.load(name, batch=batch)
    if name == "vit_b16":
        return zoo.load(name, batch=batch, image_size=32)
    return zoo.load(name, batch=batch, sequence_length=6)


# ------------------------------------------------------------------------------------------------------------
# Totals


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # Hugging Face's bert-base-uncased and gpt2, and torchvision's vit_b_16, as they count themselves.
        ("bert_base", 109_482_240),
        ("gpt2_small", 124_439_808),
        ("gpt2_small_decode", 124_439_808),
        ("vit_b16", 86_567_656),
        ("mlp", 784 * 500 + 500 + 500 * 250 + 250 + 250 * 10 + 10),
    ],
)
def test_parameters_are_the_published_ones(name: str, parameters: int) -> None:
    assert zoo.load(name).total_parameters == parameters


@pytest.mark.parametrize(
    "name", ["transformer_base", "transformer_big", "gpt2_small", "bert_base", "vit_b16"]
)
def test_parameters_are_about_the_quoted_ones(name: str) -> None:
    network = zoo.load(name)
    quoted = network.metadata["quoted_weights"]
    assert isinstance(quoted, int)
    # Papers round, and leave open which biases they have.
    assert abs(network.total_parameters / quoted - 1) < 0.03


def encoder_macs(width: int, length: int) -> int:
    """MACs of one encoder layer: four projections, a feed-forward network of 4 x width, two products."""
    return 12 * width**2 * length + 2 * length**2 * width


def decoder_macs(width: int, length: int, memory: int) -> int:
    """MACs of one decoder layer: an encoder layer, and attention to `memory` vectors of the encoder."""
    cross = 2 * width**2 * length + 2 * width**2 * memory + 2 * length * memory * width
    return encoder_macs(width, length) + cross


@pytest.mark.parametrize("length", [1, 7, 64])
@pytest.mark.parametrize(("name", "width"), [("transformer_base", 512), ("transformer_big", 1024)])
def test_transformer_macs(name: str, width: int, length: int) -> None:
    network = zoo.load(name, sequence_length=length)
    layers = 6 * encoder_macs(width, length) + 6 * decoder_macs(width, length, length)
    assert network.total_macs == layers + 37_000 * width * length
    encoder, decoder, table = 12 * width**2, 16 * width**2, 37_000 * width
    assert network.total_weights == 6 * encoder + 6 * decoder + table
    # Biases: 4 or 8 of attention, 4 + 1 of the feed-forward network; scales and shifts of 2 or 3 norms.
    assert network.total_parameters - network.total_weights == 6 * width * (4 + 5 + 4) + 6 * width * (
        8 + 5 + 6
    )


def test_transformer_with_another_target_length() -> None:
    network = zoo.transformer.transformer_base(sequence_length=5, target_length=9)
    layers = 6 * encoder_macs(512, 5) + 6 * decoder_macs(512, 9, 5)
    assert network.total_macs == layers + 37_000 * 512 * 9
    assert network["prob"].output_shape == (1, 9, 37_000)


@pytest.mark.parametrize("length", [1, 128, 512])
def test_bert_macs(length: int) -> None:
    network = zoo.load("bert_base", sequence_length=length)
    assert network.total_macs == 12 * encoder_macs(768, length) + 768**2
    assert network.total_weights == 12 * 12 * 768**2 + 768**2


@pytest.mark.parametrize("length", [1, 100, 1024])
def test_gpt2_macs(length: int) -> None:
    network = zoo.load("gpt2_small", sequence_length=length)
    assert network.total_macs == 12 * encoder_macs(768, length) + 50_257 * 768 * length
    assert network.total_weights == 12 * 12 * 768**2 + 50_257 * 768


@pytest.mark.parametrize("context", [1, 100, 1023])
def test_gpt2_decode_macs(context: int) -> None:
    network = zoo.load("gpt2_small_decode", sequence_length=context)
    attention = 2 * (context + 1) * 768
    assert network.total_macs == 12 * (12 * 768**2 + attention) + 50_257 * 768
    caches = sum(math.prod(shape) for name, shape in network.inputs.items() if "past" in name)
    assert caches == 12 * 2 * context * 768


def test_decoding_token_by_token_is_the_prompt_without_what_the_mask_hides() -> None:
    """Every token attends to itself and those before it: half of what the prompt's full products count."""
    length = 5
    whole = zoo.load("gpt2_small", sequence_length=length)
    first = zoo.load("gpt2_small", sequence_length=1).total_macs
    later = sum(zoo.load("gpt2_small_decode", sequence_length=n).total_macs for n in range(1, length))
    masked = length * (length - 1) // 2
    assert whole.total_macs - (first + later) == 12 * 2 * masked * 768


@pytest.mark.parametrize("size", [32, 224])
def test_vit_macs(size: int) -> None:
    patches = (size // 16) ** 2
    network = zoo.load("vit_b16", image_size=size)
    patch_macs = patches * 768 * 3 * 16 * 16
    assert network.total_macs == patch_macs + 12 * encoder_macs(768, patches + 1) + 768 * 1000


@pytest.mark.parametrize(("name", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_language_model_totals(name: str, gates: int) -> None:
    network = zoo.load(name, batch=3, sequence_length=11)
    cell, out = gates * 200 * 400, 200 * 10_000
    assert network.total_weights == cell + out
    assert network.total_macs == 3 * 11 * (cell + out)
    assert network.total_parameters == 10_000 * 200 + cell + gates * 200 + out + 10_000


@pytest.mark.parametrize(("layers", "units"), [(8, 1024), (4, 64), (2, 8)])
def test_gnmt_totals(layers: int, units: int) -> None:
    source, target, words = 5, 7, 1000
    network = zoo.recurrent.gnmt(
        sequence_length=source, target_length=target, layers=layers, units=units, vocabulary=words
    )
    # In units**2 and per step: an LSTM reading k vectors of `units` has 4 gates x (k + 1).
    encoder = 2 * 8 + 12 + 8 * (layers - 2)
    decoder = 8 + 12 * (layers - 1)
    assert network.total_weights == units**2 * (encoder + decoder + 2) + words * units
    attention = units**2 * (source + target) + 2 * source * target * units
    recurrent = units**2 * (encoder * source + decoder * target)
    assert network.total_macs == recurrent + attention + words * units * target
    assert Counter(layer.kind for layer in network)["lstm"] == 2 * layers + 1
    assert Counter(layer.kind for layer in network)["add"] == 2 * (layers - 2)
    assert [layer.name for layer in network if getattr(layer, "reverse", False)] == ["enc1_backward"]


@pytest.mark.parametrize("name", NAMES)
def test_batch_scales_work_but_not_parameters(name: str) -> None:
    one, three = short(name), short(name, batch=3)
    assert three.batch == 3
    assert three.total_macs == 3 * one.total_macs
    assert (three.total_weights, three.total_parameters) == (one.total_weights, one.total_parameters)
    for small, large in zip(one, three, strict=True):
        assert large.ops == 3 * small.ops
        assert large.output_shape == (3, *small.output_shape[1:])
    assert list(one.outputs) == [one.layers[-1].name]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bert_base", {"sequence_length": 513}, "has 512 positions, which 513 from position 0 on exceed"),
        ("gpt2_small", {"sequence_length": 1025}, "has 1024 positions, which 1025 from position 0 on exceed"),
        ("gpt2_small_decode", {"sequence_length": 1024}, "which 1 from position 1024 on exceed"),
    ],
)
def test_a_sequence_that_is_too_long_is_refused(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(LayerError, match=f"position_embedding 'positions': .*{message}"):
        zoo.load(name, **options)  # type: ignore[arg-type]


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(NetworkError, match="image_size must be a multiple of its patches' 16, given 100"):
        zoo.load("vit_b16", image_size=100)
    with pytest.raises(NetworkError, match="network 'mlp' has no option sequence_length"):
        zoo.load("mlp", sequence_length=4)
    with pytest.raises(NetworkError, match="network 'gnmt': layers must be a whole number from 2"):
        zoo.recurrent.gnmt(layers=1)


# ------------------------------------------------------------------------------------------------------------
# Layers


def test_layer_norm_counts_what_it_computes() -> None:
    layer = LayerNorm(name="norm", input_shapes=((2, 3, 5),))
    # mean: 4 + 1; deviations: 5; variance: 5 + 4 + 1; epsilon and 1/sqrt: 2; normal, scale and shift: 15.
    assert layer.ops == 2 * 3 * (5 + 5 + 10 + 2 + 15)
    assert (layer.parameters, layer.weights, layer.macs) == (10, 0, 0)
    assert layer.output_shape == (2, 3, 5)


def test_embedding_reads_the_rows_that_tokens_name() -> None:
    layer = Embedding(name="table", input_shapes=((2, 7),), entries=1000, features=16)
    assert layer.output_shape == (2, 7, 16)
    assert (layer.parameters, layer.weights, layer.macs, layer.ops) == (16_000, 0, 0, 0)
    report = da.simulate(layer, "eyeriss")["table"]
    counts = {(count.level, count.tensor): (count.reads, count.writes) for count in report.levels}
    assert counts["dram", "inputs"] == (14, 0)
    assert counts["dram", "weights"] == (14 * 16, 0)
    assert counts["dram", "outputs"] == (0, 14 * 16)


@pytest.mark.parametrize("learned", [True, False])
def test_position_embedding_reads_its_rows_once_for_the_batch(learned: bool) -> None:
    layer = PositionEmbedding(name="pos", input_shapes=((3, 7, 16),), entries=50, first=40, learned=learned)
    assert layer.parameters == (50 * 16 if learned else 0)
    assert layer.ops == 3 * 7 * 16
    report = da.simulate(layer, "eyeriss")["pos"]
    assert report.traffic("dram", "weights") == 7 * 16
    assert report.traffic("dram") == 7 * 16 + 2 * 3 * 7 * 16


def test_class_token_is_one_vector_written_in_place() -> None:
    layer = ClassToken(name="token", input_shapes=((3, 7, 16),))
    assert (layer.output_shape, layer.parameters, layer.ops) == ((3, 8, 16), 16, 0)
    assert da.simulate(layer, "eyeriss")["token"].traffic("dram") == 0
    apart = da.simulate(layer, "eyeriss", fuse=False)["token"]
    assert apart.traffic("dram") == 3 * 7 * 16 + 16 + 3 * 8 * 16


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Embedding(name="a", input_shapes=((1, 2, 3),), entries=4, features=5),
        lambda: PositionEmbedding(name="a", input_shapes=((1, 2),), entries=4),
        lambda: PositionEmbedding(name="a", entries=4, learned="yes"),  # type: ignore[arg-type]
        lambda: ClassToken(name="a", input_shapes=((1, 2),)),
    ],
)
def test_shapes_and_values_that_make_no_sense_are_refused(layer: object) -> None:
    assert callable(layer)
    with pytest.raises(LayerError, match=r"'a': (takes (tokens|a sequence) \(N, L|learned must be True)"):
        layer()


def tied(*, bias: bool, features: int = 6) -> Network:
    b = da.NetworkBuilder("tied", input_shape=(1, 4), input_name="tokens")
    b.embedding("table", entries=9, features=6)
    b.linear("mix", out_features=features)
    b.append(Linear(name="head", out_features=9, bias=bias, weights_from="table"))
    return b.build()


def test_an_output_layer_may_use_the_embeddings_table() -> None:
    network = tied(bias=False)
    assert network["head"].weights == 54
    # The table is one set of parameters; as the head's matrix it is a weight too.
    assert network.total_parameters == 54 + 36 + 6
    assert network.total_weights == 54 + 36
    for options in ({"bias": True}, {"bias": False, "features": 5}):
        with pytest.raises(NetworkError, match="'head' cannot use the weights of 'table'"):
            tied(**options)  # type: ignore[arg-type]


def test_weights_shared_in_a_chain_count_once() -> None:
    b = da.NetworkBuilder("chain", input_shape=(1, 6))
    b.linear("one", out_features=6)
    b.append(Linear(name="two", out_features=6, weights_from="one"))
    b.append(Linear(name="three", out_features=6, weights_from="two"))
    assert (b.build().total_weights, b.build().total_parameters) == (36, 42)


# ------------------------------------------------------------------------------------------------------------
# On chips


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v1"])
def test_runs_on_chips(name: str, chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    network = short(name)
    report = da.simulate(network, chip)
    assert report.macs == network.total_macs
    assert report.energy > 0
    for layer in network:
        if layer.macs:
            # Every weight is read at least once, and every output written.
            assert report[layer.name].traffic("dram", "weights") >= layer.weights
            assert report[layer.name].traffic("dram", "outputs") >= math.prod(layer.output_shape)


def test_decoding_reads_the_whole_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    context = 40
    network = zoo.load("gpt2_small_decode", sequence_length=context)
    report = da.simulate(network, "tpu_v1")
    products = [layer for layer in network if isinstance(layer, MatMul)]
    assert len(products) == 24
    for layer in products:
        # One query reads every key and value once: no reuse to be had.
        assert report[layer.name].traffic("dram", "weights") == (context + 1) * 768
    for layer in network:
        if layer.kind == "concat":
            assert report[layer.name].traffic("dram") == 0
            assert report[layer.name].note == "no words move: written in place"
