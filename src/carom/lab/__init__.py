"""The lab: the chapter's whole network on one machine, to see direct routing at work and to try things in."""
