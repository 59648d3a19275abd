"""MNIST and Fashion-MNIST: where the files are looked for, and what is refused."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from portable_mlp.data import (
    DataFileError,
    Dataset,
    DownloadError,
    load_dataset,
    load_fashion_mnist,
    load_mnist,
    mnist,
)
from portable_mlp.data.mnist import read_labelled_images
from portable_mlp.data.mnist_files import FASHION_MNIST, MNIST, RemoteFile

Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Writer = Callable[[NDArray[Any]], bytes]
SYSTEM_FASHION = Path(FASHION_MNIST.system_folders[0])


class Files:
    """The four files with five images each, to be put anywhere under any of their names."""

    def __init__(self, part: Part, idx_bytes: Writer) -> None:
        """Write the same images and labels as training and test part."""
        self.contents = [idx_bytes(part[0]), idx_bytes(part[1])] * 2

    def put(self, folder: Path, *, name: int = 0, which: tuple[int, ...] = (0, 1, 2, 3)) -> Path:
        """Write the files ``which`` into ``folder`` under the ``name``-th accepted name."""
        folder.mkdir(parents=True, exist_ok=True)
        for i in which:
            path = folder / MNIST.files[i].accepted_names[name]
            content = self.contents[i]
            path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return folder


@pytest.fixture
def files(tiny_part: Part, idx_bytes: Writer) -> Files:
    """Give the test the four small files."""
    return Files(tiny_part, idx_bytes)


@pytest.fixture(autouse=True)
def no_system_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make results independent of what is installed on this machine."""
    bare = dataclasses.replace(FASHION_MNIST, system_folders=())
    monkeypatch.setattr(mnist, "FASHION_MNIST", bare)


def _is_tiny(dataset: Dataset) -> bool:
    pixels = np.arange(5 * 784).reshape(5, 784) % 256
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert np.array_equal(images, pixels.astype(np.float32) / np.float32(255))
        assert labels.tolist() == [7, 2, 1, 0, 9]
    return True


@pytest.mark.parametrize("name", range(4))
def test_every_accepted_name(files: Files, tmp_path: Path, name: int) -> None:
    """With .gz or without, with a dash or a dot."""
    assert _is_tiny(load_mnist(files.put(tmp_path / "d", name=name)))


def test_accepted_names() -> None:
    """The names as they are on the mirrors, unpacked, and as old archives have them."""
    assert MNIST.files[3].accepted_names == (
        "t10k-labels-idx1-ubyte.gz",
        "t10k-labels-idx1-ubyte",
        "t10k-labels.idx1-ubyte.gz",
        "t10k-labels.idx1-ubyte",
    )


def test_both_data_sets_by_name(files: Files, tmp_path: Path) -> None:
    """Both loaders read the same form and differ in name, classes and source."""
    folder = files.put(tmp_path / "d")
    digits, clothes = load_dataset("mnist", folder), load_dataset("fashion-mnist", str(folder))
    assert _is_tiny(digits)
    assert _is_tiny(clothes)
    assert (digits.name, digits.class_names[9]) == ("mnist", "9")
    assert (clothes.name, clothes.class_names[9]) == ("fashion-mnist", "Ankle boot")
    assert "LeCun" in digits.source
    assert "Xiao" in clothes.source


def test_environment_variable_then_cache(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable wins over XDG's, which wins over the home folder."""
    files.put(Path.home() / ".cache" / "portable_mlp" / "mnist")
    assert _is_tiny(load_mnist(download=False))
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert _is_tiny(load_mnist(download=False))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    with pytest.raises(FileNotFoundError, match=r"xdg.portable_mlp.mnist' and download is False"):
        load_mnist(download=False)
    files.put(tmp_path / "xdg" / "portable_mlp" / "mnist")
    assert _is_tiny(load_mnist(download=False))
    monkeypatch.setenv("PORTABLE_MLP_DATA", str(tmp_path / "env"))
    with pytest.raises(FileNotFoundError, match=r"env.mnist' and download is False"):
        load_mnist(download=False)
    files.put(tmp_path / "env" / "mnist")
    assert _is_tiny(load_mnist(download=False))


def test_system_folder_is_found(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed copy saves the download."""
    folder = files.put(tmp_path / "system")
    recipe = dataclasses.replace(FASHION_MNIST, system_folders=(str(folder),))
    monkeypatch.setattr(mnist, "FASHION_MNIST", recipe)
    assert _is_tiny(load_fashion_mnist())


def test_folder_with_the_test_set_only(files: Files, tmp_path: Path) -> None:
    """The message lists what is missing, and the folder is left as it was."""
    folder = files.put(tmp_path / "d", which=(2, 3))
    before = sorted(folder.iterdir())
    with pytest.raises(FileNotFoundError) as error:
        load_mnist(folder)
    message = str(error.value)
    assert "lacks train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, expected all" in message
    assert "t10k" not in message
    assert "one part only" in message
    assert repr(str(folder)) in message
    assert sorted(folder.iterdir()) == before


def test_a_given_folder_is_never_made_nor_replaced_by_another(files: Files, tmp_path: Path) -> None:
    """A misspelt folder is an error even if the cache has the files."""
    files.put(Path.home() / ".cache" / "portable_mlp" / "mnist")
    with pytest.raises(FileNotFoundError, match=r"does not exist, so it lacks train-images.*t10k"):
        load_mnist(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_read_only_folder(files: Files, tmp_path: Path) -> None:
    """Nothing is written beside the user's files."""
    folder = files.put(tmp_path / "d")
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert _is_tiny(load_mnist(folder))


@pytest.mark.parametrize(
    ("position", "content", "match"),
    [
        (0, np.zeros((5, 28, 27), np.uint8), r"found shape \(5, 28, 27\) of uint8, expected"),
        (0, np.zeros((5, 784), np.uint8), r"found shape \(5, 784\) of uint8"),
        (2, np.zeros((5, 28, 28), np.float32), r"found shape \(5, 28, 28\) of float32"),
        (2, np.zeros((0, 28, 28), np.uint8), "n at least 1"),
        (0, np.zeros(5, np.uint8), "labels under the name of images"),
        (1, np.zeros(4, np.uint8), r"found shape \(4,\) of uint8, expected \(5,\) of uint8"),
        (3, np.zeros(5, np.int32), r"found shape \(5,\) of int32"),
        (3, np.zeros((5, 1), np.uint8), r"found shape \(5, 1\)"),
        (1, np.array([0, 1, 2, 3, 10], np.uint8), "found the label 10, expected labels in 0 .. 9"),
    ],
)
def test_wrong_contents(
    files: Files,
    tmp_path: Path,
    idx_bytes: Writer,
    position: int,
    content: NDArray[Any],
    match: str,
) -> None:
    """Well-formed IDX files that aren't MNIST are refused by name."""
    files.contents[position] = idx_bytes(content)
    with pytest.raises(DataFileError, match=match) as error:
        load_mnist(files.put(tmp_path / "d"))
    assert MNIST.files[position].name in str(error.value)
    assert "likely cause" in str(error.value)


def test_damaged_file(files: Files, tmp_path: Path) -> None:
    """Damage inside the loader is reported like in the reader."""
    folder = files.put(tmp_path / "d")
    path = folder / MNIST.files[2].name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataFileError, match=r"t10k-images.*found damaged gzip data"):
        load_mnist(folder)


def test_offline_message_says_what_to_do() -> None:
    """The message alone is enough to help oneself."""
    for load, title in ((load_mnist, "MNIST"), (load_fashion_mnist, "Fashion-MNIST")):
        with pytest.raises(DownloadError) as error:
            load()
        message = str(error.value)
        assert message.startswith(f"{title}: train-images-idx3-ubyte.gz: no mirror delivered it")
        assert message.count("host name not found") == 2
        assert all(file.name in message for file in MNIST.files)
        assert str(Path.home() / ".cache" / "portable_mlp") in message
        assert "PORTABLE_MLP_DATA" in message
        assert ("apt-get install dataset-fashion-mnist" in message) == (title != "MNIST")


@pytest.mark.parametrize("there", [(), (0, 3)])
def test_missing_files_are_downloaded_into_the_cache(
    files: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mirror: Any,
    there: tuple[int, ...],
) -> None:
    """Only what is missing is fetched, once, past a mirror that fails."""
    contents = [gzip.compress(content) for content in files.contents]
    remote = [
        RemoteFile(file.stem, len(content), hashlib.sha256(content).hexdigest())
        for file, content in zip(MNIST.files, contents, strict=True)
    ]
    mirror.files = {file.name: content for file, content in zip(remote, contents, strict=True)}
    recipe = dataclasses.replace(
        MNIST,
        mirrors=(mirror.url("missing"), mirror.url("named")),
        files=(remote[0], remote[1], remote[2], remote[3]),
    )
    monkeypatch.setattr(mnist, "MNIST", recipe)
    monkeypatch.setenv("PORTABLE_MLP_DATA", str(tmp_path / "env"))
    files.put(tmp_path / "env" / "mnist", which=there)
    seen: list[tuple[int, int]] = []
    assert _is_tiny(load_mnist(progress=lambda done, total: seen.append((done, total))))
    names = [path.name for path in (tmp_path / "env" / "mnist").iterdir()]
    assert sorted(names) == sorted(mirror.files)
    total = sum(file.size for i, file in enumerate(remote) if i not in there)
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)
    asked = len(mirror.requests)
    assert asked == 2 * (4 - len(there))
    assert _is_tiny(load_mnist())
    assert len(mirror.requests) == asked


def test_published_files_are_the_known_ones(real_mnist_test_folder: Path) -> None:
    """Sizes and sums in the table are those of real files."""
    for file in MNIST.files[2:]:
        content = (real_mnist_test_folder / file.name).read_bytes()
        assert len(content) == file.size
        assert hashlib.sha256(content).hexdigest() == file.sha256


def test_sums_are_sums() -> None:
    """No sum was mistyped into another length or copied twice."""
    sums = {file.sha256 for file in MNIST.files + FASHION_MNIST.files}
    assert len(sums) == 8
    assert all(len(bytes.fromhex(one)) == 32 and one == one.lower() for one in sums)
    assert min(len(MNIST.mirrors), len(FASHION_MNIST.mirrors)) >= 2


def test_real_mnist_test_set(real_mnist_test_folder: Path) -> None:
    """The real test files have their known class counts."""
    images, labels = read_labelled_images(
        real_mnist_test_folder / MNIST.files[2].name, real_mnist_test_folder / MNIST.files[3].name
    )
    assert (images.shape, labels.shape) == ((10000, 784), (10000,))
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    with pytest.raises(FileNotFoundError, match=r"lacks train-images-idx3-ubyte.gz"):
        load_mnist(real_mnist_test_folder)


def test_real_fashion_mnist() -> None:
    """Debian's copy has 6,000 and 1,000 images of each class."""
    if not (SYSTEM_FASHION / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"Debian's package dataset-fashion-mnist is not in {SYSTEM_FASHION}")
    clothes = load_fashion_mnist(SYSTEM_FASHION)
    assert repr(clothes) == (
        "Dataset('fashion-mnist', 60000 training and 10000 test images, 784 features, 10 classes)"
    )
    assert clothes.train_images.dtype == np.float32
    assert (clothes.train_images.min(), clothes.train_images.max()) == (0.0, 1.0)
    assert np.bincount(clothes.train_labels).tolist() == [6000] * 10
    assert np.bincount(clothes.test_labels).tolist() == [1000] * 10
    assert clothes.class_names[clothes.test_labels[0]] == "Ankle boot"
