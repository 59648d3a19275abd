"""MNIST and Fashion-MNIST: found on this machine, or downloaded once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.dataset import Dataset, Progress
from portable_mlp.data.errors import DownloadError, data_file_error
from portable_mlp.data.idx import read_idx
from portable_mlp.data.mnist_files import FASHION_MNIST, MNIST, Recipe, RemoteFile

# 1 GiB holds 1.3 million images; both data sets have 70,000.
_MOST_BYTES = 2**30


def load_mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    progress: Progress | None = None,
) -> Dataset:
    """Load MNIST: 70,000 handwritten digits of 28x28 pixels.

    Without ``folder``, the files are taken from the folder ``mnist`` in
    ``$PORTABLE_MLP_DATA``, or, where that is not set, in ``$XDG_CACHE_HOME/portable_mlp`` or
    ``~/.cache/portable_mlp``. What is missing there is downloaded into it (11 MB) and checked.

    Args:
        folder: Where the four IDX files are, under the published names
            (``train-images-idx3-ubyte.gz`` ...), with or without ``.gz``, or with a dot
            (``train-images.idx3-ubyte``). Only this folder is looked into, and nothing is ever
            written to it.
        download: Whether missing files may be downloaded.
        progress: Called with (bytes done, bytes in all) while downloading.

    Returns:
        Dataset: Images ``(60000, 784)`` and ``(10000, 784)``, float32 in [0, 1] in steps of
            1/255; labels int64 in 0 .. 9.

    Raises:
        FileNotFoundError: Files are missing and may not be downloaded; the message lists them.
        DataFileError: A file is damaged, or isn't what its name says.
        DownloadError: No mirror delivered, or the files could not be stored.
        PermissionError: A file may not be read.

    Example:
        >>> try:
        ...     pixels = load_mnist(download=False).features
        ... except FileNotFoundError:  # not on this machine yet
        ...     pixels = 28 * 28
        >>> pixels
        784

    Source:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document
        recognition, Proceedings of the IEEE 86(11), 1998, https://doi.org/10.1109/5.726791.
    """
    return _load(MNIST, folder, download, progress)


def load_fashion_mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    progress: Progress | None = None,
) -> Dataset:
    """Load Fashion-MNIST: 70,000 pictures of clothes, 28x28 pixels, 10 classes.

    Where the files are looked for is as in ``load_mnist``, in the folder ``fashion-mnist``;
    before anything is downloaded (31 MB), also where Debian's package ``dataset-fashion-mnist``
    puts them.

    Args:
        folder: As in ``load_mnist``.
        download: Whether missing files may be downloaded.
        progress: Called with (bytes done, bytes in all) while downloading.

    Returns:
        Dataset: Images ``(60000, 784)`` and ``(10000, 784)``, float32 in [0, 1] in steps of
            1/255; labels int64 in 0 .. 9.

    Raises:
        FileNotFoundError: Files are missing and may not be downloaded; the message lists them.
        DataFileError: A file is damaged, or isn't what its name says.
        DownloadError: No mirror delivered, or the files could not be stored.
        PermissionError: A file may not be read.

    Example:
        >>> try:
        ...     name = load_fashion_mnist(download=False).class_names[9]
        ... except FileNotFoundError:  # not on this machine yet
        ...     name = "Ankle boot"
        >>> name
        'Ankle boot'

    Source:
        H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking
        Machine Learning Algorithms, 2017, https://arxiv.org/abs/1708.07747.
    """
    return _load(FASHION_MNIST, folder, download, progress)


def _load(
    recipe: Recipe,
    folder: str | os.PathLike[str] | None,
    download: bool,
    progress: Progress | None,
) -> Dataset:
    """Find or fetch the four files and read them."""
    if folder is not None:
        paths = _all_in(recipe, Path(folder).expanduser())
    else:
        paths = _find_or_fetch(recipe, download, progress)
    train_images, train_labels = read_labelled_images(paths[0], paths[1])
    test_images, test_labels = read_labelled_images(paths[2], paths[3])
    return Dataset(
        name=recipe.name,
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        class_names=recipe.class_names,
        source=recipe.source,
    )


def _own_folder(name: str) -> Path:
    """Where the package keeps the files of this data set."""
    chosen = os.environ.get("PORTABLE_MLP_DATA")
    if chosen:
        return Path(chosen).expanduser() / name
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # the XDG rules say to ignore a relative one
        cache = Path.home() / ".cache"
    return cache / "portable_mlp" / name


def _find(folder: Path, file: RemoteFile) -> Path | None:
    """Find one file under any of its names."""
    candidates = (folder / name for name in file.accepted_names)
    return next((path for path in candidates if path.is_file()), None)


def _all_in(recipe: Recipe, folder: Path) -> list[Path]:
    """Find all four files in ``folder``, or list those that it lacks."""
    found = {file.name: _find(folder, file) for file in recipe.files}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        cause = (
            "a folder one level off, or another data set"
            if len(missing) == len(found)
            else "an unfinished copy, or one part only"
        )
        raise FileNotFoundError(
            f"{recipe.title}: folder {os.fspath(folder)!r} "
            f"{'lacks' if folder.is_dir() else 'does not exist, so it lacks'} "
            f"{', '.join(missing)}, expected all four files; likely cause: {cause} (without the "
            "argument folder the files are downloaded)."
        )
    return [path for path in found.values() if path is not None]


def _find_or_fetch(recipe: Recipe, download: bool, progress: Progress | None) -> list[Path]:
    """Look into the package's own folder and the system's, then download into the own one."""
    own = _own_folder(recipe.name)
    places = [own, *map(Path, recipe.system_folders)]
    for place in places:
        found = [path for file in recipe.files if (path := _find(place, file)) is not None]
        if len(found) == len(recipe.files):
            return found
    if not download:
        raise FileNotFoundError(
            f"{recipe.title}: the four files are not in "
            f"{' or '.join(repr(os.fspath(place)) for place in places)} and download is False; "
            f"{_what_to_do(recipe, own)}"
        )
    try:
        return _fetch_missing(recipe, own, progress)
    except DownloadError as error:
        raise DownloadError(f"{recipe.title}: {error} {_what_to_do(recipe, own)}") from error


def _fetch_missing(recipe: Recipe, own: Path, progress: Progress | None) -> list[Path]:
    """Download those of the four files that ``own`` lacks."""
    from portable_mlp.data.download import fetch_file  # the web's modules take 15 ms to import

    here = [_find(own, file) for file in recipe.files]
    total = sum(file.size for file, path in zip(recipe.files, here, strict=True) if path is None)
    before = 0
    paths = []
    for file, path in zip(recipe.files, here, strict=True):
        if path is None:
            path = fetch_file(
                file.name,
                recipe.mirrors,
                file.sha256,
                own,
                size=file.size,
                progress=_over_all_files(progress, before, total),
            )
            before += file.size
        paths.append(path)
    return paths


def _over_all_files(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Turn the progress of one file into that of all, of which ``before`` bytes are done."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


def _what_to_do(recipe: Recipe, own: Path) -> str:
    """Say how to get the files without this module."""
    names = ", ".join(file.name for file in recipe.files)
    return (
        f"Without a network, put {names} into {os.fspath(own)!r}, or pass folder=, or set "
        f"PORTABLE_MLP_DATA to the folder above.{recipe.advice}"
    )


def read_labelled_images(
    images_path: Path, labels_path: Path
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read one part, training or test, of a data set in MNIST's form.

    Args:
        images_path: IDX file of ``(n, 28, 28)`` uint8, n at least 1, grey values in 0 .. 255.
        labels_path: IDX file of ``(n,)`` uint8, in 0 .. 9.

    Returns:
        The images, ``(n, 784)`` float32 in [0, 1], and the labels, ``(n,)`` int64.

    Raises:
        DataFileError: A file is damaged or holds something else, or the two don't fit.
        FileNotFoundError: There is no such file.
        PermissionError: A file may not be read.
    """
    images = read_idx(images_path, max_bytes=_MOST_BYTES)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or len(images) == 0:
        raise data_file_error(
            images_path,
            found=f"shape {images.shape} of {images.dtype}",
            expected="(n, 28, 28) of uint8 with n at least 1",
            cause="another data set, or labels under the name of images",
        )
    labels = read_idx(labels_path, max_bytes=_MOST_BYTES)
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise data_file_error(
            labels_path,
            found=f"shape {labels.shape} of {labels.dtype}",
            expected=f"{images.shape[:1]} of uint8, a label for each image in {images_path.name}",
            cause="labels of the other part, or of another data set",
        )
    if labels.max() > 9:
        raise data_file_error(
            labels_path,
            found=f"the label {labels.max()}",
            expected="labels in 0 .. 9",
            cause="a data set with more classes, or a damaged file",
        )
    flat = images.reshape(len(images), -1)  # (n, 784)
    return np.divide(flat, 255, dtype=np.float32), labels.astype(np.int64)
