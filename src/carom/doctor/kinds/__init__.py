"""What the doctor looks at, one kind of finding per file: `findings(case)` asks, waits, and says what it found."""
