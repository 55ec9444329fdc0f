"""SymPy under one name for the modules of this room, which are imported only when it is needed.

Its annotations cover a part of it and contradict what it returns, so here it is `Any`.
"""

from __future__ import annotations

import importlib
from typing import Any

sp: Any = importlib.import_module("sympy")
