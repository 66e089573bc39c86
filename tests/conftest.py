"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_cache_on_disk() -> Iterator[None]:
    """Let tests search anew, whatever was found before; those of the cache choose a directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DNNACCEL_CACHE", "0")
        yield
