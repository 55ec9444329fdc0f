"""SymPy definitions -> partial derivatives as text; text -> primitive applications."""
