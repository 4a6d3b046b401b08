"""Real servers that do not run Linux: a complete script for each system, VIPs filled in, with its undo.

None of these systems can be run by Carom's tests, so each part of a script names the documentation that it rests on.
"""

from __future__ import annotations
