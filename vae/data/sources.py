"""Descriptions of the published data sets and the addresses of their files.

Sizes in bytes and SHA-256 are from TensorFlow Datasets (https://github.com/tensorflow/datasets,
url_checksums); torchvision has the MD5 of the same files. Mirrors are tried in order.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vae.data.arrays import Raw
from vae.data.idx import read_idx_family
from vae.data.matlab import read_svhn
from vae.data.published import read_cifar, read_emnist

DIGITS = tuple("0123456789")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist


class Remote(NamedTuple):
    """Name, size and SHA-256 of a published file."""

    name: str
    size: int  # bytes
    sha256: str


class Source(NamedTuple):
    """Description of a published data set and the location of its files."""

    about: str  # one sentence without full stop
    examples: int  # without the test part
    test: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    read: Callable[[Path], Raw]  # takes the first file; the others are in the same folder
    mirrors: tuple[str, ...]  # URLs of folders
    files: tuple[Remote, ...]
    installed: Path | None = None  # folder of a system package with the files

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


def _four(*rows: tuple[int, str]) -> tuple[Remote, ...]:
    """Return the four files of a data set in MNIST's format."""
    kinds = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(Remote(f"{kind}-ubyte.gz", *row) for kind, row in zip(kinds, rows, strict=True))


SOURCES: dict[str, Source] = {
    "mnist": Source(
        "Handwritten digits of 500 writers (LeCun et al. 1998)",
        60_000,
        10_000,
        (1, 28, 28),
        DIGITS,
        read_idx_family,
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        _four(
            (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
    ),
    "fashion-mnist": Source(
        "Articles of clothing from Zalando's shop (Xiao et al. 2017)",
        60_000,
        10_000,
        (1, 28, 28),
        (
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        read_idx_family,
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        _four(
            (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        DEBIAN,
    ),
    "kmnist": Source(
        "Ten cursive Japanese characters from old books (Clanuwat et al. 2018)",
        60_000,
        10_000,
        (1, 28, 28),
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        read_idx_family,
        (
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/KMNIST/",
        ),
        _four(
            (18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
    ),
    "emnist-letters": Source(
        "Handwritten letters, upper and lower case together (Cohen et al. 2017)",
        124_800,
        20_800,
        (1, 28, 28),
        tuple("abcdefghijklmnopqrstuvwxyz"),
        read_emnist,
        (
            "https://biometrics.nist.gov/cs_links/EMNIST/",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
        ),
        (
            Remote(
                "gzip.zip",
                561753746,
                "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            ),
        ),
    ),
    "cifar-10": Source(
        "Colour photographs of animals and vehicles in ten classes (Krizhevsky 2009)",
        50_000,
        10_000,
        (3, 32, 32),
        (
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        read_cifar,
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://cave.cs.toronto.edu/kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
        (
            Remote(
                "cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
    "svhn": Source(
        "House numbers in street views, cropped to a digit (Netzer et al. 2011)",
        73_257,
        26_032,
        (3, 32, 32),
        DIGITS,
        read_svhn,
        (
            "http://ufldl.stanford.edu/housenumbers/",
            "https://web.archive.org/web/2020id_/http://ufldl.stanford.edu/housenumbers/",
        ),
        (
            Remote(
                "train_32x32.mat",
                182040794,
                "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            ),
            Remote(
                "test_32x32.mat",
                64275384,
                "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            ),
        ),
    ),
}
