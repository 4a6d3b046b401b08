"""`python -m carom` is `carom`."""

from __future__ import annotations

from carom.cli.main import main

main()
