"""PyTorch's name for the room of `gradc.utils.data`; holds nothing else."""
