"""Ten thousand damaged files per reader raise at most a DataError, within limits of time and
memory.

The few hundred of the default run and the ten thousand of `-m long` have one distribution. A
separate process with limited memory reads them, so that the test detects crashes and huge
allocations.
"""

import gzip
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io

from tests.data import test_bad_files, test_published
from tests.data.test_files import idx
from tests.data.test_pictures import COLOUR, GREY, encoded
from vae.data import DataError, Dataset, read

RNG = np.random.default_rng(0)
MEMORY = 3 * 2**30  # bytes of address space beyond what the libraries take
SECONDS = 2.0  # of the processor, for one file


def zipped(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def table(**columns: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression="snappy")
    return file.getvalue()


def matlab(compressed: bool) -> bytes:
    file = io.BytesIO()
    arrays = {"X": COLOUR.transpose(1, 2, 3, 0), "y": np.arange(6)[:, None]}
    scipy.io.savemat(file, arrays, do_compression=compressed)
    return file.getvalue()


def pictures() -> dict[str, bytes]:
    """Return a picture of every format, of one size."""
    kinds = ("PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF")
    found = {f"{k.lower()}": encoded(COLOUR[0], k) for k in kinds}
    found |= {"jp2": encoded(COLOUR[0], "JPEG2000")}
    return found | {"jpg": encoded(GREY[0], "JPEG")}


def letters() -> bytes:
    x, labels = GREY, np.arange(6) + 1
    both = {"images-idx3": gzip.compress(idx(x)), "labels-idx1": gzip.compress(idx(labels))}
    names = ((part, kind) for part in ("train", "test") for kind in both)
    return zipped({f"gzip/emnist-letters-{p}-{k}-ubyte.gz": both[k] for p, k in names}, 0)


def sources(reader: str, folder: Path) -> dict[str, bytes]:
    """Return small valid files of a reader: name → content."""
    if reader == "pictures":
        return {f"folder/a.{kind}": content for kind, content in pictures().items()}
    if reader == "zip":
        names = {f"{kind}/a.{kind}": content for kind, content in pictures().items()}
        return {"a.zip": zipped(names), "b.zip": zipped(names, zipfile.ZIP_STORED)}
    if reader == "parquet":
        rows = {f"c{k}": RNG.standard_normal(8) for k in range(3)}
        files = [encoded(c) for c in COLOUR]
        lists = pa.array(RNG.random((6, 4)).tolist())
        return {
            "a.parquet": table(**rows, label=list("abababab")),
            "b.parquet": table(image=pa.array([{"bytes": f, "path": "x"} for f in files])),
            "c.parquet": table(embedding=lists, y=pa.array(list("aabbaa")).dictionary_encode()),
        }
    if reader == "mat":
        return {f"{c}.mat": matlab(c) for c in (True, False)} | {
            "big.mat": test_published.big_endian_mat()
        }
    if reader == "cifar":
        one = test_published.cifar_records(1)
        batches = {"data_batch_1.bin": one, "x/test_batch.bin": one}
        content = test_published.tar(batches, folder / "made")
        return {"cifar-10-binary.tar.gz": content}
    if reader == "emnist":
        return {"gzip.zip": letters()}
    kinds = {"npz": (".npz",), "npy": (".npy",), "csv": (".csv",), "idx": ("ubyte", ".gz")}
    files = test_bad_files.sources(folder)
    return {name: files[name] for name in files if name.endswith(kinds[reader])}


READERS = (
    "pictures", "zip", "parquet", "mat", "cifar", "emnist", "npz", "npy", "csv", "idx"
)  # fmt: skip


def damaged(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Return the mutated content; half of the compressed files are mutated before compression."""
    if name.endswith(".tar.gz") and rng.random() < 0.5:
        inner = test_bad_files.mutated(gzip.decompress(content), rng)
        return gzip.compress(inner, 1)
    for _ in range(int(rng.integers(1, 4))):
        content = test_bad_files.mutated(content, rng) or b"!"
    return content


def attempt(path: Path, reader: str) -> Dataset | None:
    """Return the data set, or None if a DataError refuses it."""
    from vae.data.compose import compose
    from vae.data.published import read_emnist

    try:
        if reader == "emnist":
            return compose("a", "a", read_emnist(path))
        return read(path.parent if reader == "pictures" else path)
    except DataError:
        return None


def torture(reader: str, number: int, folder: Path) -> int:
    """Return the number of refused files; raise an error for any other failure.

    The name of the file is in the error, and the reader in the name of the folder.
    """
    import time
    import warnings

    warnings.simplefilter("ignore")  # of bombs and of odd tags
    rng = np.random.default_rng(1)
    folder.mkdir()
    files = sources(reader, folder)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        assert attempt(path, reader) is not None, name
        path.unlink()
    _limit()
    refused = 0
    for n in range(number):
        name = list(files)[n % len(files)]
        path = folder / name
        path.write_bytes(damaged(name, files[name], rng))
        start = time.process_time()
        data = attempt(path, reader)
        assert time.process_time() - start < SECONDS, path
        path.unlink()
        if data is None:
            refused += 1
        else:
            assert data.x.dtype in (np.uint8, np.float32)
            assert data.x.ndim in (2, 4)
            assert not np.isinf(data.x).any()
            assert data.x.ndim == 2 or not data.missing
            assert data.labels is None or data.labels.shape == (len(data.x),)
    return refused


def _limit() -> None:
    """Limit the memory to MEMORY beyond the present use."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def tortured(readers: tuple[str, ...], number: int, folder: Path) -> dict[str, int]:
    """Return the number of refused files of each reader."""
    code = (
        "import json, sys; from pathlib import Path; "
        "from tests.data.test_mutations import torture; folder = Path(sys.argv[1]); "
        "print(json.dumps({r: torture(r, int(sys.argv[2]), folder / r) for r in sys.argv[3:]}))"
    )
    given = [sys.executable, "-c", code, str(folder), str(number), *readers]
    root = Path(__file__).parents[2]
    done = subprocess.run(given, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-3000:]}"
    return dict(json.loads(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_hundreds_of_damaged_files_raise_data_errors_only(tmp_path: Path) -> None:
    refused = tortured(READERS, 200, tmp_path)
    assert tuple(refused) == READERS
    assert all(20 < number < 200 for number in refused.values()), refused


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
@pytest.mark.parametrize("reader", READERS)
def test_ten_thousand_damaged_files_raise_data_errors_only(reader: str, tmp_path: Path) -> None:
    assert 1000 < tortured((reader,), 10_000, tmp_path)[reader] < 10_000
