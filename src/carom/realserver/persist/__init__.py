"""What brings it all back at boot, as the system's own files: each means in one file, steps in, files out.

Every means writes the kernel settings to sysctl.d. They differ in who gives `lo` its addresses and who loads rules.
"""

from __future__ import annotations
