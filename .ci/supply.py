"""What the project is built from: a bill of materials, licences, hashes, ages, known faults.

    python .ci/supply.py sbom > sbom.json       # CycloneDX 1.6, of what is installed
    python .ci/supply.py licences               # a line for each package
    python .ci/supply.py pins                   # .ci/hashes.txt anew, from PyPI
    python .ci/supply.py ages                   # which packages had no release in two years
    python .ci/supply.py audit                  # which have vulnerabilities that PyPI knows of

For bill, licences and ages only packages that users install count: the parts of pyproject.toml but
`test`. Status 1 where `ages` or `audit` find something.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

HERE = Path(__file__).parent
HASHES, OLD = HERE / "hashes.txt", HERE / "old_packages.csv"
NOT_SHIPPED = "test"
LEFT_OUT = re.compile(r"pip|torch|triton|cuda-.*|nvidia-(?!ml-py).*")
"""What comes with Python; torch, and what only its build for GPUs needs."""
WHEEL = re.compile(r"-none-any\.whl$|-(cp311|abi3|none)-manylinux[^-]*\.whl$")
"""Files for Python 3.11 on Linux, which CI runs on."""
HEAD = """# Every package but torch with the hashes of its files on PyPI, for Python 3.11 on Linux.
# Made by `make pins` from pyproject.toml and constraints.txt; `make locked` installs from it.
"""
YEARS = 2
RELEASED = re.compile(r"^# (\S+) of (\d{4}-\d\d-\d\d)$", re.MULTILINE)


def project() -> dict[str, Any]:
    """The project's own description."""
    text = (HERE.parent / "pyproject.toml").read_text("utf-8")
    return dict(tomllib.loads(text)["project"])


def packages() -> dict[str, metadata.Distribution]:
    """Every installed package that users need, directly or not, by its normal name."""
    own = project()
    parts = [part for name, part in own["optional-dependencies"].items() if name != NOT_SHIPPED]
    todo = [Requirement(text) for part in (own["dependencies"], *parts) for text in part]
    found: dict[str, metadata.Distribution] = {}
    seen = set[tuple[str, tuple[str, ...]]]()
    while todo:
        needed = todo.pop()
        key = _normal(needed.name), tuple(sorted(needed.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found[key[0]] = metadata.distribution(needed.name)
        except metadata.PackageNotFoundError:
            continue  # a part that isn't installed here
        todo += _needed(found[key[0]], key[1])
    return dict(sorted(found.items()))


def _needed(package: metadata.Distribution, wanted: tuple[str, ...]) -> Iterator[Requirement]:
    for text in package.requires or ():
        needed = Requirement(text)
        marker = needed.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
            yield needed


def licence(package: metadata.Distribution) -> str:
    """As the package says it: an expression, else a short text, else its classifiers."""
    said = package.metadata
    short = (said.get("License-Expression") or said.get("License") or "").strip()
    if short and len(short) < 60 and "\n" not in short:
        return short
    found = [line for line in said.get_all("Classifier") or () if line.startswith("License ::")]
    names = [line.rsplit(" :: ", 1)[-1] for line in found]
    return ", ".join(names) or (short.splitlines() or ["not said"])[0][:60]


def sbom() -> dict[str, object]:
    """A bill of materials in CycloneDX's form; the specification is ECMA-424."""
    own = project()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {
            "type": "application", "name": own["name"], "version": own["version"],
            "licenses": [{"license": {"id": own["license"]}}],
        }},
        "components": [{
            "type": "library", "bom-ref": f"pkg:pypi/{name}@{package.version}", "name": name,
            "version": package.version, "purl": f"pkg:pypi/{name}@{package.version}",
            "licenses": [{"license": {"name": licence(package)}}],
        } for name, package in packages().items()],
    }  # fmt: skip


def pins() -> str:
    """The text of `.ci/hashes.txt`: versions of constraints.txt, hashes and dates of PyPI."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        asked = (
            "pip compile pyproject.toml --all-extras --constraints constraints.txt --no-config "
            "--python-version 3.11 --python-platform linux --format pylock.toml --output-file"
        )
        command = [_program("uv"), "--quiet", *asked.split(), str(lock)]
        subprocess.run(command, cwd=HERE.parent, check=True)
        locked = tomllib.loads(lock.read_text("utf-8"))["packages"]
    return HEAD + "".join(
        _pinned(one) for one in locked if not LEFT_OUT.fullmatch(_normal(one["name"]))
    )


def _pinned(package: dict[str, Any]) -> str:
    """A package's lines: its date, its version, a hash for each file that may be installed."""
    wheels = [it for it in package.get("wheels", ()) if WHEEL.search(it["url"].rsplit("/", 1)[-1])]
    files = wheels or [package["sdist"]]
    name = _normal(package["name"])
    first = min(file["upload-time"] for file in files)
    hashes = "".join(f" \\\n    --hash=sha256:{file['hashes']['sha256']}" for file in files)
    return f"# {name} of {first:%Y-%m-%d}\n{name}=={package['version']}{hashes}\n"


def released() -> dict[str, date]:
    """When the pinned version of each package was released."""
    found = RELEASED.findall(HASHES.read_text("utf-8"))
    return {name: date.fromisoformat(day) for name, day in found}


def aged(today: date) -> dict[str, date]:
    """Packages whose pinned version is older than two years, without a reason to keep them."""
    with OLD.open(newline="", encoding="utf-8") as file:
        kept = {row["name"] for row in csv.DictReader(file)}
    oldest = today.replace(year=today.year - YEARS, day=min(today.day, 28))
    dates = released()
    return {
        name: dates[name] for name in packages()
        if name in dates and dates[name] < oldest and name not in kept
    }  # fmt: skip


def audit() -> int:
    """Say what PyPI's advisories know of the pinned versions; 1 if anything."""
    command = [_program("pip-audit"), "-r", "constraints.txt", "--no-deps", "--disable-pip",
               "--progress-spinner", "off", "--format", "json"]  # fmt: skip
    ran = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    looked = json.loads(ran.stdout)["dependencies"] if ran.stdout else []
    known = [one for one in looked if "vulns" in one]
    if not known:
        print("No advisories can be reached from here: nothing was looked up.")
        return 0
    faults = [(one, fault) for one in known for fault in one["vulns"]]
    for one, fault in faults:
        mended = ", ".join(fault["fix_versions"]) or "no version yet"
        print(f"{one['name']} {one['version']}: {fault['id']}, mended in {mended}")
    print(f"{len(known)} of {len(looked)} packages looked up, {len(faults)} vulnerabilities known")
    return 1 if faults else 0


def _program(name: str) -> str:
    """A program of this environment, by its path."""
    return str(Path(sys.executable).with_name(name))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Print or write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("sbom", "licences", "pins", "ages", "audit"))
    asked = parser.parse_args().what
    if asked == "audit":
        return audit()
    if asked == "sbom":
        print(json.dumps(sbom(), indent=2))
    elif asked == "licences":
        for name, package in packages().items():
            print(f"{name:<32} {package.version:<16} {licence(package)}")
    elif asked == "pins":
        HASHES.write_text(pins(), "utf-8")
    else:
        old = aged(datetime.now(UTC).date())
        for name, day in old.items():
            print(f"{name}: {day}, over {YEARS} years ago; update it, or say why in {OLD.name}")
        return 1 if old else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
