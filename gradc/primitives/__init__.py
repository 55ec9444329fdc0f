"""One record per primitive operation; importing this package registers them all."""

from __future__ import annotations

from gradc.primitives import arithmetic as arithmetic
from gradc.primitives import attention as attention
from gradc.primitives import bits as bits
from gradc.primitives import comparison as comparison
from gradc.primitives import contraction as contraction
from gradc.primitives import conversion as conversion
from gradc.primitives import convolution as convolution
from gradc.primitives import creation as creation
from gradc.primitives import indexing as indexing
from gradc.primitives import logic as logic
from gradc.primitives import loop as loop
from gradc.primitives import movement as movement
from gradc.primitives import random as random
from gradc.primitives import reduction as reduction
from gradc.primitives import rounding as rounding
from gradc.primitives import scan as scan
from gradc.primitives import sixteen_bits as sixteen_bits
from gradc.primitives import sorting as sorting
from gradc.primitives import transcendental as transcendental
from gradc.primitives import window as window
