"""Health checks: one kind per file, behind one method."""
