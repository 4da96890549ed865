"""Processes as `torchrun` starts them: forks with its variables."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import torch

from tests.processes import Forked, forked
from vae.base.world import VARIABLES


def start(count: int, act: Callable[[], int], folder: Path) -> list[Forked]:
    """Start `act` on so many ranks; rank k prints to k.txt in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)

    def on(rank: int) -> int:
        torch.set_num_threads(1)
        numbers = (rank, count, rank, count)
        os.environ |= dict(zip(VARIABLES, map(str, numbers), strict=True))
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        return act()

    places = [folder / f"{rank}.txt" for rank in range(count)]
    return [forked(lambda k=k: on(k), places[k], places[k], 60.0) for k in range(count)]


def ends(ranks: list[Forked]) -> list[int]:
    """Return the exit status of each rank."""
    return [rank.wait() for rank in ranks]


def together(count: int, act: Callable[[], None], folder: Path) -> None:
    """Run `act` on so many ranks; an error fails the test."""

    def whole() -> int:
        act()
        return 0

    statuses = ends(start(count, whole, folder))
    printed = [(folder / f"{k}.txt").read_text()[-3000:] for k in range(count)]
    assert not any(statuses), (statuses, *printed)
