"""Each stage of a function's compilation as text, and that looking changes nothing."""

import pytest

import gradc
from gradc import nn, optim
from gradc.errors import ArgumentError, ArgumentTypeError, GradientError


def neuron(w, b, x, t):
    z = w * x + b
    y = gradc.sigmoid(z)
    L = 0.5 * (y - t) ** 2
    return L


def scalars():
    return [gradc.tensor(float(i)) for i in range(4)]


def body(text):
    """Return the listing without the user's lines."""
    return [line.partition("#")[0].rstrip() for line in text.splitlines() if line.strip()]


def test_graph_is_what_was_traced():
    assert body(gradc.explain(neuron, *scalars(), stage="graph")) == [
        "neuron(w: float32[], b: float32[], x: float32[], t: float32[]):",
        "    v1: float32[] = mul w x",
        "    z: float32[] = add v1 b",
        "    y: float32[] = sigmoid z",
        "    v2: float32[] = sub y t",
        "    v3: float32[] = mul v2 v2",
        "    L: float32[] = mul v3 0.5",
        "    return L",
    ]


def test_graph_names_the_users_lines():
    text = gradc.explain(neuron, *scalars(), stage="graph")
    line = neuron.__code__.co_firstlineno + 2
    assert f"# test_explain.py:{line}  y = gradc.sigmoid(z)" in text


def test_gradient_of_a_scalar_function_is_its_reverse_mode():
    assert body(gradc.explain(neuron, *scalars(), stage="gradient")) == [
        "neuron_and_gradient(w: float32[], b: float32[], x: float32[], t: float32[]):",
        "    v1: float32[] = mul w x",
        "    z: float32[] = add v1 b",
        "    y: float32[] = sigmoid z",
        "    v2: float32[] = sub y t",
        "    v3: float32[] = mul v2 v2",
        "    L: float32[] = mul v3 0.5",
        "",
        "    v4: float32[] = mul 0.5 v2",
        "    v5: float32[] = mul v4 2.0",
        "    t_bar: float32[] = neg v5",
        "    v6: float32[] = mul v5 y",
        "    v7: float32[] = sub 1 y",
        "    z_bar: float32[] = mul v6 v7",
        "    w_bar: float32[] = mul z_bar x",
        "    x_bar: float32[] = mul z_bar w",
        "    return L, w_bar, z_bar, x_bar, t_bar",
    ]


def test_gradient_of_several_results_takes_their_adjoints():
    def both(x):
        a = x.exp()
        s = a.sum()
        return a, s

    text = gradc.explain(both, gradc.zeros(3), stage="gradient")
    assert text.splitlines()[0] == (
        "both_and_gradient(x: float32[3], a_bar: float32[3], s_bar: float32[]):"
    )


def test_gradient_is_by_the_parameters_where_there_are_some():
    model = nn.Linear(3, 2)

    def loss(x):
        return model(x).sum()

    with gradc.no_grad():
        text = gradc.explain(loss, gradc.ones(4, 3), stage="gradient")
    assert "weight_bar" in text.splitlines()[-1]
    assert "x_bar" not in text


def test_gradient_needs_a_floating_result_and_argument():
    with pytest.raises(GradientError) as caught:
        gradc.explain(lambda x: x.argmax(0), gradc.zeros(3), stage="gradient")
    assert caught.value.message == ("gradient of <lambda>: none of its 1 results is floating")
    with pytest.raises(GradientError) as caught:
        gradc.explain(lambda y: y.float(), gradc.zeros(3).long(), stage="gradient")
    assert caught.value.message == (
        "gradient of <lambda>: it takes nothing floating to differentiate by"
    )


def make_step():
    gradc.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @gradc.compile(example_inputs="float32[8, 4], int64[8]")
    def train_step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, train_step


def test_step_shows_its_sections():
    _, _, step = make_step()
    graph = gradc.explain(step, stage="graph")
    assert "# backward" not in graph
    assert graph.splitlines()[-1] == "    return loss"
    gradient = gradc.explain(step, stage="gradient")
    order = [gradient.index(f"# {section}") for section in ("backward", "update")]
    assert order == sorted(order)
    assert "weight_bar" in gradient
    plan = gradc.explain(step, stage="plan")
    assert plan.startswith("train_step: ")
    assert "\nkernels\n" in plan
    assert "\nbuffers\n" in plan
    assert gradc.explain(step, stage="source") == step.source.rstrip()


def test_looking_leaves_the_model_as_it_was():
    model, optimizer, step = make_step()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = gradc.get_rng_state().tolist()
    gradc.explain(step, stage="source")
    assert all((model.state_dict()[name] == value).all() for name, value in before.items())
    assert model.weight.grad is None
    assert gradc.get_rng_state().tolist() == state
    # tracing makes the state that the first step would; it holds nothing yet
    assert all((s["momentum_buffer"] == 0).all() for s in optimizer.state.values())


def test_a_called_function_shows_its_own_program():
    _, _, step = make_step()
    step(gradc.ones(16, 4), gradc.zeros(16).long())
    assert "x: float32[16, 4]" in gradc.explain(step, stage="graph")
    assert "x: float32[2, 4]" in gradc.explain(
        step, gradc.ones(2, 4), gradc.zeros(2).long(), stage="graph"
    )


def test_repr_is_the_text():
    text = gradc.explain(neuron, *scalars())
    assert isinstance(text, str)
    assert repr(text) == str(text)


def test_refusals():
    with pytest.raises(ArgumentError) as caught:
        gradc.explain(neuron, *scalars(), stage="code")
    assert caught.value.message == (
        "explain: stage must be one of 'graph', 'gradient', 'plan', 'source'; got 'code'"
    )
    with pytest.raises(ArgumentError) as caught:
        gradc.explain(neuron)
    assert caught.value.message == (
        "explain: neuron takes w, b, x, t: arguments to trace it with are needed"
    )
    assert caught.value.hint == "gradc.explain(neuron, w, b, x, t, stage=...)"
    with pytest.raises(ArgumentTypeError) as caught:
        gradc.explain(3)
    assert caught.value.message == "explain: expected a function, got int"
