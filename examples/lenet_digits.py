"""Train LeNet-5 on digits of its own making, and run it on the native kernels in float32 and int8.

    python examples/lenet_digits.py
    python examples/lenet_digits.py --data digits --weights lenet5.npz

The data set is small and made here: the ten digits as strokes, each shifted, turned, slanted, scaled, drawn
thicker or thinner and spotted at random, in MNIST's file format. Training is plain NumPy. Then the files are
read back as MNIST's would be, and the network runs in float32 and in 8-bit integers:

    dnnaccel run lenet5 --weights lenet5.npz --dataset mnist --data digits
"""

from __future__ import annotations

import argparse
import itertools
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

import dnnaccel as da
from dnnaccel.runtime import accuracy, load_samples

Floats = NDArray[np.float32]

SIDE = 28
# Each digit as lines through points (across, down), in a box one unit wide and high; O is a ring.
STROKES: dict[int, list[list[tuple[float, float]]]] = {
    0: [
        [
            (0.5, 0),
            (0.85, 0.2),
            (0.9, 0.5),
            (0.85, 0.8),
            (0.5, 1),
            (0.15, 0.8),
            (0.1, 0.5),
            (0.15, 0.2),
            (0.5, 0),
        ]
    ],
    1: [[(0.3, 0.2), (0.55, 0), (0.55, 1)]],
    2: [[(0.1, 0.25), (0.3, 0), (0.7, 0), (0.9, 0.25), (0.8, 0.5), (0.1, 1), (0.9, 1)]],
    3: [
        [
            (0.15, 0.1),
            (0.5, 0),
            (0.85, 0.2),
            (0.75, 0.42),
            (0.45, 0.5),
            (0.8, 0.6),
            (0.88, 0.8),
            (0.5, 1),
            (0.1, 0.88),
        ]
    ],
    4: [[(0.7, 1), (0.7, 0), (0.1, 0.65), (0.95, 0.65)]],
    5: [[(0.85, 0), (0.2, 0), (0.15, 0.45), (0.6, 0.4), (0.88, 0.65), (0.75, 0.93), (0.4, 1), (0.1, 0.88)]],
    6: [[(0.75, 0), (0.3, 0.3), (0.12, 0.7), (0.35, 1), (0.75, 0.95), (0.88, 0.7), (0.65, 0.5), (0.2, 0.6)]],
    7: [[(0.1, 0), (0.9, 0), (0.45, 1)]],
    8: [
        [(0.5, 0), (0.82, 0.12), (0.8, 0.35), (0.5, 0.48), (0.2, 0.35), (0.18, 0.12), (0.5, 0)],
        [(0.5, 0.48), (0.88, 0.65), (0.82, 0.92), (0.5, 1), (0.18, 0.92), (0.12, 0.65), (0.5, 0.48)],
    ],
    9: [
        [(0.82, 0.35), (0.4, 0.5), (0.12, 0.3), (0.3, 0.04), (0.7, 0.02), (0.85, 0.25), (0.8, 0.6), (0.5, 1)]
    ],
}


def draw(digit: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return one image of a digit: its lines, moved about, as grey values by their distance."""
    angle, slant = rng.normal(0, 0.15), rng.normal(0, 0.2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = np.array([[1, slant], [0, 1]]) @ np.diag(rng.uniform((9, 15), (16, 21)))
    centre = np.array([SIDE / 2, SIDE / 2]) + rng.uniform(-2.5, 2.5, 2)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5
    nearest = np.full(len(pixels), np.inf)
    for stroke in STROKES[digit]:
        points = np.array(stroke) - 0.5
        points = (points + rng.normal(0, 0.03, points.shape)) @ (turn @ shape).T + centre
        for start, end in itertools.pairwise(points):
            along = end - start
            where = np.clip((pixels - start) @ along / max(float(along @ along), 1e-9), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(start + where[:, None] * along - pixels, axis=1))
    ink = np.clip(rng.uniform(1.2, 2.4) - nearest, 0, 1) * rng.uniform(0.7, 1)
    spots = rng.normal(0, 0.06, len(pixels)) + (rng.random(len(pixels)) < 0.01) * 0.5
    return (np.clip(ink + spots, 0, 1) * 255).astype(np.uint8).reshape(SIDE, SIDE)


def make_digits(folder: Path, train: int, test: int, seed: int = 0) -> None:
    """Write a training and a test set in MNIST's files: a header of sizes, then bytes."""
    rng = np.random.default_rng(seed)
    for prefix, count in (("train", train), ("t10k", test)):
        labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
        images = np.stack([draw(int(label), rng) for label in labels])
        header = struct.pack(">4B3I", 0, 0, 8, 3, count, SIDE, SIDE)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">4B1I", 0, 0, 8, 1, count)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


class Trainer:
    """LeNet-5 in NumPy, with the gradient of each of its layers, and stochastic descent with momentum."""

    def __init__(self, net: da.Network, seed: int = 0) -> None:
        """Start from random weights."""
        self.net = net
        self.weights = dict(da.runtime.random_weights(net, seed))
        self.speed = {name: np.zeros_like(array) for name, array in self.weights.items()}

    def step(self, x: Floats, labels: NDArray[Any], rate: float) -> float:
        """Go one step down the gradient for these images, and return their mean loss."""
        values, seen = self.forward(x)
        scores = values - values.max(axis=1, keepdims=True)
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        picked = shares[np.arange(len(x)), labels]
        gradient = shares
        gradient[np.arange(len(x)), labels] -= 1
        self.backward(gradient / np.float32(len(x)), seen, rate)
        return float(-np.log(np.maximum(picked, 1e-30)).mean())

    def forward(self, x: Floats) -> tuple[Floats, list[Any]]:
        """Return the scores, and what each layer needs to remember."""
        seen: list[Any] = []
        for layer in self.net:
            kept: Any = None
            if isinstance(layer, da.layers.Conv2d):
                weight, (rows, columns) = self.weights[f"{layer.name}.weight"], layer.padding
                padded = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
                windows = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
                # One matrix product: a row for each window.
                kept = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, weight[0].size), padded.shape
                x = (
                    kept[0] @ weight.reshape(len(weight), -1).T + self.weights[f"{layer.name}.bias"]
                ).reshape(len(x), *layer.output_shape[2:], len(weight))
                x = x.transpose(0, 3, 1, 2)
            elif isinstance(layer, da.layers.Linear):
                kept = x
                x = x @ self.weights[f"{layer.name}.weight"].T + self.weights[f"{layer.name}.bias"]
            elif layer.kind == "tanh":
                kept = x = np.tanh(x)
            elif layer.kind == "avg_pool":
                x = x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2).mean(axis=(3, 5))
            else:
                kept, x = x.shape, x.reshape(len(x), -1)
            seen.append(kept)
        return x, seen

    def backward(self, gradient: Floats, seen: list[Any], rate: float) -> None:
        """Take the gradient of the scores back through the layers, and change their weights by it."""
        for layer, kept in zip(reversed(self.net.layers), reversed(seen), strict=True):
            if isinstance(layer, da.layers.Conv2d):
                windows, padded = kept
                weight = self.weights[f"{layer.name}.weight"]
                flat = gradient.transpose(0, 2, 3, 1).reshape(-1, len(weight))
                gradient = self.unfold(flat @ weight.reshape(len(weight), -1), layer, padded)
                self.change(layer.name, (flat.T @ windows).reshape(weight.shape), flat.sum(axis=0), rate)
            elif isinstance(layer, da.layers.Linear):
                before = gradient @ self.weights[f"{layer.name}.weight"]
                self.change(layer.name, gradient.T @ kept, gradient.sum(axis=0), rate)
                gradient = before
            elif layer.kind == "tanh":
                gradient = gradient * (1 - kept**2)
            elif layer.kind == "avg_pool":
                gradient = gradient.repeat(2, axis=2).repeat(2, axis=3) / np.float32(4)
            else:
                gradient = gradient.reshape(kept)

    def unfold(self, rows: Floats, layer: Any, padded: tuple[int, ...]) -> Floats:
        """Return the gradient of an image from that of its windows: each tap adds where it was read."""
        (high, wide), (top, left) = layer.kernel, layer.padding
        _, _, p, q = layer.output_shape
        taps = rows.reshape(padded[0], p, q, padded[1], high, wide).transpose(4, 5, 0, 3, 1, 2)
        image = np.zeros(padded, np.float32)
        for row in range(high):
            for column in range(wide):
                image[:, :, row : row + p, column : column + q] += taps[row, column]
        return image[:, :, top : padded[2] - top, left : padded[3] - left]

    def change(self, layer: str, weight: Floats, bias: Floats, rate: float) -> None:
        for name, gradient in ((f"{layer}.weight", weight), (f"{layer}.bias", bias)):
            self.speed[name] = np.float32(0.9) * self.speed[name] - np.float32(rate) * gradient
            self.weights[name] += self.speed[name]


def train(trainer: Trainer, folder: Path, epochs: int, rate: float = 0.02, batch: int = 32) -> None:
    """Go through the training images `epochs` times, ever more slowly, each time in another order."""
    images = load_samples("mnist", folder, trainer.net, split="train")
    x, labels = (np.concatenate(parts) for parts in zip(*images.batches(1000), strict=True))
    rng = np.random.default_rng(0)
    for epoch in range(epochs):
        began = time.perf_counter()
        parts = np.array_split(rng.permutation(len(x)), max(1, len(x) // batch))
        losses = [trainer.step(x[part], labels[part], rate * 0.7**epoch) for part in parts]
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, {time.perf_counter() - began:.1f} s")


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Make the digits, train, run; returns the accuracies in %."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="where the data set is written; by default not kept")
    parser.add_argument("--weights", type=Path, help="where the weights are written (.npz); as --data")
    parser.add_argument("--train", type=int, default=6000, help="training images")
    parser.add_argument("--test", type=int, default=2000, help="test images")
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        file = given.weights or Path(scratch) / "lenet5.npz"
        make_digits(folder, given.train, given.test)
        print(f"drew {given.train:,} digits to learn from and {given.test:,} to be tested on")
        trainer = Trainer(da.zoo.load("lenet5"))
        train(trainer, folder, given.epochs)
        da.runtime.save_weights(file, trainer.weights)
        return run(folder, file)


def run(folder: Path, file: Path, batch: int = 50) -> dict[str, float]:
    """Run the trained network on the test images in float32 and int8, and print how often it is right."""
    net = da.zoo.load("lenet5")
    test = load_samples("mnist", folder, net)
    seen = load_samples("mnist", folder, net, split="train").for_calibration(batch)
    found = {}
    for dtype in ("float32", "int8"):
        calibration = seen if dtype == "int8" else ()
        model = da.runtime.compile(net, file, dtype=dtype, batch=batch, calibration=calibration)
        result = accuracy(model, test)
        found[dtype] = result.top1
        print(
            f"{dtype:8} {result.top1:.2f} % of {result.samples:,} test images, {model.memory.weights:,} bytes"
        )
    return found


if __name__ == "__main__":
    main()
