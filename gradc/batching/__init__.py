"""Rules that turn an equation of one example into equations of a batch of examples."""
