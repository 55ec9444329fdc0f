"""The language: types, values, equations, graphs, primitives; data only."""
