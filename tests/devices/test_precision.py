"""The precision of float32 products."""

import pytest

from gradc.devices.precision import get_float32_matmul_precision, set_float32_matmul_precision
from gradc.errors import ArgumentError


def test_precision_is_set_and_read():
    assert get_float32_matmul_precision() == "highest"
    set_float32_matmul_precision("medium")
    assert get_float32_matmul_precision() == "medium"
    set_float32_matmul_precision("highest")
    with pytest.raises(ArgumentError) as error:
        set_float32_matmul_precision("low")
    assert "precision must be 'highest', 'high' or 'medium', got 'low'" in str(error.value)
