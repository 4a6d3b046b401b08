"""Certificates for tests, made by openssl(1) once per run."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


def certificate(folder: Path, name: str, days: int) -> Path:
    """A self-signed certificate with its key in one file; with -1 day it ended yesterday."""
    key, request, signed, file = (folder / f"{name}{days}.{end}" for end in ("key", "csr", "crt", "pem"))
    extension = folder / "extensions"
    extension.write_text(f"subjectAltName=DNS:{name}\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl("req", "-new", *curve, "-keyout", key, "-subj", f"/CN={name}", "-out", request)
    _openssl("x509", "-req", "-in", request, "-signkey", key, "-days", days, "-extfile", extension, "-out", signed)
    file.write_bytes(key.read_bytes() + signed.read_bytes())
    return file


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def serving(file: Path) -> ssl.SSLContext:
    """A server's side of TLS with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
