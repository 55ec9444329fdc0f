"""A captured graph -> a program on a device, bound to the user's tensors.

A call brings the arguments to where the program reads them: small ones are copied into memory of
the program, so that one captured graph serves them all; large ones are used where they lie. Small
results are copied into fresh tensors, for the same reason.
"""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradc.build.cuda import CudaNative
from gradc.compiler.anomaly import search
from gradc.compiler.bound import BoundProgram
from gradc.compiler.capture import Captured
from gradc.compiler.cuda_native import CudaExecutable
from gradc.compiler.cuda_needs import Needs, lacking
from gradc.compiler.cuda_state import CudaBound, CudaGradient, changed
from gradc.compiler.flow import BackwardProgram
from gradc.devices.array import DeviceArray, copy_into, empty
from gradc.devices.driver import Array
from gradc.emit.cuda import EmittedCuda
from gradc.errors import OutOfMemoryError
from gradc.schedule.plan import Plan
from gradc.tensor.core import mark_inference, read
from gradc.tensor.modes import GradMode
from gradc.tensor.mutation import copy_
from gradc.tensor.on_device import device_place
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage
from gradc.tensor.tensor import Tensor

APART = 2  # float64 numbers: arrays begin at multiples of 16 bytes
COPIED_ARGUMENT = 32 << 20  # bytes; a larger argument is used where it lies
COPIED_ALWAYS = 1 << 20  # bytes; up to here that costs less than a graph for each address
COPIED_RESULT = 1 << 20  # bytes; a larger result is written where it stays


@dataclass(slots=True)
class CudaProgram(BoundProgram):
    """A compiled graph and what it is bound to; one call at a time gives it work.

    Attributes:
        captured: the trace.
        code: the whole step, or the forward half.
        backward: the other half where results want gradients, else None.
        states: bound storages, by their position among the inputs.
        hypers: (owner, key) of each hyper-parameter.
        numbers: their values at the call before, float64.
        device_numbers: the same on the device, each at a multiple of 16 bytes.
        gradients: the `.grad`s that the program makes.
        arguments: memory of the program for each argument; None where it is used where it lies.
        results: memory of the program for each new result, or None.
        addresses: of inputs and outputs, at the call before.
        places: where the arguments lay at the call before.
        apart: storages that no argument may have.
        needs: the memory on the device, known before the first call.
        calls: how often it has run.
    """

    captured: Captured
    code: CudaExecutable
    backward: BackwardProgram[CudaExecutable] | None
    states: list[CudaBound]
    hypers: list[tuple[Any, str]]
    numbers: Array
    device_numbers: DeviceArray
    gradients: list[CudaGradient]
    arguments: list[DeviceArray | None]
    results: list[DeviceArray | None]
    addresses: list[int]
    places: list[int]
    apart: set[Storage]
    needs: Needs
    calls: int = 0

    @property
    def plan(self) -> Plan:
        """Kernels and buffers of the whole step, or of the forward half."""
        return self.code.plan

    @property
    def emitted(self) -> EmittedCuda:
        """The generated text of the same."""
        return self.code.emitted

    @property
    def native(self) -> CudaNative:
        """The loaded code of the same."""
        return self.code.native

    @property
    def source(self) -> str:
        """The text of the generated file."""
        return self.code.emitted.source

    @property
    def path(self) -> Path:
        """The generated file."""
        return self.code.native.path

    def __call__(self, given: Sequence[Tensor]) -> Any:
        """Give the device the work of one call; return what the function returns.

        Raises:
            OutOfMemoryError: before anything has run: all that the call needs is there first.
        """
        with self.code.lock:
            self.calls += 1
            try:
                return self._run(given)
            except OutOfMemoryError as error:
                raise lacking(error, self.graph.name, self.needs) from error

    def _run(self, given: Sequence[Tensor]) -> Any:
        captured, code, addresses = self.captured, self.code, self.addresses
        code.follow_stream()
        contents: list[Any] = []
        returning: list[tuple[Tensor, DeviceArray]] = []
        for i, position in enumerate(captured.positions):
            contents.append(self._place_argument(i, given[position], returning))
        if captured.updated_arguments:
            self._check_apart(given)
        for b in self.states:
            b.place(addresses, None if b.owner is None else self._tensor(b.owner, given))
        self._place_numbers()
        if STATE.anomaly:
            search(captured.ahead, self._inputs(contents))
        outputs = self._place_outputs(given)
        copies = [None if f is None else empty(f.shape, f.dtype, f.index) for f in self.results]
        code.call(addresses)
        for b in self.states:
            if b.updated:
                b.settle()
        self._return_arguments(given, returning)
        for i, copy in enumerate(copies):
            if copy is not None:
                copy_into(copy, outputs[i])
                outputs[i] = copy
        return self._results(given, contents, outputs)

    def _place_argument(
        self, i: int, tensor: Tensor, returning: list[tuple[Tensor, DeviceArray]]
    ) -> Any:
        """Bring an argument to where the program reads it; return its content.

        Raises:
            TraceError: it shares memory with state that the program changes, or it is changed
                and shares memory with any state.
        """
        if tensor._storage in self.apart:
            raise self._shares_state(i)
        content = read(tensor)
        fixed = self.arguments[i]
        if fixed is not None and not self._came_again(i, content):
            copy_into(fixed, content)
            self.addresses[i] = fixed.address
            return content
        if i not in self.captured.updated_arguments:
            content = content.aligned()
        elif tensor._path or content.aligned() is not content:
            content = content.copy()
            returning.append((tensor, content))
        self.addresses[i] = content.address
        return content

    def _came_again(self, i: int, content: Any) -> bool:
        """Return whether an argument that is not small lies where it lay at the call before."""
        if not isinstance(content, DeviceArray) or content.nbytes <= COPIED_ALWAYS:
            return False
        before, self.places[i] = self.places[i], content.address
        return before == content.address and content.aligned() is content

    def _return_arguments(
        self, given: Sequence[Tensor], returning: list[tuple[Tensor, DeviceArray]]
    ) -> None:
        """Let the arguments that the program has changed know it; write copies of views back."""
        place = device_place(self.code.driver.index)
        with GradMode(False):
            for tensor, array in returning:
                copy_(tensor, place.wrap(array))
        views = {id(tensor) for tensor, _ in returning}
        for i in self.captured.updated_arguments:
            tensor = given[self.captured.positions[i]]
            if id(tensor) not in views:
                changed(tensor._storage)

    def _check_apart(self, given: Sequence[Tensor]) -> None:
        """Raise where two arguments share memory and the program changes one of them."""
        storages = [given[p]._storage for p in self.captured.positions]
        for i in self.captured.updated_arguments:
            for j, other in enumerate(storages):
                if j != i and other is storages[i]:
                    raise self._share_memory(i, j)

    def _place_numbers(self) -> None:
        """Bring hyper-parameters to the device where they have changed."""
        if not self.hypers:
            return
        now = np.array([owner[key] for owner, key in self.hypers], np.float64)
        if now.tobytes() != self.numbers.tobytes():
            copy_into(self.device_numbers, np.repeat(now[:, None], APART, axis=1))
            self.numbers = now

    def _place_outputs(self, given: Sequence[Tensor]) -> list[DeviceArray]:
        """Give every output memory; return that of all of them."""
        code, outputs = self.code, list[DeviceArray]()
        for fixed, pool in zip(self.results, code.pools, strict=False):
            outputs.append(pool.take() if fixed is None else fixed)
        for gradient in self.gradients:
            outputs.append(gradient.place(self._tensor(gradient.owner, given)))
        outputs += [pool.take() for pool in code.pools[len(outputs) :]]
        first = len(code.graph.inputs)
        for i, array in enumerate(outputs, first):
            self.addresses[i] = array.address
        return outputs

    def _inputs(self, contents: list[Any]) -> list[Array]:
        """Return one host array per input of the trace; gradients of results are not known yet."""
        captured = self.captured
        numbers = iter(self.numbers)
        bound = {b.position: b for b in self.states}
        found: list[Any] = []
        for i, value in enumerate(captured.ahead.inputs):
            if i < len(contents):
                found.append(contents[i])
            elif value in captured.hypers:
                found.append(np.asarray(next(numbers)))
            elif i in bound:
                found.append(bound[i].storage.content)
            else:
                found.append(captured.cells[value].storage.content)
        return [x.numpy() if isinstance(x, DeviceArray) else x for x in found]

    def _results(
        self, given: Sequence[Tensor], contents: list[Any], outputs: list[DeviceArray]
    ) -> Any:
        """Set `.grad`s, put results on the tape, return what the function returns."""
        captured = self.captured
        for gradient in self.gradients:
            gradient.settle(self._tensor(gradient.owner, given))
        self._pass_gradients(given)
        place = device_place(self.code.driver.index)
        results = [place.wrap(a) for a in outputs[: captured.returned]]
        if STATE.inference:
            mark_inference(results)
        if self.backward is not None:
            storages = [given[p]._storage for p in captured.positions]
            self.backward.attach(results, given, contents, storages, outputs)
        return self._returned(results, given)
