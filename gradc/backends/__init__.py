"""PyTorch's `torch.backends`: which libraries compute, and what they are allowed to do."""

from __future__ import annotations

from gradc.backends.libraries import Absent, Cuda, Cudnn

__all__ = ["cuda", "cudnn", "mkldnn", "mps"]

cuda = Cuda()
cudnn = Cudnn()
mkldnn = Absent("mkldnn")
mps = Absent("mps")
