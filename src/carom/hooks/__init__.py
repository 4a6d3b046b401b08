"""Hooks: whoever an operator wants to be told of events, by a program or by HTTP; nothing waits for them."""
