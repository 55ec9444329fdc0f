"""Trace, capture state, guard, plan, build, call: a function becomes a native program."""
