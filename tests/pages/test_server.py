"""The server's start."""

import asyncio
import gc
import importlib

import pytest

from vae.dashboard import server


def test_pandas_is_loaded_before_the_first_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure drawn while another thread loads pandas would fail."""
    loaded: list[str] = []
    monkeypatch.setattr(importlib, "import_module", loaded.append)
    monkeypatch.setattr(server, "WARM", False)

    async def start() -> list[str]:
        async with server.lifespan(None):
            return list(loaded)

    assert asyncio.run(start()) == ["pandas"]


def test_new_modules_are_exempt_from_garbage_collection() -> None:
    """The garbage collector has few objects left, until a module is new."""
    try:
        count = server.freeze(0)
        assert len(gc.get_objects()) < gc.get_freeze_count() / 10
        later = [[] for _ in range(1000)]
        frozen = gc.get_freeze_count()
        assert server.freeze(count) == count
        assert gc.get_freeze_count() <= frozen
        assert server.freeze(count - 1) == count
        assert gc.get_freeze_count() > frozen + len(later) / 2
    finally:
        gc.unfreeze()
