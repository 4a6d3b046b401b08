"""Pure thought: no asyncio, socket, time, os or logging below here (import-linter holds that)."""
