import pytest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return a cache directory of this test's own."""
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    return tmp_path / "cache"
