"""Arrays in the memory of a device."""

import numpy as np
import pytest

from gradc.devices.array import DeviceArray, Memory, copy_into, empty, upload
from gradc.devices.driver import driver
from gradc.devices.statistics import memory_text
from gradc.errors import DeviceError, ShapeError


def test_there_and_back(device):
    host = np.arange(12, dtype=np.float32).reshape(3, 4)
    array = upload(host.T)
    assert isinstance(array, DeviceArray)
    assert (array.shape, array.strides, array.nbytes) == ((4, 3), (12, 4), 48)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array.numpy(), host.T)
    assert repr(array) == "DeviceArray(shape=(4, 3), dtype=float32, device=cuda:0)"


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 7)])
def test_every_shape_goes_there_and_back(device, shape):
    host = np.ones(shape, np.int64)
    np.testing.assert_array_equal(upload(host).numpy(), host)
    assert upload(host).strides == host.strides


def test_memory_is_freed_with_its_last_array(device):
    before = device.statistics.live
    array = empty((8,), np.float64)
    view = array.reshape((2, 4))
    assert device.statistics.live == before + 1
    assert device.statistics.allocated == 64
    del array
    assert device.statistics.live == before + 1
    view.fill(0)
    np.testing.assert_array_equal(view.numpy(), np.zeros((2, 4)))
    del view
    assert device.statistics.live == before
    assert (device.statistics.allocated, device.statistics.peak) == (0, 64)


def test_new_memory_holds_nan(device):
    assert np.isnan(empty((3,), np.float32).numpy()).all()


def test_copies_inside_the_device(device):
    first = upload(np.arange(3.0))
    second = first.copy()
    first.fill(0)
    np.testing.assert_array_equal(second.numpy(), [0.0, 1.0, 2.0])
    copy_into(first, second)
    np.testing.assert_array_equal(first.numpy(), [0.0, 1.0, 2.0])


def test_what_does_not_fit_is_refused(device):
    array = empty((2, 3), np.float32)
    with pytest.raises(ShapeError, match=r"copy: float32\[3, 2\] doesn't fit into float32\[2, 3\]"):
        copy_into(array, np.zeros((3, 2), np.float32))
    with pytest.raises(ShapeError, match=r"copy: float64\[2, 3\] doesn't fit into float32\[2, 3\]"):
        copy_into(array, np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"reshape: \[2, 3\] has no shape \[4\]"):
        array.reshape((4,))
    with pytest.raises(ShapeError, match="doesn't fit into 24 bytes"):
        DeviceArray(array.memory, (2, 3), array.dtype, 4)


def test_two_devices(device):
    assert driver(1).index == 1
    first, second = upload(np.zeros(2)), upload(np.ones(2), 1)
    with pytest.raises(DeviceError, match="copy: from cuda:1 to cuda:0"):
        copy_into(first, second)
    with pytest.raises(DeviceError, match="no device cuda:2; there is cuda:0 to cuda:1"):
        driver(2)


def test_memory_of_somebody_else_is_not_freed(device):
    owner = upload(np.ones(4))
    foreign = Memory.foreign(device, owner.address, owner.nbytes, owner)
    view = DeviceArray(foreign, (2, 2), np.dtype(np.float64))
    del foreign, owner
    np.testing.assert_array_equal(view.numpy(), np.ones((2, 2)))
    live = device.statistics.live
    del view
    assert device.statistics.live == live - 1


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.50 KiB"),
        (1 << 20, "1.00 MiB"),
        (5 << 30, "5.00 GiB"),
    ],
)
def test_memory_is_written_in_the_unit_that_suits_it(nbytes, text):
    assert memory_text(nbytes) == text
