"""A small language model: pre-norm transformer blocks over characters, with AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.place import pick
from benchmarks.step import Array, Step, uniform
from benchmarks.training import gradc_training, jax_training, torch_training

BATCH, TOKENS, WIDTH, HEADS, BLOCKS = pick((16, 64, 128, 4, 2), (32, 256, 512, 8, 8))
VOCABULARY = 65
OPTIONS = {"weight_decay": 1e-2}


def arrays() -> tuple[dict[str, Array], Array, Array]:
    """Return weights, tokens and the tokens that follow."""
    d = WIDTH
    shapes: dict[str, tuple[int, ...]] = {
        "tokens.weight": (VOCABULARY, d),
        "places.weight": (TOKENS, d),
    }
    for i in range(BLOCKS):
        shapes |= {
            f"blocks.{i}.qkv.weight": (3 * d, d),
            f"blocks.{i}.qkv.bias": (3 * d,),
            f"blocks.{i}.out.weight": (d, d),
            f"blocks.{i}.out.bias": (d,),
            f"blocks.{i}.up.weight": (4 * d, d),
            f"blocks.{i}.up.bias": (4 * d,),
            f"blocks.{i}.down.weight": (d, 4 * d),
            f"blocks.{i}.down.bias": (d,),
        }
    made = uniform(0, {**shapes, "head.weight": (VOCABULARY, d), "head.bias": (VOCABULARY,)})
    norms = ["norm", *(f"blocks.{i}.norm{k}" for i in range(BLOCKS) for k in (1, 2))]
    for name in norms:
        made[f"{name}.weight"], made[f"{name}.bias"] = np.ones(d, "f"), np.zeros(d, "f")
    text = np.random.default_rng(1).integers(0, VOCABULARY, (BATCH, TOKENS + 1))
    return made, text[:, :-1].copy(), text[:, 1:].reshape(-1).copy()


def network(lib: Any) -> Any:
    """Return the model; `lib` is gradc or torch."""
    nn = lib.nn
    attention = nn.functional.scaled_dot_product_attention

    class Block(nn.Module):
        """Causal self-attention and a perceptron, each normalized first and added."""

        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            """Return the block's output."""
            parts = self.qkv(self.norm1(x)).split(WIDTH, -1)
            q, k, v = (p.unflatten(-1, (HEADS, -1)).transpose(1, 2) for p in parts)
            mixed = attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).flatten(2))
            return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))

    class Model(nn.Module):
        """Characters to logits of the next character."""

        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(TOKENS, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

        def forward(self, text: Any) -> Any:
            """Return logits, `[batch tokens, vocabulary]`."""
            x = self.tokens(text) + self.places(lib.arange(TOKENS, device=text.device))
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    return Model()


def gradc_step() -> Step:
    """Return the step compiled by gradc."""
    return gradc_training(network, *arrays(), "AdamW", lr=1e-3, **OPTIONS)


def torch_step(compiled: bool) -> Step:
    """Return the step of PyTorch."""
    return torch_training(network, *arrays(), "AdamW", compiled, lr=1e-3, **OPTIONS)


def jax_step() -> Step:
    """Return the step of JAX."""
    import jax
    import jax.numpy as jnp

    def linear(w: Any, name: str, x: Any) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(w: Any, name: str, x: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        scale = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
        return centred * scale * w[f"{name}.weight"] + w[f"{name}.bias"]

    def attention(q: Any, k: Any, v: Any) -> Any:
        scores = jnp.einsum("bthd,bshd->bhts", q, k) * (WIDTH // HEADS) ** -0.5
        seen = jnp.tril(jnp.ones((TOKENS, TOKENS), bool))
        weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), -1)
        return jnp.einsum("bhts,bshd->bthd", weights, v)

    def forward(w: Any, text: Any) -> Any:
        x = w["tokens.weight"][text] + w["places.weight"]
        for i in range(BLOCKS):
            name = f"blocks.{i}"
            parts = jnp.split(linear(w, f"{name}.qkv", norm(w, f"{name}.norm1", x)), 3, -1)
            q, k, v = (p.reshape(BATCH, TOKENS, HEADS, -1) for p in parts)
            mixed = attention(q, k, v).reshape(BATCH, TOKENS, WIDTH)
            x = x + linear(w, f"{name}.out", mixed)
            up = linear(w, f"{name}.up", norm(w, f"{name}.norm2", x))
            x = x + linear(w, f"{name}.down", jax.nn.gelu(up, approximate=False))
        return linear(w, "head", norm(w, "norm", x)).reshape(-1, VOCABULARY)

    return jax_training(forward, *arrays(), "adamw", learning_rate=1e-3, **OPTIONS)
