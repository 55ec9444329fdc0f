"""Composites written with tensor operations, so that they differentiate, trace and fuse."""
