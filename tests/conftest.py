"""Options of the whole test suite, and which tests need a device that is not there."""

import pytest

from gradc.devices import cuda


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden files of generated text"
    )


def pytest_collection_modifyitems(items):
    needing = [item for item in items if item.get_closest_marker("gpu")]
    why = cuda.missing() if needing else ""
    for item in needing:
        if why:
            item.add_marker(pytest.mark.skip(reason=f"needs a GPU: {why}"))
