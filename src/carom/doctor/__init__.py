"""The doctor: whether direct routing works from here, and if not, what is wrong, where, and what to do about it.

It works from the director alone. Nothing runs on the real servers: they are asked questions, and their frames tell.
"""
