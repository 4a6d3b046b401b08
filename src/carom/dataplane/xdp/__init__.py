"""The XDP data plane: Carom's own program in the kernel, loaded, fed and read from here.

`libbpf` calls the library, `layout` is Python's side of `bpf/maps.h`, `program` loads and `hold` attaches, `tables`
writes a plan into the maps, `migrate` takes maps of another layout over, `plane` puts them together as a
`carom.ports.DataPlane`.
"""
