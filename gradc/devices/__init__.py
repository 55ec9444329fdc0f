"""Arrays in a device's memory, and the driver that owns the memory and runs programs on it."""
