"""What `carom real-server verify` judges: a view of the host in, findings out; pure, one subject per file."""

from __future__ import annotations
