"""The data planes: what forwards the packets. Each implements `carom.ports.DataPlane` and knows none of the others."""
