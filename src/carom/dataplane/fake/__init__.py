"""The fake data plane: a director in memory, written from the documentation and not from the program.

It carries a plan out and walks single packets through it. Packet tests play the same packets to it and to the real
planes, and where they disagree one of them is wrong: it is the oracle. `caromd --plane fake` runs on it as a dry run.
"""
