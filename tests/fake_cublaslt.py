"""A stand-in for cuBLASLt: reads the descriptors, multiplies column-major host memory."""

import ctypes

import numpy as np

from gradc.runtime.cublaslt import WORKSPACE, HeuristicResult


class FakeCublasLt:
    """What cublasLt.h says of the functions that are called; handles are numbers of objects."""

    def __init__(self):
        self.objects = {}
        self.heuristics = 0
        self.calls = 0
        self.found = 1
        self.status = 0

    def _new(self, handle, **fields):
        number = len(self.objects) + 1
        self.objects[number] = fields
        handle._obj.value = number
        return 0

    def cublasLtCreate(self, handle):
        return self._new(handle)

    def cublasLtMatmulDescCreate(self, handle, compute, scale):
        assert isinstance(compute, ctypes.c_int)
        return self._new(handle, compute=compute.value, scale=scale.value, attributes={})

    def cublasLtMatrixLayoutCreate(self, handle, kind, rows, columns, leading):
        assert isinstance(rows, ctypes.c_uint64)
        assert isinstance(leading, ctypes.c_int64)
        assert leading.value >= rows.value > 0
        layout = (kind.value, rows.value, columns.value, leading.value)
        return self._new(handle, layout=layout, attributes={})

    def cublasLtMatmulPreferenceCreate(self, handle):
        return self._new(handle, attributes={})

    def cublasLtMatmulPreferenceDestroy(self, handle):
        del self.objects[handle.value]
        return 0

    def _set(self, handle, attribute, value, size):
        assert size.value == ctypes.sizeof(value._obj)
        self.objects[handle.value]["attributes"][attribute.value] = value._obj.value
        return 0

    cublasLtMatmulDescSetAttribute = cublasLtMatrixLayoutSetAttribute = _set
    cublasLtMatmulPreferenceSetAttribute = _set

    def cublasLtMatmulAlgoGetHeuristic(
        self, handle, operation, a, b, c, d, preference, wanted, results, count
    ):
        self.heuristics += 1
        self.preferences = self.objects[preference.value]["attributes"]
        assert isinstance(results._obj, HeuristicResult)
        count._obj.value = self.found
        return 0

    def cublasLtMatmul(
        self, handle, operation, alpha, a, la, b, lb, beta, c, lc, d, ld, algo, space, size, stream
    ):
        self.calls += 1
        if self.status:
            return self.status
        operation = self.objects[operation.value]
        assert (alpha._obj.value, beta._obj.value) == (1.0, 0.0)
        assert size.value == WORKSPACE
        assert (c.value, lc.value) == (d.value, ld.value)
        self.compute = operation["compute"]
        first, second, out = (
            self._matrices(x, self.objects[y.value]) for x, y in ((a, la), (b, lb), (d, ld))
        )
        self.epilogue = operation["attributes"].get(7, 1)
        if operation["attributes"][3]:
            first = first.swapaxes(1, 2)
        if operation["attributes"][4]:
            second = second.swapaxes(1, 2)
        out[...] = first @ second
        if self.epilogue == 4:  # a bias as long as a column, added to each
            rows, place = out.shape[1], operation["attributes"][8]
            memory = (ctypes.c_char * (rows * out.itemsize)).from_address(place)
            out += np.frombuffer(memory, out.dtype)[:, None]
        return 0

    def _matrices(self, place, layout):
        kind, rows, columns, leading = layout["layout"]
        count = layout["attributes"].get(5, 1)
        step = layout["attributes"].get(6, 0)
        element = np.dtype([np.float32, np.float64][kind])
        size = ((count - 1) * step + columns * leading) * element.itemsize
        memory = (ctypes.c_char * size).from_address(place.value)
        strides = [element.itemsize * s for s in (step, 1, leading)]
        return np.ndarray((count, rows, columns), element, memoryview(memory), strides=strides)
