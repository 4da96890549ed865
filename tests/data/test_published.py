"""The published data sets: their formats, from generated files, and their download."""

import gzip
import hashlib
import io
import re
import shutil
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from tests.data.server import Server, serving
from tests.data.test_files import idx
from vae.analysis.loaded_run import LoadedRun
from vae.base.options import first_sentence
from vae.commands import main
from vae.data import (
    OFFLINE,
    SOURCES,
    DataError,
    Dataset,
    download,
    load,
    loader,
    on_disk,
    published,
    read,
    split,
    summary,
)
from vae.data.matlab import MatFile
from vae.data.published import read_cifar, read_emnist
from vae.data.sources import Remote
from vae.report import report
from vae.runs import Run
from vae.script import data_file

RNG = np.random.default_rng(0)


def tar(members: dict[str, bytes], path: Path) -> bytes:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


def cifar_records(n: int) -> bytes:
    records = RNG.integers(0, 256, (n, 3073), np.uint8)
    records[:, 0] = np.arange(n) % 10
    return records.tobytes()


CIFAR = {f"cifar-10-batches-bin/data_batch_{k}.bin": cifar_records(10) for k in (2, 1, 3)}
CIFAR |= {
    "cifar-10-batches-bin/test_batch.bin": cifar_records(20),
    "cifar-10-batches-bin/readme.html": b"hello",
}


def small_cifar(folder: Path) -> Path:
    tar(CIFAR, folder / "cifar-10-binary.tar.gz")
    return folder / "cifar-10-binary.tar.gz"


def letters(n: int) -> tuple[np.ndarray, np.ndarray]:
    x = RNG.integers(0, 256, (n, 28, 28), np.uint8)
    return x, (np.arange(n) % 26 + 1).astype(np.uint8)


LETTERS = {"train": letters(52), "test": letters(26)}


def small_emnist(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        for part, (x, labels) in LETTERS.items():
            for kind, array in (("images-idx3", x), ("labels-idx1", labels)):
                name = f"gzip/emnist-letters-{part}-{kind}-ubyte.gz"
                archive.writestr(name, gzip.compress(idx(array)))
    return folder / "gzip.zip"


def houses(n: int) -> dict[str, np.ndarray]:
    labels = (np.arange(n) % 10 + 1).astype(np.uint8)[:, None]
    return {"X": RNG.integers(0, 256, (32, 32, 3, n), np.uint8), "y": labels}


HOUSES = {"train": houses(30), "test": houses(20)}


def small_svhn(folder: Path) -> Path:
    for part, arrays in HOUSES.items():
        scipy.io.savemat(folder / f"{part}_32x32.mat", arrays, do_compression=True)
    return folder / "train_32x32.mat"


def small_mnist(folder: Path) -> Path:
    for part, n in (("train", 40), ("t10k", 20)):
        x = RNG.integers(0, 256, (n, 28, 28), np.uint8)
        for kind, array in (("images-idx3", x), ("labels-idx1", np.arange(n) % 10)):
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    return folder / "train-images-idx3-ubyte.gz"


MAKERS = {
    "mnist": (small_mnist, 40, 20),
    "fashion-mnist": (small_mnist, 40, 20),
    "kmnist": (small_mnist, 40, 20),
    "emnist-letters": (small_emnist, 52, 26),
    "cifar-10": (small_cifar, 30, 20),
    "svhn": (small_svhn, 30, 20),
}


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve every row from small files of its format, behind a missing first mirror."""
    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path / "cache"))
    with serving() as server:
        for name, (make, examples, test) in MAKERS.items():
            folder = tmp_path / name
            folder.mkdir()
            make(folder)
            files = []
            for file in SOURCES[name].files:
                content = (folder / file.name).read_bytes()
                sha = hashlib.sha256(content).hexdigest()
                files.append(Remote(file.name, len(content), sha))
                server.files[f"{name}-{file.name}"] = content
            mirrors = (f"http://127.0.0.1:9/{name}-", server.url(f"{name}-"))
            changed = {"files": tuple(files), "mirrors": mirrors, "installed": None}
            source = SOURCES[name]._replace(examples=examples, test=test, **changed)
            monkeypatch.setitem(SOURCES, name, source)
        yield server


def test_every_row_has_a_generator_of_files() -> None:
    assert set(MAKERS) == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_a_row_is_downloaded_once_and_has_its_declared_shape(name: str, publisher: Server) -> None:
    assert not on_disk(name)
    seen: list[tuple[int, int]] = []
    download(name, lambda *at: seen.append(at))
    source = SOURCES[name]
    assert seen == sorted(seen)
    assert seen[-1] == (source.size, source.size)
    asked = len(publisher.asked)
    assert asked == len(source.files)
    assert on_disk(name)
    data = load(name)
    assert data.name == name
    assert data.x.shape == (source.examples + source.test, *source.shape)
    assert data.x.dtype == np.uint8
    assert data.x.flags.c_contiguous
    assert data.x.flags.writeable
    assert data.scale == 255
    assert data.test == source.test
    assert data.classes == source.classes
    assert data.labels is not None
    assert set(data.labels) == set(range(len(source.classes)))
    assert np.array_equal(split(data, 0, 0.5, 0).test, np.arange(source.examples, len(data.x)))
    assert len(load(name, examples=20).x) == 20 + source.test
    assert len(publisher.asked) == asked


def test_cifars_records_are_read_in_order(tmp_path: Path) -> None:
    data = read(small_cifar(tmp_path))
    batches = [CIFAR[f"cifar-10-batches-bin/{n}.bin"] for n in
               ("data_batch_1", "data_batch_2", "data_batch_3", "test_batch")]  # fmt: skip
    expected = np.frombuffer(b"".join(batches), np.uint8).reshape(50, 3073)
    assert np.array_equal(data.x.reshape(50, -1), expected[:, 1:])
    assert np.array_equal(data.labels, expected[:, 0])
    assert data.name == "cifar-10-binary"
    assert data.test == 20


def test_archives_that_unpack_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in members that are passed over, and in headers of any length."""
    many = tmp_path / "cifar-10-binary.tar.gz"
    tar(CIFAR | {"passed/over": bytes(400_000)}, many)
    read_cifar(many)
    letters = small_emnist(tmp_path)
    read_emnist(letters)
    monkeypatch.setattr(published, "MOST", 400_000)
    with pytest.raises(DataError, match="unpacks to more than it may"):
        read_cifar(many)
    monkeypatch.setattr(published, "MOST", 50)
    with pytest.raises(DataError, match="unpacks to more than it may"):
        read_emnist(letters)


def test_letters_are_upright(tmp_path: Path) -> None:
    raw = read_emnist(small_emnist(tmp_path))
    assert np.array_equal(raw.x, LETTERS["train"][0].transpose(0, 2, 1))
    assert raw.test_x is not None
    assert np.array_equal(raw.test_x, LETTERS["test"][0].transpose(0, 2, 1))
    assert np.array_equal(raw.labels, LETTERS["train"][1])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("labels", [np.uint8, np.float64, np.int16])
def test_mat_files_of_scipy_are_read(compressed: bool, labels: Any, tmp_path: Path) -> None:
    arrays = HOUSES["train"] | {"y": HOUSES["train"]["y"].astype(labels)}
    scipy.io.savemat(tmp_path / "a.mat", {"who": "me", **arrays}, do_compression=compressed)
    x, y = MatFile(tmp_path / "a.mat").pictures()
    assert np.array_equal(x, arrays["X"].transpose(3, 2, 0, 1))
    assert y is not None
    assert np.array_equal(y, np.arange(1, 31) % 10)  # 10 stands for 0
    data = read(tmp_path / "a.mat")
    assert data.x.shape == (30, 3, 32, 32)
    assert data.classes == tuple("0123456789")


def test_mat_files_find_their_test_part(tmp_path: Path) -> None:
    data = read(small_svhn(tmp_path))
    assert data.test == 20
    assert np.array_equal(data.x[30:], HOUSES["test"]["X"].transpose(3, 2, 0, 1))


def big_endian_mat() -> bytes:
    """Return a file of a big-endian machine, with its name and y in small elements."""

    def element(kind: int, content: bytes) -> bytes:
        if len(content) <= 4:
            return struct.pack(">HH", len(content), kind) + content.ljust(4, b"\0")
        return struct.pack(">II", kind, len(content)) + content + b"\0" * (-len(content) % 8)

    def array(name: bytes, dims: tuple[int, ...], values: bytes) -> bytes:
        parts = element(6, struct.pack(">II", 9, 0))
        parts += element(5, struct.pack(f">{len(dims)}i", *dims))
        parts += element(1, name) + element(2, values)
        return struct.pack(">II", 14, len(parts)) + parts

    x = array(b"X", (5, 4, 1, 2), bytes(range(40)))
    packed = zlib.compress(array(b"y", (2, 1), b"\3\4"))
    head = b"MATLAB 5.0".ljust(124) + b"\1\0MI"
    return head + x + struct.pack(">II", 15, len(packed)) + packed


def test_a_big_endian_mat_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(big_endian_mat())
    theirs = scipy.io.loadmat(tmp_path / "a.mat")
    x, y = MatFile(tmp_path / "a.mat").pictures()
    assert np.array_equal(x, theirs["X"].reshape(5, 4, 1, 2).transpose(3, 2, 0, 1))
    assert np.array_equal(y, [3, 4])


@pytest.mark.parametrize("compressed", [False, True])
def test_a_mat_file_of_a_huge_declared_size_is_refused_before_its_values(
    compressed: bool, tmp_path: Path
) -> None:
    """The dimensions declare a terabyte; the values have a few bytes."""
    scipy.io.savemat(tmp_path / "a.mat", {"X": HOUSES["test"]["X"][..., :1]})
    content = (tmp_path / "a.mat").read_bytes()
    small, huge = (struct.pack("<4i", 32, 32, c, n) for c, n in ((3, 1), (30_000, 30_000)))
    assert small[:12] in content
    content = content.replace(small[:12], huge[:12], 1)
    if compressed:
        packed = zlib.compress(content[128:])
        content = content[:128] + struct.pack("<II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"dimensions .* do not match its values"):
        MatFile(tmp_path / "a.mat")


def test_cells_and_structures_are_not_read(tmp_path: Path) -> None:
    cell = np.empty((1, 1), object)
    cell[0, 0] = np.ones(3)
    scipy.io.savemat(tmp_path / "a.mat", {"X": cell, "y": {"a": 1}})
    with pytest.raises(DataError, match="X has no real numbers: save a table"):
        read(tmp_path / "a.mat")
    savemat = scipy.io.savemat
    savemat(tmp_path / "b.mat", {"table": np.ones((3, 2)), "cell": cell, "text": "me", "z": 1j})
    reading = read(tmp_path / "b.mat").reading
    assert reading is not None
    assert [(one.names, one.number) for one in reading.left_out] == [("cell, text, z", 3)]


@pytest.mark.parametrize("compressed", [False, True])
def test_tables_of_numbers_are_read(compressed: bool, tmp_path: Path) -> None:
    """As an .npz with the same arrays, whose vectors have one axis."""
    draw = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "data": draw.normal(size=(20, 3)),
        "labels": np.arange(20) % 3,
        "height": 0.5 * np.arange(20),
    }
    scipy.io.savemat(tmp_path / "a.mat", arrays, do_compression=compressed)
    np.savez(tmp_path / "b.npz", **arrays)
    ours, theirs = read(tmp_path / "a.mat"), read(tmp_path / "b.npz")
    assert ours.fingerprint == theirs.fingerprint
    assert ours.classes == theirs.classes == ("0", "1", "2")
    chosen = read(tmp_path / "a.mat", {"data_factors": "height", "data_label": "none"})
    assert np.array_equal(chosen.factors["height"], arrays["height"])
    assert chosen.labels is None


def test_small_stored_doubles_and_single_columns_of_matlab_are_read(tmp_path: Path) -> None:
    """MATLAB stores whole doubles as bytes; scipy does not, so their class is changed here."""
    table = np.arange(12, dtype=np.uint8).reshape(6, 2, order="F")
    scipy.io.savemat(tmp_path / "a.mat", {"t": table, "y": np.arange(6.0)[:, None]})
    content = bytearray((tmp_path / "a.mat").read_bytes())
    place = content.index(struct.pack("<III", 6, 8, 9))  # array flags of class 9, bytes
    content[place + 8] = 6  # a double
    (tmp_path / "a.mat").write_bytes(content)
    assert MatFile(tmp_path / "a.mat")["t"].dtype == np.float64
    assert np.array_equal(scipy.io.loadmat(tmp_path / "a.mat")["t"], table)
    data = read(tmp_path / "a.mat")
    assert np.array_equal(data.x, table)
    assert len(data.classes) == 6


def mat(**arrays: Any) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, arrays)
    return file.getvalue()


X = HOUSES["test"]["X"]
BAD: list[tuple[str, Any, str]] = [
    ("a.mat", lambda p: b"something else" * 20, "a.mat is not a MATLAB 5 file: save it as .npz"),
    ("a.mat", lambda p: mat(Z=X), "a.mat: Z has 4 axes: save a table of numbers"),
    ("a.mat", lambda p: mat(X=X[..., 0]), "a.mat: X has 3 axes: save a table of numbers"),
    ("a.mat", lambda p: mat(X=X, y=np.arange(3)), "20 examples and 3 labels"),
    ("a.mat", lambda p: mat(X=X)[:-9], "a.mat is damaged.*an element is cut off"),
    ("a.mat", lambda p: mat(), "a.mat holds no array|is not a MATLAB 5 file"),
    ("cifar-10-binary.tar.gz", lambda p: b"no", "damaged, or not CIFAR-10's binary version"),
    ("cifar-10-binary.tar.gz", lambda p: tar({"data_batch_1": b"\x80"}, p), "is a pickle and is"),
    ("cifar-10-binary.tar.gz", lambda p: tar({"data_batch_1.bin": b"12"}, p),
     "data_batch_1.bin has 2 bytes, not a multiple of 3,073"),
    ("cifar-10-binary.tar.gz", lambda p: tar({"test_batch.bin": cifar_records(1)}, p),
     "holds no data_batch_1.bin"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "sentence"), BAD)
def test_each_fault_raises_one_sentence(
    name: str, make: Any, sentence: str, tmp_path: Path
) -> None:
    content = make(tmp_path / "made")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence) as caught:
        read(tmp_path / name)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_a_damaged_archive_of_letters_raises_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "gzip.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"gzip.zip is damaged, or not EMNIST's"):
        read_emnist(tmp_path / "gzip.zip")


def test_a_sparse_member_is_not_read(tmp_path: Path) -> None:
    """A few bytes of an archive can declare holes of any size."""
    info = tarfile.TarInfo("data_batch_1.bin")
    info.type = tarfile.GNUTYPE_SPARSE
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    head[386:410] = b"%011o\0%011o\0" % (0, 0)
    head[483:495] = b"%011o\0" % (3073 * 1000)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(bytes(head) + b"\0" * 1024))
    with tarfile.open(path) as archive:
        assert len(archive.extractfile("data_batch_1.bin").read()) == 3_073_000
    with pytest.raises(DataError, match=r"holds no data_batch_1.bin"):
        read_cifar(path)


def test_files_with_other_content_raise_a_sentence(
    publisher: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "mnist", SOURCES["mnist"]._replace(examples=41))
    download("mnist")
    with pytest.raises(DataError, match=r"\(60, 1, 28, 28\) and 10 classes instead of \(61, 1,"):
        load("mnist")


def test_a_run_without_its_data_opens_no_connection_but_for_a_command(
    publisher: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Report, script, model and worker name the missing data; `evaluate` downloads them."""
    root = ["--root", str(tmp_path / "runs")]
    settings = ["--data=mnist", "--hidden=4", "--latent-dim=2", "--epochs=1", "--batch-size=8"]
    assert main(["train", *root, "--run", "mine", *settings]) == 0
    run = Run(tmp_path / "runs" / "mine")
    loader._loaded.clear()  # as in another process
    shutil.rmtree(tmp_path / "cache")
    asked = len(publisher.asked)
    for act in (run.data, lambda: LoadedRun.of(run), lambda: data_file(run)):
        with pytest.raises(DataError, match="mnist is not on this machine yet"):
            act()
    assert "mnist is not on this machine yet" in report([run])
    assert len(publisher.asked) == asked
    assert main(["evaluate", "mine", *root]) == 0
    assert len(publisher.asked) > asked
    assert "20 test examples" in capsys.readouterr().out


def test_listing_uses_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    rows = {row.name: row for row in summary()}
    assert (rows["mnist"].examples, rows["mnist"].shape) == (70_000, (1, 28, 28))
    assert rows["cifar-10"].classes[6] == "frog"
    assert rows["svhn"].download == 182040794 + 64275384
    assert rows["kmnist"].about.endswith("20 MiB to download at first use.")
    assert not (tmp_path / "cache").exists()
    assert all(rows[name].download == 0 for name in OFFLINE)


def test_the_error_offline_lists_local_data_sets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path))
    gone = SOURCES["mnist"]._replace(mirrors=("http://127.0.0.1:9/", "http://localhost:9/"))
    monkeypatch.setitem(SOURCES, "mnist", gone)
    with pytest.raises(DataError) as caught:
        download("mnist")
    told = str(caught.value)
    assert "mnist is not on this machine" in told
    assert "(127.0.0.1, localhost: Connection refused)" in told
    assert f"put {', '.join(f.name for f in gone.files)} into {tmp_path / 'mnist'}" in told
    assert f"use {', '.join(OFFLINE)}" in told
    assert "--data PATH" in told
    assert "\n" not in told


def test_files_copied_into_the_cache_are_used(publisher: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "svhn").rename(tmp_path / "cache" / "svhn")
    assert on_disk("svhn")
    assert load("svhn").test == 20
    assert publisher.asked == []


def test_fashion_mnist_is_found_in_debians_folder(
    publisher: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = SOURCES["fashion-mnist"]._replace(installed=tmp_path / "fashion-mnist")
    monkeypatch.setitem(SOURCES, "fashion-mnist", here)
    assert on_disk("fashion-mnist")
    assert isinstance(load("fashion-mnist"), Dataset)
    assert publisher.asked == []
    assert next(r for r in summary() if r.name == "fashion-mnist").download == 0


def test_debians_fashion_mnist_has_the_declared_content() -> None:
    if not on_disk("fashion-mnist"):
        pytest.skip("dataset-fashion-mnist is not installed")
    data = load("fashion-mnist", examples=100)
    assert data.x.shape == (10_100, 1, 28, 28)
    assert data.classes[9] == "ankle boot"
    assert np.bincount(data.labels[-10_000:]).tolist() == [1000] * 10


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_sizes_and_checksums(name: str) -> None:
    source = SOURCES[name]
    assert len(source.mirrors) >= 2
    assert all(re.fullmatch("https?://.*/", mirror) for mirror in source.mirrors)
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in source.files)
    assert not source.about.endswith(".")
    from vae.data import DATASETS

    said = first_sentence(DATASETS[name])
    assert f"{source.examples:,}" in said
    assert f"{source.test:,}" in said
