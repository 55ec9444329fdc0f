"""Where the workloads run, and in which sizes: set once, before a workload is imported."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")
CPU_PEERS = ("torch", "torch.compile", "jax")
CUDA_PEERS = ("torch", "torch.reduce-overhead", "torch.max-autotune", "jax")
JAX_PRECISION = {"highest": "float32", "high": "tensorfloat32", "medium": "bfloat16"}


class Place:
    """The device, and how PyTorch compiles.

    Attributes:
        device: `cpu` or `cuda`.
        mode: of torch.compile; None: its default.
    """

    def __init__(self) -> None:
        self.device = "cpu"
        self.mode: str | None = None


PLACE = Place()


def pick(cpu: T, cuda: T) -> T:
    """Return what belongs to the device."""
    return cpu if PLACE.device == "cpu" else cuda


def put(thing: Any) -> Any:
    """Return a tensor or a model on the device."""
    return thing if PLACE.device == "cpu" else thing.to(PLACE.device)


def compiled_by_torch(function: Any) -> Any:
    """Return a function compiled by PyTorch, in the mode of the peer."""
    import torch

    return (
        torch.compile(function) if PLACE.mode is None else torch.compile(function, mode=PLACE.mode)
    )


def wait(lib: Any) -> None:
    """Return once the device has done what it was told."""
    if PLACE.device != "cpu":
        lib.cuda.synchronize()


def unavailable() -> str:
    """Return why there is nothing to measure on CUDA, or ""."""
    from gradc.devices.driver import emulated, missing

    if emulated():
        return "GRADC_CUDA=emulate is a device in host memory: its times say nothing"
    return missing()


def set_precision(precision: str, peers: list[str]) -> None:
    """Let all peers compute float32 products in the same way on the device."""
    import gradc

    gradc.set_float32_matmul_precision(precision)
    if any(p.startswith("torch") for p in peers):
        import torch

        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = precision != "highest"  # PyTorch's default is True
    if "jax" in peers:
        import jax

        jax.config.update("jax_default_matmul_precision", JAX_PRECISION[precision])


def gpu() -> dict[str, str]:
    """Return what the device and the driver call themselves."""
    from gradc.devices.driver import driver

    device = driver()
    major, minor = device.compute_capability
    return {"device": device.name, "compute capability": f"{major}.{minor}"}
