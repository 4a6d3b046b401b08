"""Everything a person types: `carom COMMAND`, one command per file."""
