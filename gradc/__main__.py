"""`python -m gradc` -> the `gradc` command."""

from __future__ import annotations

from gradc.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
