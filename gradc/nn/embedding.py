"""Tables of vectors as modules: rows at indices, or sums of them over bags."""

from __future__ import annotations

from typing import Self

from gradc.errors import ArgumentError, ShapeError, UnsupportedError
from gradc.functional.embedding import embedding
from gradc.functional.embedding_bag import MODES, embedding_bag
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
        max_norm: where given, rows that are looked up and longer are made so long, for good.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up at once.
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
        if sparse:
            raise UnsupportedError("Embedding: sparse=True is not supported")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _padding("Embedding", padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.weight = _table(
            "Embedding", num_embeddings, embedding_dim, _weight, _freeze, device, dtype
        )
        if _weight is None:
            self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Return an Embedding with a given table.

        Args:
            embeddings: `[rows, features]`.
            freeze: whether the table wants no gradient.
            padding_idx: a row that gets no gradient.
            max_norm: as for the class, and so are the rest.
            norm_type: the order of that norm.
            scale_grad_by_freq: as for the class.
            sparse: must be False.
        """
        rows, features = _sizes("Embedding", embeddings)
        return cls(
            rows,
            features,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        _draw(self.weight, self.padding_idx)

    def forward(self, input: Tensor) -> Tensor:
        """Return the rows `[*, embedding_dim]` at indices `[*]`."""
        return embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        """Return the sizes and what differs from the defaults."""
        shown = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            shown.append(f"padding_idx={self.padding_idx}")
        return ", ".join([*shown, *_unusual(self)])


def _unusual(module: Embedding | EmbeddingBag) -> list[str]:
    """Return what of the common arguments differs from the defaults."""
    shown = [] if module.max_norm is None else [f"max_norm={module.max_norm}"]
    if module.norm_type != 2:
        shown.append(f"norm_type={module.norm_type}")
    if module.scale_grad_by_freq:
        shown.append("scale_grad_by_freq=True")
    return shown


class EmbeddingBag(Module):
    """The sum, mean or maximum of a table's rows for each bag of indices.

    Args:
        num_embeddings: rows.
        embedding_dim: features of each.
        max_norm: where given, rows that are looked up and longer are made so long, for good.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up at once.
        mode: `sum`, `mean` or `max`.
        sparse: must be False.
        _weight: the table to start with.
        include_last_offset: whether the last offset is where the last bag ends.
        padding_idx: a row that starts with zeros and that no bag counts.
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
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if sparse:
            raise UnsupportedError("EmbeddingBag: sparse=True is not supported")
        if mode not in MODES:
            raise ArgumentError(f"EmbeddingBag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
        check_size("EmbeddingBag", "num_embeddings", num_embeddings)
        check_size("EmbeddingBag", "embedding_dim", embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.include_last_offset = include_last_offset
        self.padding_idx = _padding("EmbeddingBag", padding_idx, num_embeddings)
        self.weight = _table(
            "EmbeddingBag", num_embeddings, embedding_dim, _weight, False, device, dtype
        )
        if _weight is None:
            self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Return an EmbeddingBag with a given table.

        Args:
            embeddings: `[rows, features]`.
            freeze: whether the table wants no gradient.
            max_norm: as for the class, and so are the rest.
            norm_type: the order of that norm.
            scale_grad_by_freq: as for the class.
            mode: `sum`, `mean` or `max`.
            sparse: must be False.
            include_last_offset: as for the class.
            padding_idx: a row that no bag counts.
        """
        rows, features = _sizes("EmbeddingBag", embeddings)
        made = cls(
            rows,
            features,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        made.weight.requires_grad = not freeze
        return made

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        _draw(self.weight, self.padding_idx)

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """Return `[B, embedding_dim]`, for indices `[B, N]`, or `[n]` and offsets `[B]`."""
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            False,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Return the sizes, what differs from the defaults, and the mode."""
        shown = [f"{self.num_embeddings}, {self.embedding_dim}", *_unusual(self)]
        shown.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            shown.append(f"padding_idx={self.padding_idx}")
        return ", ".join(shown)


def _padding(name: str, row: int | None, rows: int) -> int | None:
    """Return the row of padding, counted from the first."""
    if row is not None and not -rows <= row < rows:
        raise ArgumentError(f"{name}: padding_idx must be from {-rows} to {rows - 1}, got {row}")
    return None if row is None else row % rows


def _table(
    name: str,
    rows: int,
    features: int,
    given: Tensor | None,
    freeze: bool,
    device: str | None,
    dtype: DType | None,
) -> Parameter:
    """Return the table: the given one, or one to be drawn."""
    if given is not None and tuple(given.shape) != (rows, features):
        raise ShapeError(f"{name}: expected weight [{rows}, {features}], got {list(given.shape)}")
    table = empty(rows, features, device=device, dtype=dtype) if given is None else given
    return Parameter(table, requires_grad=not freeze)


def _sizes(name: str, embeddings: Tensor) -> tuple[int, int]:
    """Return the rows and features of a given table."""
    if embeddings.ndim != 2:
        raise ShapeError(
            f"{name}.from_pretrained: expected embeddings [rows, features], got "
            f"{list(embeddings.shape)}"
        )
    rows, features = embeddings.shape
    return int(rows), int(features)


def _draw(weight: Parameter, padding_idx: int | None) -> None:
    """Draw a table from N(0, 1), zeros in the row of padding."""
    init.normal_(weight)
    if padding_idx is not None:
        with no_grad():
            weight[padding_idx].fill_(0)
