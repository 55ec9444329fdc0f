"""Data sets, samplers, loaders, splits and preparation."""

import collections

import numpy as np
import pytest

import gradc
from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from gradc.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    Standardize,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    class_counts,
    class_weights,
    default_collate,
    default_convert,
    random_split,
)


def numbers(n):
    return TensorDataset(gradc.arange(n).float().reshape(n, 1) * 10, gradc.arange(n))


class Items(Dataset):
    """Reads item by item, so that nothing is gathered at once."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return gradc.tensor([10.0 * i]), i


def listed(loader):
    return [[part.tolist() for part in batch] for batch in loader]


def seeded(n):
    return gradc.Generator().manual_seed(n)


@pytest.mark.parametrize("make", [numbers, Items, lambda n: Subset(numbers(9), range(n))])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_in_order(make, drop_last):
    loader = DataLoader(make(5), batch_size=2, drop_last=drop_last)
    expected = [[[[0.0], [10.0]], [0, 1]], [[[20.0], [30.0]], [2, 3]], [[[40.0]], [4]]]
    assert listed(loader) == expected[: 2 if drop_last else 3]
    assert len(loader) == (2 if drop_last else 3)
    assert all(isinstance(batch, list) for batch in loader)


@pytest.mark.parametrize("make", [numbers, Items])
def test_shuffled_batches_depend_on_the_generator_alone(make):
    def epochs(seed):
        loader = DataLoader(make(50), batch_size=8, shuffle=True, generator=seeded(seed))
        return [[i for batch in loader for i in batch[1].tolist()] for _ in range(2)]

    first, second = epochs(0)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert epochs(0) == [first, second]
    assert epochs(1) != [first, second]


def test_gathered_batches_are_those_read_item_by_item():
    a = DataLoader(numbers(30), batch_size=7, shuffle=True, generator=seeded(3))
    b = DataLoader(Items(30), batch_size=7, shuffle=True, generator=seeded(3))
    assert listed(a) == listed(b)


def test_subclasses_of_tensor_dataset_are_asked_for_items():
    class Twice(TensorDataset):
        def __getitem__(self, i):
            return [t * 2 for t in super().__getitem__(i)]

    (batch,) = DataLoader(Twice(gradc.arange(3)), batch_size=3)
    assert batch[0].tolist() == [0, 2, 4]


def test_the_default_generator_is_seeded_by_manual_seed():
    def order():
        gradc.manual_seed(5)
        return [b[1].item() for b in DataLoader(numbers(20), shuffle=True)]

    assert order() == order()


def test_other_ways_to_batch():
    data = numbers(6)
    loader = DataLoader(data, batch_sampler=[[0, 5], [3]])
    assert [b[1].tolist() for b in loader] == [[0, 5], [3]]
    assert len(loader) == 2
    loader = DataLoader(data, batch_size=2, sampler=[4, 2, 0])
    assert [b[1].tolist() for b in loader] == [[4, 2], [0]]
    single = DataLoader(Items(2), batch_size=None)
    assert [label for _, label in single] == [0, 1]
    assert len(single) == 2
    loader = DataLoader(data, batch_size=3, collate_fn=lambda items: len(items))
    assert list(loader) == [3, 3]
    assert next(iter(DataLoader(range(4), batch_size=4))).tolist() == [0, 1, 2, 3]


def test_data_sets():
    data = numbers(3) + numbers(2)
    assert isinstance(data, ConcatDataset)
    assert len(data) == 5
    assert [data[i][1].item() for i in range(-5, 5)] == [0, 1, 2, 0, 1] * 2
    assert data.cumulative_sizes == [3, 5]
    part = Subset(data, [4, 0])
    assert [x[1].item() for x in part] == [1, 0]
    (batch,) = DataLoader(Subset(numbers(9), [8, 2]), batch_size=2)
    assert batch[1].tolist() == [8, 2]
    nested = Subset(Subset(numbers(9), [8, 2, 5]), [2, 0])
    (batch,) = DataLoader(nested, batch_size=2)
    assert batch[1].tolist() == [5, 8]


def test_samplers():
    assert list(BatchSampler(range(3), 2, True)) == [[0, 1]]
    drawn = list(RandomSampler(range(4), num_samples=9, generator=seeded(0)))
    assert len(drawn) == 9
    assert sorted(drawn[:4]) == sorted(drawn[4:8]) == [0, 1, 2, 3]
    drawn = list(RandomSampler(range(4), replacement=True, num_samples=50, generator=seeded(0)))
    assert set(drawn) == {0, 1, 2, 3}
    assert sorted(SubsetRandomSampler([7, 5, 9])) == [5, 7, 9]
    sampler = WeightedRandomSampler([0.0, 1.0, 3.0, 0.0], 4000, generator=seeded(0))
    counts = collections.Counter(sampler)
    assert set(counts) == {1, 2}
    assert abs(counts[2] / 4000 - 0.75) < 0.03
    sampler = WeightedRandomSampler(gradc.tensor([0.0, 1.0, 3.0]), 2, replacement=False)
    assert sorted(sampler) == [1, 2]
    heavy_first = [
        next(iter(WeightedRandomSampler([1.0, 3.0], 2, False, seeded(i)))) for i in range(400)
    ]
    assert abs(np.mean(heavy_first) - 0.75) < 0.07


def test_random_split():
    data = numbers(10)
    parts = random_split(data, [7, 3], seeded(0))
    assert [len(p) for p in parts] == [7, 3]
    assert sorted(i for p in parts for i in p.indices) == list(range(10))
    assert parts[0].indices == random_split(data, [7, 3], seeded(0))[0].indices
    assert [len(p) for p in random_split(range(11), [0.5, 0.25, 0.25])] == [6, 3, 2]
    assert [len(p) for p in random_split(range(3), [1.0])] == [3]
    assert [len(p) for p in random_split(range(1), [1])] == [1]


Pair = collections.namedtuple("Pair", "x y")


def test_default_collate():
    assert default_collate([1, 2]).dtype is gradc.int64
    assert default_collate([1.0, 2.0]).dtype is gradc.float64
    assert default_collate([True, False]).dtype is gradc.bool
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([np.ones(2, np.float32)] * 3).shape == (3, 2)
    assert default_collate([np.float32(1)] * 3).dtype is gradc.float32
    batch = default_collate([{"x": 1, "y": [1, (2, 3)]}, {"x": 4, "y": [5, (6, 7)]}])
    assert batch["x"].tolist() == [1, 4]
    assert batch["y"][1][0].tolist() == [2, 6]
    pair = default_collate([Pair(1, 2), Pair(3, 4)])
    assert isinstance(pair, Pair)
    assert pair.y.tolist() == [2, 4]
    assert isinstance(default_collate([(1, 2), (3, 4)]), list)
    kept = default_convert((np.ones(2), "a", Pair(np.zeros(1), 1)))
    assert isinstance(kept, tuple)
    assert isinstance(kept[0], gradc.Tensor)
    assert isinstance(kept[2], Pair)


def test_standardize():
    rng = np.random.default_rng(0)
    train = gradc.from_numpy(rng.normal(5, 3, (200, 4)).astype(np.float32))
    train[:, 2] = 7.0
    scale = Standardize.fit(train)
    out = scale(train).numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(0), [1, 1, 0, 1], atol=1e-5)
    assert scale.mean.dtype is gradc.float32
    np.testing.assert_allclose(scale.inverse(scale(train)).numpy(), train.numpy(), rtol=1e-5)
    assert Standardize.fit(train.double()).std.dtype is gradc.float64
    assert Standardize.fit(gradc.tensor([[1], [3]])).mean.tolist() == [2.0]
    other = scale(gradc.zeros(2, 4))
    np.testing.assert_allclose(other[0, 2].item(), -7.0)


def test_balance():
    targets = gradc.tensor([0, 2, 2, 1])
    assert class_counts(targets).tolist() == [1, 1, 2]
    assert class_counts(targets, 4).tolist() == [1, 1, 2, 0]
    np.testing.assert_allclose(class_weights(targets).numpy(), [4 / 3, 4 / 3, 2 / 3], rtol=1e-6)


ERRORS = [
    (lambda: DataLoader(TensorDataset(gradc.zeros(0, 2))), ArgumentError,
     "DataLoader: the data set is empty (TensorDataset)"),
    (lambda: DataLoader(numbers(3), 4, drop_last=True), ArgumentError,
     "DataLoader: drop_last=True leaves no batch: 3 samples, batch_size 4"),
    (lambda: DataLoader(numbers(3), num_workers=2), UnsupportedError,
     "DataLoader: num_workers=2 is not supported: batches are made in this process"),
    (lambda: DataLoader(numbers(3), batch_size=0), ArgumentError,
     "BatchSampler: batch_size must be a positive integer, got 0"),
    (lambda: DataLoader(numbers(3), shuffle=True, sampler=[0]), ArgumentError,
     "DataLoader: sampler excludes shuffle"),
    (lambda: DataLoader(numbers(3), 2, batch_sampler=[[0]]), ArgumentError,
     "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"),
    (lambda: DataLoader(iter([1])), ArgumentTypeError,
     "DataLoader: dataset must have __len__ and __getitem__, list_iterator has not"),
    (lambda: list(DataLoader(numbers(3), sampler=[0, 3])), TensorIndexError,
     "index 3 is outside a data set of 3 items"),
    (lambda: RandomSampler([]), ArgumentError,
     "RandomSampler: num_samples must be a positive integer, got 0"),
    (lambda: WeightedRandomSampler([0.0, 1.0], 2, False), ArgumentError,
     "WeightedRandomSampler: can't draw 2 indices without replacement from 1 weights that are "
     "not zero"),
    (lambda: WeightedRandomSampler([-1.0, 1.0], 2), ArgumentError,
     "WeightedRandomSampler: weights must be finite and not negative"),
    (lambda: TensorDataset(gradc.zeros(3), gradc.zeros(2)), ShapeError,
     "TensorDataset: expected the same size along axis 0, got shapes [3], [2]"),
    (lambda: TensorDataset([1.0]), ArgumentTypeError,
     "TensorDataset: argument 0 is a list, expected a tensor"),
    (lambda: TensorDataset(), ArgumentError,
     "TensorDataset: expected at least one tensor, got none"),
    (lambda: ConcatDataset([]), ArgumentError,
     "ConcatDataset: expected at least one data set, got none"),
    (lambda: (numbers(2) + numbers(1))[3], TensorIndexError,
     "ConcatDataset: index 3 is outside a data set of 3 items"),
    (lambda: random_split(range(5), [2, 2]), ArgumentError,
     "random_split: lengths [2, 2] sum to 4, the data set has 5 items"),
    (lambda: random_split(range(5), [0.5, 0.6]), ArgumentError,
     "random_split: expected whole lengths, or fractions that sum to 1, got [0.5, 0.6]"),
    (lambda: random_split(range(5), [1.5, -0.5]), ArgumentError,
     "random_split: fractions must not be negative, got [1.5, -0.5]"),
    (lambda: default_collate([]), ArgumentError, "default_collate: the batch is empty"),
    (lambda: default_collate([gradc.zeros(2), gradc.zeros(3)]), ShapeError,
     "default_collate: samples of one batch differ in shape: sample 0 has [2], sample 1 has [3]"),
    (lambda: default_collate([(1, 2), (1,)]), ShapeError,
     "default_collate: samples of one batch differ in length: 1, 2 entries"),
    (lambda: default_collate([object()]), ArgumentTypeError,
     "default_collate: samples must be tensors, NumPy arrays, numbers, strings, mappings or "
     "sequences, got object"),
    (lambda: Standardize.fit(gradc.zeros(0, 2)), ArgumentError,
     "Standardize.fit: x has no rows, shape [0, 2]"),
    (lambda: Standardize.fit(gradc.tensor([[1.0], [float("nan")]])), ArgumentError,
     "Standardize.fit: 1 of 2 values of x are NaN or infinite"),
    (lambda: Standardize.fit(gradc.zeros(2, 3))(gradc.zeros(2, 4)), ShapeError,
     "Standardize: fitted on features [3], x has shape [2, 4]"),
    (lambda: class_counts(gradc.zeros(2)), DTypeError,
     "class_counts: targets must be integers, got float32"),
    (lambda: class_counts(gradc.tensor([0, 3]), 3), ArgumentError,
     "class_counts: labels must be from 0 to 2, got 0 to 3"),
    (lambda: class_weights(gradc.tensor([0, 2])), ArgumentError,
     "class_weights: no label for class 1 of 3"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_message(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message


def test_the_room_is_found_without_an_import_of_its_own(monkeypatch):
    monkeypatch.delattr(gradc.utils, "data", raising=False)
    assert gradc.utils.data.DataLoader is DataLoader
    with pytest.raises(AttributeError, match=r"module 'gradc\.utils' has no attribute 'dada'"):
        gradc.utils.dada  # noqa: B018 # it raises
