"""Versions of packages from the names of their folders."""

from importlib.metadata import version

import pytest

from gradc.runtime.installed import version_of


@pytest.mark.parametrize("name", ["numba", "llvmlite", "numpy"])
def test_the_version_is_what_the_package_says(name):
    assert version_of(name) == version(name)


def test_a_package_that_is_not_there(monkeypatch, tmp_path):
    (tmp_path / "other-2.0.dist-info").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path / "no_such_folder"), str(tmp_path)])
    assert version_of("numba") is None
    assert version_of("oth") is None
    assert version_of("other") == "2.0"
