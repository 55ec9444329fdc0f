"""What vmap is for: gradients per sample, ensembles, Jacobians; oracles are Python loops."""

import numpy as np
import pytest

import gradc
from gradc import func, nn, optim
from gradc.autograd import gradcheck
from gradc.func import functional_call, grad, jacfwd, jacrev, jvp, stack_module_state, vjp, vmap
from gradc.nn import functional as F


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def normal(*shape, seed=0, dtype=gradc.float32):
    rng = np.random.default_rng(seed)
    return gradc.tensor(rng.standard_normal(shape), dtype=dtype)


def close(a, b, rtol=1e-5, atol=1e-6):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=rtol, atol=atol)


def mlp():
    gradc.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 3))


def cnn():
    gradc.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3, stride=2),
        nn.Tanh(), nn.Flatten(), nn.Linear(2, 3),
    )  # fmt: skip


MODELS = {"mlp": (mlp, (5, 4)), "cnn": (cnn, (5, 1, 7, 7))}


def per_sample(model):
    def loss(parameters, x, t):
        out = functional_call(model, parameters, (x.unsqueeze(0),))
        return F.cross_entropy(out, t.unsqueeze(0))

    return vmap(grad(loss), in_dims=(None, 0, 0)), grad(loss)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_per_sample(name, compiled):
    make, shape = MODELS[name]
    model = make()
    parameters = {k: p.detach() for k, p in model.named_parameters()}
    x, t = normal(*shape), gradc.tensor([0, 2, 1, 1, 0])
    many, one = per_sample(model)
    got = (gradc.compile(many) if compiled else many)(parameters, x, t)
    for i in range(len(x)):
        expected = one(parameters, x[i], t[i])
        for k, g in expected.items():
            close(got[k][i], g)


def test_compiled_text_has_the_users_names():
    model = mlp()
    parameters = {k.replace(".", "_"): p.detach() for k, p in model.named_parameters()}

    def loss(parameters, x, t):
        h = F.relu(x @ parameters["0_weight"].t() + parameters["0_bias"])
        z = h @ parameters["3_weight"].t()
        return ((z - t) ** 2).sum()

    step = gradc.compile(lambda p, x, t: vmap(grad(loss), in_dims=(None, 0, 0))(p, x, t))
    step(parameters, normal(5, 4), normal(5, 3))
    text = step.source
    for part in ("h = F.relu(x @ parameters", "z = h @ parameters", "z_bar", "---- backward"):
        assert part in text


@pytest.mark.parametrize("compiled", [False, True])
def test_ensembles(compiled):
    models = [nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)) for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    x = normal(6, 3)

    def run(p, b, x):
        return functional_call(models[0], (p, b), (x,))

    def total(parameters, x):
        return (vmap(run, in_dims=(0, 0, None))(parameters, buffers, x) ** 2).sum()

    step = gradc.compile(func.value_and_grad(total)) if compiled else func.value_and_grad(total)
    value, grads = step({k: p.detach() for k, p in parameters.items()}, x)
    expected = sum((m(x) ** 2).sum() for m in models)
    close(value, expected)
    expected.backward()
    for k, g in grads.items():
        close(g, gradc.stack([dict(m.named_parameters())[k].grad for m in models]))


def test_ensembles_train_as_each_alone():
    def train(models, x, y):
        for m in models:
            sgd = optim.SGD(m.parameters(), lr=0.1)
            for _ in range(3):
                sgd.zero_grad()
                F.mse_loss(m(x), y).backward()
                sgd.step()
        return [p.detach() for m in models for p in m.parameters()]

    gradc.manual_seed(3)
    models = [nn.Linear(3, 2) for _ in range(4)]
    parameters, _ = stack_module_state(models)
    x, y = normal(5, 3), normal(5, 2, seed=1)
    together = list(parameters.values())
    sgd = optim.SGD(together, lr=0.1)

    @gradc.compile
    def step():
        sgd.zero_grad()
        out = vmap(lambda p: functional_call(models[0], p, (x,)))(parameters)
        loss = vmap(F.mse_loss, in_dims=(0, None))(out, y).sum()
        loss.backward()
        sgd.step()

    for _ in range(3):
        step()
    alone = train(models, x, y)
    for i in range(4):
        for k, p in enumerate(together):
            close(p[i], alone[2 * i + k])


def test_gradcheck_through():
    w, x = normal(3, 2, dtype=gradc.float64), normal(4, 3, seed=1, dtype=gradc.float64)

    def both(w, x):
        return vmap(lambda v: (v @ w).tanh().cumsum(0) * v[0], out_dims=1)(x)

    assert gradcheck(both, (w.requires_grad_(), x.requires_grad_()))
    assert gradcheck(
        lambda w, x: vmap(grad(lambda v: (v @ w).tanh().sum()))(x),
        (w.detach().requires_grad_(), x.detach().requires_grad_()),
    )


def quadratic(x):
    return gradc.stack([(x * x).sum(), x[0] * x[1], x.exp().prod()])


@pytest.mark.parametrize("transform", [lambda f: f, gradc.compile], ids=["eager", "compiled"])
def test_products_made_outside_and_called_inside(transform):
    x = normal(3, dtype=gradc.float64)
    expected = jacrev(quadratic)(x)
    basis = gradc.eye(3, dtype=gradc.float64)

    def rows(x):
        _, pull = vjp(quadratic, x)
        return vmap(pull)(basis)[0]

    def columns(x):
        _, push = func.linearize(quadratic, x)
        return vmap(push, out_dims=1)(basis)

    for way in (rows, columns):
        got = transform(way)(x)
        close(got, expected, 1e-12, 1e-12)
        assert not got.requires_grad


@pytest.mark.parametrize("chunk_size", [1, 2, 5, None])
def test_jacobians_in_chunks(chunk_size):
    x = normal(3, dtype=gradc.float64)
    got = jacrev(lambda x: quadratic(x) * 2, chunk_size=chunk_size)(x)
    close(got, jacfwd(lambda x: quadratic(x) * 2)(x), 1e-12)


class LooksAtValues(gradc.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * (2.0 if g.sum().item() > 0 else 0.0)


def test_jacobians_through_the_users_own_backward_go_row_by_row():
    x = normal(3, dtype=gradc.float64)
    close(jacrev(LooksAtValues.apply)(x), 2 * gradc.eye(3, dtype=gradc.float64))


def test_a_compiled_jacobian_has_one_backward_pass():
    w = normal(4, 4, dtype=gradc.float64)
    x = normal(4, dtype=gradc.float64)
    jacobian = gradc.compile(lambda x: jacrev(lambda x: (w @ x).tanh())(x))
    close(jacobian(x), (1 - (w @ x).tanh() ** 2).unsqueeze(1) * w, 1e-12)
    assert jacobian.source.count("matmul(buffers") <= 2


def test_products_inside_are_differentiable():
    def total(x):
        _, pull = vjp(quadratic, x)
        return (vmap(pull)(gradc.eye(3, dtype=gradc.float64))[0] ** 2).sum()

    x = normal(3, dtype=gradc.float64)
    close(grad(total)(x), grad(lambda x: (jacrev(quadratic)(x) ** 2).sum())(x), 1e-10)
    y = x.clone().requires_grad_()
    total(y).backward()
    close(y.grad, grad(total)(x), 1e-10)


def test_transforms_of_mapped_functions():
    x = normal(4, 3, dtype=gradc.float64)
    mapped = vmap(lambda v: (v * v).sum() * v[0])
    whole = jacrev(lambda x: gradc.stack([(v * v).sum() * v[0] for v in x]))(x)
    close(jacrev(mapped)(x), whole, 1e-12)
    close(jacfwd(mapped)(x), whole, 1e-12)
    value, dot = jvp(mapped, (x,), (gradc.ones_like(x),))
    close(dot, whole.sum((1, 2)), 1e-12)
    close(value, mapped(x))
    second = func.hessian(lambda v: mapped(v).sum())(x)
    for i in range(4):
        close(second[i, :, i], func.hessian(lambda v: (v * v).sum() * v[0])(x[i]), 1e-10)


def test_per_sample_norms_clip_gradients_in_one_compiled_step():
    """Differentially private training: gradients clipped one by one, then averaged."""
    w = normal(4, 3)
    x, t = normal(6, 4, seed=1), normal(6, 3, seed=2)

    def loss(w, x, t):
        return ((x @ w - t) ** 2).sum()

    def clipped(w, x, t):
        g = grad(loss)(w, x, t)
        return g * (1.0 / (g * g).sum().sqrt()).clamp(max=1.0)

    step = gradc.compile(lambda w, x, t: vmap(clipped, in_dims=(None, 0, 0))(w, x, t).mean(0))
    close(step(w, x, t), gradc.stack([clipped(w, x[i], t[i]) for i in range(6)]).mean(0))


@pytest.mark.parametrize("transform", [lambda f: f, gradc.compile], ids=["eager", "compiled"])
def test_loops(transform):
    x, w = normal(3, 5, 2, dtype=gradc.float64), normal(2, 2, dtype=gradc.float64)

    def run(x, w, start):
        carry, ys = gradc.scan(lambda c, v: ((c @ w).tanh() + v, c), start, x)
        return carry, ys

    start = gradc.zeros(2, dtype=gradc.float64)

    def total(x, w):  # the carry becomes an example's own by the xs
        carry, ys = vmap(run, in_dims=(0, None, None))(x, w, start)
        return (carry * carry).sum() + ys.sin().sum()

    def loop(x, w):
        found = [run(v, w, start) for v in x]
        return sum((c * c).sum() + ys.sin().sum() for c, ys in found)

    got, expected = (func.value_and_grad(f, (0, 1)) for f in (total, loop))
    (a, (a_x, a_w)), (b, (b_x, b_w)) = transform(got)(x, w), expected(x, w)
    for p, q in ((a, b), (a_x, b_x), (a_w, b_w)):
        close(p, q, 1e-9, 1e-10)


def test_recurrent_layers():
    layer = nn.GRU(2, 3)
    x = normal(4, 5, 2)
    close(vmap(lambda v: layer(v)[0])(x), gradc.stack([layer(v)[0] for v in x]))


def test_elementwise_operations_of_the_user():
    swish = gradc.elementwise("vmap_swish", "x / (1 + exp(-beta * x))")
    x, beta = normal(4, 3), normal(3)
    close(vmap(swish, in_dims=(0, None))(x, beta), swish(x, beta.expand(4, 3)))
