"""Derivative facts -> forward and reverse mode of equations and graphs."""
