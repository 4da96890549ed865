"""The server's start."""

import asyncio
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
