"""The Debian package, from a wheel: `python packaging/deb.py FOLDER`, in the environment that `./dev` makes.

    /usr/lib/carom          the wheel, and the libraries of uv.lock at the versions and hashes of the lock
    /usr/bin, /usr/sbin     two programs that begin there
    the rest                units, users, folders, manual pages, completion, examples

It is for the release it is built on: a compiled library is for one minor version of Python. Why so:
docs/decisions/debian-package.md.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packaging"
PROGRAMS = Path(sys.executable).parent
MAINTAINER = re.findall(r"^Maintainer: (.+)$", (HERE / "debian/control").read_text(), re.MULTILINE)[0]
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LIBRARY = "usr/lib/carom"
FILES = {
    "packaging/bin/carom": "usr/bin/carom",
    "packaging/bin/caromd": "usr/sbin/caromd",
    "packaging/systemd/caromd.service": "usr/lib/systemd/system/caromd.service",
    "packaging/sysusers.d/carom.conf": "usr/lib/sysusers.d/carom.conf",
    "packaging/tmpfiles.d/carom.conf": "usr/lib/tmpfiles.d/carom.conf",
    "packaging/alerts.yml": "usr/share/carom/alerts.yml",
    "packaging/grafana-dashboard.json": "usr/share/carom/grafana-dashboard.json",
    "packaging/debian/copyright": "usr/share/doc/carom/copyright",
    "packaging/debian/lintian-overrides": "usr/share/lintian/overrides/carom",
    "docs/carom.schema.json": "usr/share/carom/carom.schema.json",
}


def build(folder: Path) -> Path:
    """Make the package; the file it is in."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary) / "stage"
        _libraries(Path(temporary), stage / LIBRARY)
        _files(stage)
        _manual(stage / "usr/share/man")
        _control(stage)
        _permissions(stage)
        output = folder / f"carom_{_version()}_{_architecture()}.deb"
        _run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(stage), str(output))
    return output


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout


# ---- what is in it ----


def _libraries(temporary: Path, library: Path) -> None:
    """The wheel and what it needs. pip checks every hash."""
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(temporary))
    (wheel,) = temporary.glob("*.whl")
    needed = temporary / "requirements.txt"
    export = ("export", "--frozen", "--no-dev", "--no-emit-project", "--output-file", str(needed))
    _run(str(PROGRAMS / "uv"), *export)
    pip = (
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--upgrade",
        "--no-deps",
        "--no-compile",
        "--target",
        str(library),
    )
    _run(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", str(needed))
    _run(*pip, "--no-index", str(wheel))
    shutil.rmtree(library / "bin")  # scripts that begin with the path of this environment's Python
    for trace in ("direct_url.json", "INSTALLER", "REQUESTED", "RECORD"):
        for path in library.glob(f"*.dist-info/{trace}"):
            path.unlink()


def _files(stage: Path) -> None:
    for source, target in FILES.items():
        _place(ROOT / source, stage / target)
    examples = stage / "usr/share/doc/carom/examples"
    for path in [*(ROOT / "examples").glob("*.toml"), *(ROOT / "examples").glob("*.sh")]:
        _place(path, examples / path.name)
    _compressed((ROOT / "CHANGELOG.md").read_bytes(), stage / "usr/share/doc/carom/changelog.gz")
    _compressed(_changelog().encode(), stage / "usr/share/doc/carom/changelog.Debian.gz")
    completion = stage / "usr/share/bash-completion/completions/carom"
    completion.parent.mkdir(parents=True)
    completion.write_text(_completion())
    (stage / "etc/carom").mkdir(parents=True)


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _compressed(data: bytes, target: Path) -> None:
    target.write_bytes(gzip.compress(data, 9, mtime=0))


def _changelog() -> str:
    """dpkg has a form of its own for it; what changed is in the other one."""
    now = format_datetime(datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), UTC))
    head = f"carom ({_version()}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n"
    return f"{head} -- {MAINTAINER}  {now}\n"


def _completion() -> str:
    environment = os.environ | {"_CAROM_COMPLETE": "bash_source"}
    command = [str(PROGRAMS / "carom")]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.lstrip()


def _manual(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        _run(sys.executable, str(HERE / "man.py"), made)
        for page in Path(made).iterdir():
            target = folder / f"man{page.suffix[1:]}" / f"{page.name}.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            _compressed(page.read_bytes(), target)


# ---- what dpkg wants to know ----


def _control(stage: Path) -> None:
    control = stage / "DEBIAN"
    size = sum(path.stat().st_size for path in stage.rglob("*") if path.is_file()) // 1024
    control.mkdir()
    for script in ("postinst", "prerm", "postrm"):
        shutil.copy(HERE / "debian" / script, control)
    python = sys.version_info
    (control / "control").write_text(
        (HERE / "debian/control")
        .read_text()
        .format(
            version=_version(),
            architecture=_architecture(),
            size=size,
            python=f"{python.major}.{python.minor}",
            next_python=f"{python.major}.{python.minor + 1}",
        )
    )
    files = sorted(path for path in stage.rglob("*") if path.is_file() and control not in path.parents)
    sums = (f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(stage)}\n" for path in files)  # noqa: S324
    (control / "md5sums").write_text("".join(sums))


def _permissions(stage: Path) -> None:
    """The same whatever the umask: programs can be run, everything can be read."""
    for path in stage.rglob("*"):
        scripts = path.parent.name in ("bin", "sbin") or (path.parent.name == "DEBIAN" and path.name.startswith("p"))
        path.chmod(0o755 if path.is_dir() or scripts else 0o644)
    stage.chmod(0o755)


def _version() -> str:
    """Packages of one version for several releases sort as the releases do."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.MULTILINE))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return f"{version}-1~{release['ID']}{release.get('VERSION_ID', '')}"


def _architecture() -> str:
    return ARCHITECTURES[platform.machine()]


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))  # noqa: T201 - what the program is asked for
