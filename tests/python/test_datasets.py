"""Datasets: facts, readers of files that the tests write, and files that lie."""

from __future__ import annotations

import gzip
import json
import os
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnnaccel import datasets
from dnnaccel.cli import run
from dnnaccel.errors import DatasetError, MissingExtraError, UnknownNameError

IN_FOLDER = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def idx(shape: tuple[int, ...], content: bytes, *, kind: int = 8) -> bytes:
    return struct.pack(">HBB", 0, kind, len(shape)) + struct.pack(f">{len(shape)}I", *shape) + content


def mnist_files(count: int) -> tuple[bytes, bytes]:
    pixels = bytes(index % 251 for index in range(count * 784))
    return idx((count, 28, 28), pixels), idx((count,), bytes(index % 10 for index in range(count)))


def write_mnist(folder: Path, count: int = 3, *, split: str = "train", packed: bool = False) -> None:
    prefix = {"train": "train", "test": "t10k"}[split]
    for what, rank, content in zip(("images", "labels"), (3, 1), mnist_files(count), strict=True):
        path = folder / f"{prefix}-{what}-idx{rank}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)


def test_facts_are_listed_and_found() -> None:
    assert datasets.names() == [row.name for row in datasets.table()]
    assert len(datasets.names()) == 7
    assert datasets.info("imagenet").train == 1_281_167
    for row in datasets.table():
        assert row.source
        assert row.best_source
        assert row.classes >= 10
    with pytest.raises(UnknownNameError, match=r"unknown dataset 'minst'; did you mean 'mnist'\?"):
        datasets.info("minst")


def test_youtube8m_and_audioset_parts_sum_to_what_is_published() -> None:
    video, sound = datasets.info("youtube8m"), datasets.info("audioset")
    assert sum(part or 0 for part in (video.train, video.validation, video.test)) == 8_264_650
    assert sum(part or 0 for part in (sound.train, sound.validation, sound.test)) == 2_084_320


def test_command_lists_datasets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["datasets"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 120
    assert "1,281,167" in text
    assert run(["datasets", "--format", "json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == datasets.names()
    for name in ("csv", "md"):
        assert run(["datasets", "--format", name]) == 0
        assert capsys.readouterr().out.count("\n") == len(datasets.names()) + (2 if name == "md" else 1)
    assert "<td>mnist</td>" in datasets.table()._repr_html_()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("split", ["train", "test"])
def test_mnist_is_read_plain_and_packed(tmp_path: Path, split: str, packed: bool) -> None:
    write_mnist(tmp_path, 5, split=split, packed=packed)
    images, labels = datasets.load_mnist(tmp_path, split)
    assert images.shape == (5, 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    assert images.tobytes() == mnist_files(5)[0][16:]
    assert labels.tolist() == [0, 1, 2, 3, 4]


def test_mnist_takes_two_paths(tmp_path: Path) -> None:
    for name, content in zip(("a", "b"), mnist_files(2), strict=True):
        (tmp_path / name).write_bytes(content)
    images, labels = datasets.load_mnist((tmp_path / "a", tmp_path / "b"))
    assert (len(images), labels.tolist()) == (2, [0, 1])
    with pytest.raises(DatasetError, match="begins with 00 00 08 01, not with 00 00 08 03"):
        datasets.load_mnist((tmp_path / "b", tmp_path / "a"))
    with pytest.raises(DatasetError, match="give a folder, or the two paths"):
        datasets.load_mnist((tmp_path / "a",))  # type: ignore[arg-type]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (mnist_files(3)[0][:-1], None, r"ends after 2,367 bytes; its header says 2,368"),
        (mnist_files(3)[0] + b"x", None, r"longer than the 2,368 bytes that it should have"),
        (mnist_files(3)[0][:9], None, r"ends within its header of 16 bytes"),
        (b"", None, r"ends within its header"),
        (idx((3, 28, 28), b"", kind=13), None, r"begins with 00 00 0d 03, not with 00 00 08 03"),
        (idx((3, 32, 32), bytes(3072)), None, r"its header says images of 32x32, not of 28x28"),
        (idx((2**32 - 1, 28, 28), b""), None, r"says 4,294,967,295 samples; at most 1,000,000 are read"),
        (idx((1_000_000, 28, 28), b"x"), None, r"ends after 17 bytes; its header says 784,000,016"),
        (None, idx((2,), b"\0\1"), r"2 labels for the 3 images"),
        (None, idx((3,), b"\0\x0a\1"), r"label 10 of sample 1 is none of 0 to 9"),
    ],
)
def test_mnist_files_that_lie_are_refused(
    tmp_path: Path, images: bytes | None, labels: bytes | None, message: str, packed: bool
) -> None:
    good = mnist_files(3)
    for name, content in (("i", images), ("l", labels)):
        whole = good["il".index(name)] if content is None else content
        (tmp_path / name).write_bytes(gzip.compress(whole) if packed else whole)
    with pytest.raises(DatasetError, match=message):
        datasets.load_mnist((tmp_path / "i", tmp_path / "l"))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no file train-images-idx3-ubyte or train-images-idx3-ubyte.gz"):
        datasets.load_mnist(tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        datasets.load_mnist(tmp_path / "none")
    with pytest.raises(UnknownNameError, match="unknown split 'tests'; did you mean 'test'"):
        datasets.load_mnist(tmp_path, "tests")
    with pytest.raises(DatasetError, match=r"data_batch_1.bin: No such file"):
        datasets.load_cifar10(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(b"pickle")
    with pytest.raises(DatasetError, match="the pickled version, get the binary one"):
        datasets.load_cifar10(tmp_path)
    os.mkfifo(tmp_path / "test_batch.bin")
    with pytest.raises(DatasetError, match="not a regular file"):
        datasets.load_cifar10(tmp_path, "test")


def test_a_packed_bomb_is_unpacked_no_further_than_its_header_says(tmp_path: Path) -> None:
    bomb = gzip.compress(idx((1, 28, 28), bytes(200_000_000)))
    (tmp_path / "i").write_bytes(bomb)
    (tmp_path / "l").write_bytes(mnist_files(1)[1])
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="longer than the 800 bytes"):
            datasets.load_mnist((tmp_path / "i", tmp_path / "l"))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@IN_FOLDER
@given(data=st.data(), packed=st.booleans())
def test_damaged_mnist_files_are_read_or_refused(tmp_path: Path, data: st.DataObject, packed: bool) -> None:
    """Whatever is cut off, added or changed: the file's own shape comes out, or one error of one line."""
    whole = mnist_files(2)[0]
    content = bytearray(gzip.compress(whole, mtime=0) if packed else whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, min(len(content) - 1, 40)))
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([len(content), len(content) - 1, 20, 5]))]
    (tmp_path / "i").write_bytes(bytes(content))
    (tmp_path / "l").write_bytes(mnist_files(2)[1])
    refusal = ""
    try:
        images, labels = datasets.load_mnist((tmp_path / "i", tmp_path / "l"))
    except DatasetError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith(str(tmp_path))
        assert "\n" not in refusal
    else:
        assert images.shape == (2, 28, 28)
        assert labels.tolist() == [0, 1]


def record(label: int, value: int) -> bytes:
    return bytes([label]) + bytes([value]) * 1024 + bytes([value + 1]) * 1024 + bytes([value + 2]) * 1024


@pytest.mark.parametrize("nested", [False, True])
def test_cifar10_is_read_batch_after_batch(tmp_path: Path, nested: bool) -> None:
    folder = tmp_path / "cifar-10-batches-bin" if nested else tmp_path
    folder.mkdir(exist_ok=True)
    for number in range(1, 6):
        (folder / f"data_batch_{number}.bin").write_bytes(record(number, 10 * number) + record(0, 3))
    (folder / "test_batch.bin").write_bytes(record(9, 7))
    images, labels = datasets.load_cifar10(tmp_path)
    assert images.shape == (10, 3, 32, 32)
    assert labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    assert images[2, :, 31, 31].tolist() == [20, 21, 22]
    images, labels = datasets.load_cifar10(tmp_path, "test")
    assert (images.shape, labels.tolist()) == ((1, 3, 32, 32), [9])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes are no whole number of records of 3073 bytes"),
        (record(1, 1)[:-1], "3,072 bytes are no whole number"),
        (record(1, 1) + record(10, 1), "label 10 of record 1 is none of 0 to 9"),
        (record(1, 1) * 10_001, "longer than the 30,730,000 bytes"),
    ],
)
def test_cifar10_files_that_lie_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "test_batch.bin").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        datasets.load_cifar10(tmp_path, "test")


def image_folder(root: Path, sizes: dict[str, tuple[int, int]]) -> None:
    """Write one picture of a slope in each colour per name, CLASS/FILE."""
    image = pytest.importorskip("PIL.Image")
    for name, (width, height) in sizes.items():
        rows, columns = np.mgrid[0:height, 0:width]
        pixels = np.stack([rows * 7 % 256, columns * 5 % 256, (rows + columns) % 256], axis=2)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels.astype(np.uint8)).save(root / name)


def test_images_come_in_the_order_of_their_classes(tmp_path: Path) -> None:
    image_folder(tmp_path, {"dog/b.png": (30, 40), "cat/z.JPEG": (50, 20), "dog/a.bmp": (20, 20)})
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "dog" / ".hidden.png").write_text("no image")
    (tmp_path / "stray.png").write_text("not in a class")
    images = datasets.ImageFolder(tmp_path, size=8, resize=10)
    assert images.classes == ("cat", "dog")
    assert [(path.name, label) for path, label in images.samples] == [
        ("z.JPEG", 0),
        ("a.bmp", 1),
        ("b.png", 1),
    ]
    batches = list(images.batches(2))
    assert [(x.shape, str(x.dtype), y.tolist()) for x, y in batches] == [
        ((2, 3, 8, 8), "float32", [0, 1]),
        ((1, 3, 8, 8), "float32", [1]),
    ]
    np.testing.assert_array_equal(batches[1][0][0], images[2][0])
    assert [label for _, label in images] == [0, 1, 1]
    assert repr(images).endswith(": 3 images, 2 classes>")


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (33, 33), (7, 91), (500, 260)])
def test_one_step_gives_what_resizing_then_cropping_gives(tmp_path: Path, shape: tuple[int, int]) -> None:
    image_folder(tmp_path, {"a/x.png": shape})
    module = pytest.importorskip("PIL.Image")
    images = datasets.ImageFolder(tmp_path, size=16, resize=20, mean=(0, 0, 0), std=(1, 1, 1))
    with module.open(tmp_path / "a" / "x.png") as picture:
        scale = 20 / min(shape)
        sides = tuple(max(20, int(side * scale)) for side in shape)
        left, top = (round((side - 16) / 2) for side in sides)
        resized = picture.resize(sides, module.Resampling.BILINEAR)
        expected = np.asarray(resized.crop((left, top, left + 16, top + 16)), dtype=np.int64)
    found = np.rint(images[0][0].transpose(1, 2, 0) * 255).astype(np.int64)
    # Coordinates are rounded otherwise on the two ways, which may turn the last bit of a value.
    assert np.abs(found - expected).max() <= 1


def test_values_are_normalised_by_channel(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "a").mkdir()
    image.new("RGB", (9, 9), (255, 51, 0)).save(tmp_path / "a" / "x.png")
    image.new("L", (9, 9), 255).save(tmp_path / "a" / "y.png")
    images = datasets.ImageFolder(tmp_path, size=4, resize=4, mean=(0.5, 0.2, 0.25), std=(0.5, 1, 0.125))
    np.testing.assert_allclose(images[0][0][:, 2, 2], [1, 0, -2], atol=1e-6)
    np.testing.assert_allclose(images[1][0][:, 2, 2], [1, 0.8, 6], atol=1e-6)


def test_links_out_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    image_folder(tmp_path, {"in/a/x.png": (9, 9), "out/y.png": (9, 9)})
    inside = tmp_path / "in"
    (inside / "a" / "out.png").symlink_to(tmp_path / "out" / "y.png")
    (inside / "a" / "same.png").symlink_to(inside / "a" / "x.png")
    (inside / "b").symlink_to(tmp_path / "out")
    (inside / "a" / "gone.png").symlink_to(inside / "nothing.png")
    images = datasets.ImageFolder(inside, size=4, resize=4)
    assert images.classes == ("a",)
    assert [path.name for path, _ in images.samples] == ["same.png", "x.png"]


def test_images_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_folder(tmp_path, {"a/1.png": (40, 40), "a/2.gif": (9, 9)})
    whole = (tmp_path / "a" / "1.png").read_bytes()
    (tmp_path / "a" / "2.gif").rename(tmp_path / "a" / "2.png")
    (tmp_path / "a" / "3.png").write_bytes(whole[: len(whole) // 2])
    images = datasets.ImageFolder(tmp_path, size=4, resize=4)
    with pytest.raises(DatasetError, match=r"2.png: not a JPEG, PNG or BMP image"):
        images[1]
    with pytest.raises(DatasetError, match=r"3.png: "):
        images[2]
    for limit in (1500, 700):
        monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", limit)
        with pytest.raises(DatasetError, match=r"1.png: refused as a decompression bomb"):
            images[0]


def test_a_long_thin_image_stays_small(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a/thin.png": (1, 60_000)})
    tracemalloc.start()
    try:
        assert datasets.ImageFolder(tmp_path)[0][0].shape == (3, 224, 224)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@IN_FOLDER
@given(data=st.data(), name=st.sampled_from(["x.png", "x.jpg", "x.bmp"]))
def test_damaged_images_are_read_or_refused(tmp_path: Path, data: st.DataObject, name: str) -> None:
    image_folder(tmp_path, {f"a/{name}": (24, 17)})
    path = tmp_path / "a" / name
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    images = datasets.ImageFolder(tmp_path, size=4, resize=4)
    mine = [index for index, (found, _) in enumerate(images.samples) if found.name == name]
    refusal = ""
    try:
        pixels, _ = images[mine[0]]
    except DatasetError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith(f"{path}: ")
    else:
        assert np.isfinite(pixels).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be a whole number from 1 to 4096, given 0"),
        ({"resize": 5000}, "resize must be a whole number from 1 to 4096, given 5000"),
        ({"size": 257}, "size 257 does not fit into images resized to 256"),
        ({"mean": (1, 2)}, "mean must be three finite numbers"),
        ({"mean": "abc"}, "mean must be three finite numbers"),
        ({"std": (1, 1, 0)}, "std must be three numbers above 0"),
        ({"std": (1, 1, float("nan"))}, "std must be three finite numbers"),
        ({}, "no images; it should hold one folder per class"),
    ],
)
def test_folders_and_options_that_make_no_sense_are_refused(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        datasets.ImageFolder(tmp_path, **options)  # type: ignore[arg-type]


def test_batches_of_nothing_are_refused_and_pillow_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"")
    images = datasets.ImageFolder(tmp_path)
    with pytest.raises(DatasetError, match="batch_size must be a whole number from 1, given 0"):
        images.batches(0)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[images\]'"):
        images[0]
