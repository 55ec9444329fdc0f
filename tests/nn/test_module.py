"""What a Module keeps, finds, saves and refuses."""

import copy

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, ArgumentTypeError, StateDictError, TensorIndexError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.scale = nn.Parameter(gradc.ones(3))
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Dropout(0.5)])
        self.register_buffer("count", gradc.tensor(0))
        self.register_buffer("scratch", gradc.zeros(1), persistent=False)
        self.shared = self.fc

    def forward(self, x):
        x = self.fc(x) * self.scale
        for layer in self.layers:
            x = layer(x)
        return x


def test_names():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "scale",
        "fc.weight",
        "fc.bias",
        "layers.0.weight",
        "layers.0.bias",
    ]
    assert [n for n, _ in net.named_buffers()] == ["count", "scratch"]
    assert [n for n, _ in net.named_children()] == ["fc", "layers"]
    assert [n for n, _ in net.named_modules()] == ["", "fc", "layers", "layers.0", "layers.1"]
    assert [n for n, _ in net.named_modules(remove_duplicate=False)][-1] == "shared"
    assert [n for n, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]
    assert net.get_parameter("layers.0.bias") is net.layers[0].bias
    assert net.get_submodule("layers.1") is net.layers[1]
    assert net.get_submodule("") is net
    assert net.get_buffer("count") is net.count
    assert {"fc", "scale", "count"} <= set(dir(net))


def test_state_dict_shares_memory_and_leaves_transient_buffers_out():
    net = Net()
    state = net.state_dict()
    assert list(state) == [
        "scale",
        "count",
        "fc.weight",
        "fc.bias",
        "layers.0.weight",
        "layers.0.bias",
        "shared.weight",
        "shared.bias",
    ]
    assert not state["scale"].requires_grad
    state["scale"].fill_(7.0)
    assert net.scale.tolist() == [7.0] * 3
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert next(iter(net.state_dict(prefix="net."))) == "net.scale"


def test_attributes_move_between_tables():
    net = Net()
    net.scale = None
    assert net.scale is None
    assert "scale" not in dict(net.named_parameters())
    net.scale = nn.Parameter(gradc.zeros(3))
    net.count = gradc.tensor(5)
    assert dict(net.named_buffers())["count"].item() == 5
    net.fc = nn.Identity()
    assert isinstance(net.fc, nn.Identity)
    net.plain = 3
    net.plain = nn.ReLU()
    assert isinstance(net.plain, nn.ReLU)
    assert "plain" not in vars(net)
    del net.plain
    assert not hasattr(net, "plain")
    del net.scale
    assert not hasattr(net, "scale")


def test_modes():
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train().layers[1].training
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Dropout", "ModuleList", "Net"]


def test_zero_grad():
    net = Net()
    net(gradc.ones(1, 2)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.tolist() == [0.0] * 3
    net.zero_grad()
    assert net.scale.grad is None


def test_dtypes():
    net = Net()
    net(gradc.ones(1, 2)).sum().backward()
    weight = net.fc.weight
    assert net.double() is net
    assert net.fc.weight is weight
    assert weight.dtype is gradc.float64
    assert weight.grad.dtype is gradc.float64
    assert net.count.dtype is gradc.int64
    assert net.scratch.dtype is gradc.float64
    assert net(gradc.ones(1, 2).double()).dtype is gradc.float64
    assert net.to(gradc.float32).fc.weight.dtype is gradc.float32
    assert net.to("cpu") is net
    assert net.to(gradc.ones(1).double()).scale.dtype is gradc.float64
    assert net.float().scale.is_leaf


def test_deepcopy_is_independent():
    net = Net().eval()
    twin = copy.deepcopy(net)
    assert list(twin.state_dict()) == list(net.state_dict())
    assert twin.shared is twin.fc
    assert isinstance(twin.scale, nn.Parameter)
    assert not twin.training
    twin.scale.data.fill_(3.0)
    assert net.scale.tolist() == [1.0] * 3


def test_parameter():
    data = gradc.zeros(2)
    p = nn.Parameter(data)
    data.fill_(4.0)
    assert p.tolist() == [4.0, 4.0]
    assert p.requires_grad
    assert p.is_leaf
    assert isinstance(p, gradc.Tensor)
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert repr(p) == "Parameter containing:\ntensor([4., 4.], requires_grad=True)"
    y = p * 2
    assert not isinstance(y, nn.Parameter)
    assert nn.Parameter(y).is_leaf


def test_forward_hooks():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(3.0)
    seen = []
    first = net.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    last = net.register_forward_hook(lambda m, args, out: seen.append(args[0].item()))
    double = net.register_forward_hook(lambda m, args, kwargs, out: out + 1, with_kwargs=True)
    x = gradc.ones(1, 1)
    assert net(x).item() == 7.0
    assert seen == [2.0]
    first.remove()
    double.remove()
    last.remove()
    assert net(x).item() == 3.0
    with net.register_forward_hook(lambda m, args, out: out * 0):
        assert net(x).item() == 0.0
    assert net(x).item() == 3.0
    net.register_forward_hook(lambda m, a, o: seen.append("second"))
    net.register_forward_hook(lambda m, a, o: seen.append("first"), prepend=True)
    net(x)
    assert seen == [2.0, "first", "second"]


def test_load_state_dict():
    source, target = Net(), Net()
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    for name, tensor in source.state_dict().items():
        assert target.state_dict()[name].tolist() == tensor.tolist()
    part = {"scale": gradc.full((3,), 9.0), "other": gradc.ones(1)}
    result = target.load_state_dict(part, strict=False)
    assert result.unexpected_keys == ["other"]
    assert "fc.weight" in result.missing_keys
    assert target.scale.tolist() == [9.0] * 3


def test_load_state_dict_converts_dtypes_and_assigns():
    net = nn.Linear(2, 1)
    weight = net.weight
    state = {"weight": gradc.ones(1, 2).double(), "bias": gradc.zeros(1).double()}
    net.load_state_dict(state)
    assert net.weight is weight
    assert weight.dtype is gradc.float32
    net.load_state_dict(state, assign=True)
    assert net.weight.dtype is gradc.float64
    assert isinstance(net.weight, nn.Parameter)
    assert net.weight.requires_grad


def test_load_state_dict_is_all_or_nothing():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {k: v.tolist() for k, v in net.state_dict().items()}
    state = {k: v + 1 for k, v in net.state_dict().items()}
    del state["1.bias"]
    state["0.weight"] = gradc.ones(4, 4)
    state["0.bias"] = [1.0]
    state["spare"] = gradc.ones(1)
    with pytest.raises(StateDictError) as caught:
        net.load_state_dict(state)
    assert caught.value.message == (
        "load_state_dict: the state_dict does not fit Sequential, nothing was loaded\n"
        "  missing keys: 1.bias\n"
        "  unexpected keys: spare\n"
        "  size mismatch: 0.weight is [3, 2] in the module, [4, 4] in the state_dict\n"
        "  not a tensor: 0.bias is a list in the state_dict"
    )
    with pytest.raises(StateDictError) as caught:
        net.load_state_dict(state, strict=False)
    assert "missing" not in caught.value.message
    assert "size mismatch" in caught.value.message
    assert {k: v.tolist() for k, v in net.state_dict().items()} == before


def test_containers():
    a, b, c = nn.Linear(1, 1), nn.ReLU(), nn.Tanh()
    row = nn.Sequential(a, b, c)
    assert row[0] is a
    assert row[-1] is c
    assert list(row[:2]) == [a, b]
    assert isinstance(row[:2], nn.Sequential)
    assert len(row) == 3
    row.insert(1, c)
    assert list(row) == [a, c, b, c]
    assert row.pop(1) is c
    del row[0]
    assert [n for n, _ in row.named_children()] == ["0", "1"]
    row[0] = a
    assert row[0] is a
    assert list(row.append(b).extend([c])) == [a, c, b, c]
    assert list(nn.Sequential(a) + nn.Sequential(b)) == [a, b]
    named = nn.Sequential({"first": a, "second": b})
    assert named.first is a
    assert [n for n, _ in named[1:].named_children()] == ["second"]
    listed = nn.ModuleList([a, b])
    assert list(listed.__add__([c])) == [a, b, c]
    table = nn.ModuleDict({"a": a})
    table["b"] = b
    assert list(table.keys()) == ["a", "b"]
    assert "a" in table
    assert table.pop("a") is a
    assert list(table) == ["b"]
    table.clear()
    assert len(table) == 0


def no_init():
    class Bad(nn.Module):
        def __init__(self):
            self.fc = nn.ReLU()

    Bad()


def no_init_parameter():
    class Bad(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(gradc.ones(1))

    Bad()


ERRORS = [
    (lambda: setattr(Net(), "scale", gradc.ones(3)), ArgumentTypeError,
     "Net: parameter 'scale' must be a Parameter or None, got Tensor"),
    (lambda: setattr(Net(), "fc", 3), ArgumentTypeError,
     "Net: module 'fc' must be a Module or None, got int"),
    (lambda: setattr(Net(), "count", 3), ArgumentTypeError,
     "Net: buffer 'count' must be a Tensor or None, got int"),
    (lambda: Net().register_parameter("a.b", None), ArgumentError,
     "Net: the name of a parameter must not be empty or hold a dot, got 'a.b'"),
    (lambda: Net().register_buffer("fc", None), ArgumentError,
     "Net: the attribute 'fc' is there already"),
    (lambda: Net().nope, AttributeError, "'Net' object has no attribute 'nope'"),
    (no_init, AttributeError, "Bad: call super().__init__() before a module is set"),
    (no_init_parameter, AttributeError, "Bad: call super().__init__() before a parameter is set"),
    (lambda: nn.Module()(1), NotImplementedError,
     'Module [Module] is missing the "forward" function'),
    (lambda: nn.Sequential(nn.ReLU), ArgumentTypeError,
     "Sequential: expected a Module, got type"),
    (lambda: nn.ModuleList([nn.ReLU()])[1], TensorIndexError,
     "ModuleList: index 1 is outside of 1 modules"),
    (lambda: Net().get_submodule("layers.7"), AttributeError, "Net has no module 'layers.7'"),
    (lambda: nn.Linear(2.5, 1), ArgumentTypeError, "Linear: in_features must be an int, got 2.5"),
    (lambda: nn.Linear(-1, 1), ArgumentError, "Linear: in_features must not be negative, got -1"),
    (lambda: nn.Dropout(-0.1), ArgumentError, "Dropout: p must be from 0 to 1, got -0.1"),
    (lambda: nn.MSELoss(reduction="avg"), ArgumentError,
     "MSELoss: expected reduction 'none', 'mean' or 'sum', got 'avg'"),
    (lambda: Net().train("yes"), ArgumentError, "Net.train: mode must be a bool, got 'yes'"),
    (lambda: Net().to(gradc.int64), gradc.errors.DTypeError,
     "Module.to: expected a floating dtype, got int64: parameters have fractions"),
    (lambda: Net().half(), gradc.errors.UnsupportedError, 
     "gradc stores no tensors of float16: its floating dtypes are float32 and float64"),
    (lambda: Net().load_state_dict([1]), ArgumentTypeError,
     "load_state_dict: expected a dict of tensors, got list"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_message(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).split("\n")[0] == message


def test_epoch_and_fingerprint_tell_changes():
    net = Net()

    def changes(change):
        epoch, prints = nn.state_epoch(), [m._fingerprint() for m in net.modules()]
        change()
        return (
            nn.state_epoch() != epoch,
            [m._fingerprint() for m in net.modules()] != prints,
        )

    assert changes(lambda: None) == (False, False)
    assert changes(lambda: net(gradc.ones(1, 2))) == (False, False)
    assert changes(net.eval) == (True, True)
    assert changes(lambda: setattr(net.layers[1], "p", 0.9)) == (True, True)
    assert changes(lambda: net.fc.requires_grad_(False)) == (True, True)
    assert changes(lambda: net.fc.bias.requires_grad_(True)) == (True, True)
    assert changes(lambda: setattr(net.fc.bias, "requires_grad", False)) == (True, True)
    assert changes(lambda: net.register_forward_hook(print)) == (True, True)
    assert changes(lambda: net.layers.append(nn.ReLU())) == (True, True)
    assert changes(lambda: setattr(net.layers[1], "p", 1)) == (True, True)
    assert changes(lambda: setattr(net.layers[1], "p", 1.0)) == (True, True)
    assert changes(lambda: delattr(net.layers[1], "p")) == (True, True)
    assert changes(lambda: setattr(net, "forward", print)) == (True, True)
    assert changes(lambda: setattr(net, "flag", 1)) == (True, False)  # no layer of gradc's reads it
    assert changes(lambda: net.scale.data.fill_(2.0)) == (False, False)


def test_trains_by_hand():
    gradc.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    x = gradc.linspace(-1, 1, 20).reshape(20, 1)
    losses = []
    for _ in range(300):
        net.zero_grad()
        loss = nn.functional.mse_loss(net(x), x * x)
        loss.backward()
        losses.append(loss.item())
        with gradc.no_grad():
            for p in net.parameters():
                p -= 0.2 * p.grad
    assert losses[-1] < 0.3 * losses[0]
    assert np.isfinite(losses).all()
