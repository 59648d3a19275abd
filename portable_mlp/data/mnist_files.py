"""The published files of MNIST and Fashion-MNIST: mirrors, sizes and SHA-256 sums.

The sums are those that TensorFlow Datasets keeps (``url_checksums/mnist.txt`` and
``fashion_mnist.txt``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """One of the four files as its authors publish it.

    Args:
        stem: Name without ``.gz``.
        size: Length of the ``.gz`` file in bytes.
        sha256: SHA-256 of the ``.gz`` file, 64 hexadecimal digits.

    Example:
        >>> MNIST.files[3].name, MNIST.files[3].size
        ('t10k-labels-idx1-ubyte.gz', 4542)
    """

    stem: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Name on the mirrors.

        Example:
            >>> MNIST.files[0].name
            'train-images-idx3-ubyte.gz'
        """
        return self.stem + ".gz"

    @property
    def accepted_names(self) -> tuple[str, ...]:
        """Names under which people keep the file; compressed first, for its checksum.

        Example:
            >>> MNIST.files[0].accepted_names[2:]
            ('train-images.idx3-ubyte.gz', 'train-images.idx3-ubyte')
        """
        dotted = self.stem.replace("-idx", ".idx")
        return (self.name, self.stem, dotted + ".gz", dotted)


@dataclass(frozen=True)
class Recipe:
    """Where one data set of this family is, how it is checked and what its labels mean.

    Args:
        name: Short name, also of its folder.
        title: Name for people.
        mirrors: Addresses that hold all four files, most trusted first.
        files: Training images, training labels, test images, test labels.
        class_names: What label 0, 1, ... stands for.
        source: Authors, title, address and licence.
        system_folders: Where operating systems install it.
        advice: Another way to get the files, a sentence after a space.

    Example:
        >>> FASHION_MNIST.title, FASHION_MNIST.class_names[9]
        ('Fashion-MNIST', 'Ankle boot')
    """

    name: str
    title: str
    mirrors: tuple[str, ...]
    files: tuple[RemoteFile, RemoteFile, RemoteFile, RemoteFile]
    class_names: tuple[str, ...]
    source: str
    system_folders: tuple[str, ...] = ()
    advice: str = ""


MNIST = Recipe(
    name="mnist",
    title="MNIST",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    files=(
        RemoteFile(
            "train-images-idx3-ubyte",
            9912422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte",
            28881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte",
            1648877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte",
            4542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    class_names=tuple("0123456789"),
    source=(
        "Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998, "
        "http://yann.lecun.com/exdb/mnist/, CC BY-SA 3.0"
    ),
)

FASHION_MNIST = Recipe(
    name="fashion-mnist",
    title="Fashion-MNIST",
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        # Offered over http only; the SHA-256 makes up for it.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    files=(
        RemoteFile(
            "train-images-idx3-ubyte",
            26421880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte",
            29515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte",
            4422102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte",
            5148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    source=(
        "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking "
        "Machine Learning Algorithms, 2017, https://arxiv.org/abs/1708.07747, MIT licence"
    ),
    system_folders=("/usr/share/datasets/fashion-mnist",),
    advice=" On Debian and Ubuntu, `apt-get install dataset-fashion-mnist` brings them too.",
)
