"""PyTorch's names that `gradc.cuda` has not -> an error that says what to use."""

from __future__ import annotations

from gradc.errors import MissingNameError

GRAPHS = "gradc.compile: a step is captured as one CUDA graph by itself"
DTYPE = 'gradc.tensor(data, dtype=..., device="cuda")'
TOOLS = "nvidia-smi"
PROFILER = "nsys profile python ...: kernels have the names of the generated text"
INSTEAD = {
    **dict.fromkeys(("CUDAGraph", "graph", "graphs", "make_graphed_callables"), GRAPHS),
    **dict.fromkeys(("graph_pool_handle", "is_current_stream_capturing"), GRAPHS),
    **dict.fromkeys(("utilization", "temperature", "power_draw", "clock_rate"), TOOLS),
    **dict.fromkeys(("memory_usage", "device_memory_used", "list_gpu_processes"), TOOLS),
    **dict.fromkeys(("nvtx", "profiler", "cudart"), PROFILER),
    **dict.fromkeys(("memory_snapshot", "memory_cached"), "gradc.cuda.memory_stats"),
    **dict.fromkeys(("max_memory_cached",), "gradc.cuda.max_memory_reserved"),
    **dict.fromkeys(
        ("reset_max_memory_allocated", "reset_max_memory_cached", "reset_accumulated_memory_stats"),
        "gradc.cuda.reset_peak_memory_stats",
    ),
    **dict.fromkeys(("amp",), 'gradc.autocast("cuda") and gradc.amp.GradScaler("cuda")'),
    **dict.fromkeys(("nccl", "comm", "can_device_access_peer", "ipc_collect"), "one device"),
    **dict.fromkeys(("ExternalStream", "get_stream_from_external"), "gradc.cuda.Stream"),
    **dict.fromkeys(
        ("set_per_process_memory_fraction", "get_per_process_memory_fraction", "MemPool"),
        "gradc.cuda.empty_cache",
    ),
    **dict.fromkeys(
        (
            "FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor", "IntTensor",
            "LongTensor", "ShortTensor", "ByteTensor", "CharTensor", "BoolTensor",
        ),
        DTYPE,
    ),
}  # fmt: skip


def missing(name: str) -> MissingNameError | AttributeError:
    """Return the error for a name that `gradc.cuda` has not."""
    if name in INSTEAD:
        return MissingNameError(f"cuda.{name} is not supported", hint=INSTEAD[name])
    return AttributeError(f"module 'gradc.cuda' has no attribute {name!r}")
