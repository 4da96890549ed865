"""Data that a command needs: a published data set is downloaded if it is not on this machine."""

from vae.runs import Run


def fetch(data: str) -> None:
    """Download a published data set if it is not on this machine, with a progress bar.

    A second attempt continues the first one.
    """
    from vae.data import SOURCES, download, is_missing

    if not is_missing(data):
        return
    from tqdm import tqdm

    with tqdm(total=SOURCES[data].size, unit="B", unit_scale=True, desc=data) as bar:
        download(data, lambda done, whole: bar.update(done - bar.n))


def with_data(run: Run) -> Run:
    """Return the run, after downloading its data if they are missing."""
    if run.status().state != "damaged" and not run.is_recorded:
        fetch(run.settings["data"])
    return run
