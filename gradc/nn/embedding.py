"""A table of vectors as a module."""

from __future__ import annotations

from typing import Self

from gradc.errors import ArgumentError, ShapeError, UnsupportedError
from gradc.functional.linear import embedding
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.linear import check_size
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, empty, no_grad


class Embedding(Module):
    """Rows of a table at given indices; the table starts with draws from N(0, 1).

    Args:
        num_embeddings: rows.
        embedding_dim: features of each.
        padding_idx: a row that starts with zeros and gets no gradient.
        max_norm: must be None.
        norm_type: belongs to max_norm.
        scale_grad_by_freq: must be False.
        sparse: must be False.
        _weight: the table to start with.
        _freeze: whether the table wants no gradient.
        device: where the table is made.
        dtype: of the table.

    Attributes:
        weight: `[num_embeddings, embedding_dim]`.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_size("Embedding", "num_embeddings", num_embeddings)
        check_size("Embedding", "embedding_dim", embedding_dim)
        if max_norm is not None or norm_type != 2.0:
            raise UnsupportedError("Embedding: max_norm and norm_type are not supported")
        if scale_grad_by_freq or sparse:
            which = "scale_grad_by_freq" if scale_grad_by_freq else "sparse"
            raise UnsupportedError(f"Embedding: {which}=True is not supported")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError(
                f"Embedding: padding_idx must be from {-num_embeddings} to {num_embeddings - 1}, "
                f"got {padding_idx}"
            )
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        if _weight is None:
            table = empty(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
            return
        if tuple(_weight.shape) != (num_embeddings, embedding_dim):
            raise ShapeError(
                f"Embedding: expected weight [{num_embeddings}, {embedding_dim}], got "
                f"{list(_weight.shape)}"
            )
        self.weight = Parameter(_weight, requires_grad=not _freeze)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> Self:
        """Return an Embedding with a given table.

        Args:
            embeddings: `[rows, features]`.
            freeze: whether the table wants no gradient.
            padding_idx: a row that gets no gradient.
        """
        if embeddings.ndim != 2:
            raise ShapeError(
                f"Embedding.from_pretrained: expected embeddings [rows, features], got "
                f"{list(embeddings.shape)}"
            )
        rows, features = (int(n) for n in embeddings.shape)
        return cls(rows, features, padding_idx, _weight=embeddings, _freeze=freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Tensor) -> Tensor:
        """Return the rows `[*, embedding_dim]` at indices `[*]`."""
        return embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Return the sizes and the padding row."""
        sizes = f"{self.num_embeddings}, {self.embedding_dim}"
        return sizes if self.padding_idx is None else f"{sizes}, padding_idx={self.padding_idx}"
