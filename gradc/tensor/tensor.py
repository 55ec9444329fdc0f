"""The user's Tensor: operators, properties and Python's protocols on top of the methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from gradc.errors import ArgumentTypeError
from gradc.ir.dtype import DType
from gradc.tensor import (
    accumulate,
    arithmetic,
    bits,
    conversion,
    copying,
    creation,
    duplicate,
    gradient,
    index_write,
    indexing,
    logic,
    movement,
    mutation,
    printing,
    products,
    replacement,
    sharing,
    strides,
)
from gradc.tensor import (
    data as data_,
)
from gradc.tensor.axes import axis
from gradc.tensor.core import TensorCore
from gradc.tensor.device import Device
from gradc.tensor.joining import unbind
from gradc.tensor.methods import TensorMethods
from gradc.tensor.moving import device_of
from gradc.tensor.node import Node
from gradc.tensor.size import Size
from gradc.tensor.state import STATE


class Tensor(TensorMethods):
    """An array of numbers of one dtype that can be differentiated by.

    Made by `gradc.tensor`, `gradc.zeros`, `gradc.randn` and their kin; `Tensor(data)` gives the
    default floating dtype.

    Example:
        >>> import gradc
        >>> w = gradc.tensor([1.0, 2.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> w.grad
        tensor([2., 4.])
    """

    __array_priority__ = 1000

    def __new__(cls, *data: Any) -> Self:
        """Return a new tensor of the default floating dtype: of data, or of sizes."""
        sizes = all(isinstance(d, int) for d in data)
        made = creation.empty(*data) if sizes else _from_data(data)
        return cls._make_subclass(cls, made)

    @staticmethod
    def _make_subclass(kind: type[Any], data: Tensor, require_grad: bool = False) -> Any:
        """Return a tensor of a subclass on the memory of `data`, off its tape."""
        return replacement.as_class(kind, data, require_grad)

    @staticmethod
    def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
        """Return a tensor on the memory of an ndarray."""
        return data_.from_numpy_array(ndarray)

    # ---- properties --------------------------------------------------------------------------
    @property
    def shape(self) -> Size:
        """Sizes of the axes, outermost first."""
        return Size(self._data.shape)

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self._dtype

    @property
    def device(self) -> Device:
        """Where the elements are."""
        return device_of(self)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._data.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return conversion.nbytes(self)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        return gradient.requires_grad(self)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        gradient.set_requires_grad(self, value)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have added up, or None."""
        return accumulate.get_grad(self)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        gradient.assign_grad(self, value)

    @grad.deleter
    def grad(self) -> None:
        gradient.assign_grad(self, None)

    @property
    def grad_fn(self) -> Node | None:
        """The recorded operation that made this tensor, or None."""
        return gradient.grad_fn(self)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return gradient.is_leaf(self)

    @property
    def retains_grad(self) -> bool:
        """Whether a tensor that is no leaf keeps its gradient."""
        return gradient.peek(self)._retains

    @property
    def output_nr(self) -> int:
        """Which output of its grad_fn this tensor is."""
        return gradient.peek(self)._slot

    @property
    def _version(self) -> int:
        """Number of in-place changes of the memory."""
        return gradient.peek(self)._storage.version

    @property
    def data(self) -> Tensor:
        """The same memory, off the tape; changes through it are not checked."""
        return copying.data_of(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        replacement.set_data(self, value)

    @property
    def T(self) -> Tensor:  # PyTorch's name
        """A view with all axes in reverse order."""
        return movement.transposed(self)

    @property
    def mT(self) -> Tensor:  # PyTorch's name
        """A view with the last two axes swapped."""
        return movement.matrix_transposed(self)

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a GPU."""
        return device_of(self).type == "cuda"

    def get_device(self) -> int:
        """Return the number of the device; -1 for the CPU."""
        index = device_of(self).index
        return -1 if index is None else index

    # ---- questions ---------------------------------------------------------------------------
    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one axis."""
        return self.shape if dim is None else self.shape[_axis(dim, self.ndim)]

    def dim(self) -> int:
        """Return the number of axes."""
        return len(self._data.shape)

    def numel(self) -> int:
        """Return the number of elements."""
        return movement.size_of(self._data.shape)

    nelement = numel
    ndimension = dim

    def element_size(self) -> int:
        """Return the bytes of one element."""
        return self._dtype.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Return how many elements lie between neighbours, along each axis or one."""
        steps = strides.strides(self)
        return steps if dim is None else steps[_axis(dim, self.ndim)]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Return whether the elements lie in memory in order and without gaps."""
        return strides.is_contiguous(self)

    def is_floating_point(self) -> bool:
        """Return whether the dtype has fractions."""
        return self._dtype.is_floating_point

    def is_complex(self) -> bool:
        """Return False: there are no complex dtypes."""
        return False

    def is_inference(self) -> bool:
        """Return whether the tensor was made in inference mode."""
        return self._inference

    def is_set_to(self, tensor: Tensor) -> bool:
        """Return whether both are the same view of the same memory."""
        return index_write.same_place(self, tensor)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether this leaf wants a gradient; return it."""
        gradient.set_requires_grad(self, requires_grad)
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor to the `.grad` of the leaves it depends on.

        Args:
            gradient: dL/d(this); None stands for 1, of a one-element tensor.
            retain_graph: keep what the pass needs for another.
            create_graph: record the pass itself, for higher derivatives.
            inputs: where given, only these tensors get gradients.
        """
        backward(self, gradient, retain_graph, create_graph, inputs)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Return this tensor where the condition holds, `other` elsewhere."""
        return logic.where(condition, self, other)

    # ---- operators ---------------------------------------------------------------------------
    __add__ = __radd__ = arithmetic.add
    __sub__ = arithmetic.sub
    __rsub__ = arithmetic.rsub
    __mul__ = __rmul__ = arithmetic.mul
    __truediv__ = arithmetic.div
    __floordiv__ = arithmetic.floor_divide
    __mod__ = arithmetic.remainder
    __pow__ = arithmetic.pow
    __matmul__ = products.matmul
    __neg__ = arithmetic.neg
    __invert__ = bits.bitwise_not
    __and__ = __rand__ = bits.bitwise_and
    __or__ = __ror__ = bits.bitwise_or
    __xor__ = __rxor__ = bits.bitwise_xor
    __lshift__, __rlshift__ = bits.bitwise_left_shift, bits.rlshift
    __rshift__, __rrshift__ = bits.bitwise_right_shift, bits.rrshift
    __lt__ = logic.lt
    __le__ = logic.le
    __gt__ = logic.gt
    __ge__ = logic.ge
    __iadd__ = mutation.add_
    __isub__ = mutation.sub_
    __imul__ = mutation.mul_
    __itruediv__ = mutation.div_
    __ifloordiv__ = mutation.floor_divide_
    __imod__ = mutation.remainder_
    __ipow__ = mutation.pow_
    __iand__ = mutation.bitwise_and_
    __ior__ = mutation.bitwise_or_
    __ixor__ = mutation.bitwise_xor_
    __ilshift__ = mutation.bitwise_left_shift_
    __irshift__ = mutation.bitwise_right_shift_
    __getitem__ = indexing.getitem
    __setitem__ = index_write.setitem
    __bool__ = conversion.truth_value
    __index__ = conversion.index_value
    __array__ = conversion.array_protocol
    __format__ = printing.formatted
    __deepcopy__ = duplicate.deepcopy
    __reduce_ex__ = duplicate.reduce

    def __eq__(self, other: object) -> Any:
        """Return self == other, element by element."""
        return logic.eq(self, other)

    def __ne__(self, other: object) -> Any:
        """Return self != other, element by element."""
        return logic.ne(self, other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return printing.represent(self)

    def __str__(self) -> str:
        return printing.text_of(self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return arithmetic.div(other, self)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return arithmetic.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Tensor:
        return arithmetic.remainder(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return arithmetic.pow(other, self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return self.abs()

    def __float__(self) -> float:
        return conversion.as_number(self, float, "float()")

    def __int__(self) -> int:
        return conversion.as_number(self, int, "int()")

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __len__(self) -> int:
        if not self._data.shape:
            raise ArgumentTypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.shape:
            raise ArgumentTypeError("iteration over a 0-d tensor")
        return iter(unbind(self, 0))

    def __array_wrap__(
        self, array: np.ndarray[Any, Any], context: Any = None, return_scalar: bool = False
    ) -> Tensor:
        """Return the result of a NumPy function as a tensor."""
        return data_.from_numpy_array(array)

    __dlpack__ = sharing.to_dlpack
    __dlpack_device__ = sharing.dlpack_device

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Address, shape and type, by the CUDA array interface; of tensors on a device only."""
        return sharing.cuda_array_interface(self)


TensorCore.public = Tensor
backward = gradient.backward


def _axis(dim: int, ndim: int) -> int:
    return axis("size", dim, ndim)


def _from_data(data: tuple[Any, ...]) -> Tensor:
    if len(data) != 1:
        raise ArgumentTypeError(f"Tensor: expected data or sizes, got {len(data)} arguments")
    return data_.tensor(data[0], dtype=STATE.default_dtype)
