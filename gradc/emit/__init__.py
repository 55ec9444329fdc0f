"""Plan -> Python text: readable kernels, and a step that reads like the user's program."""
