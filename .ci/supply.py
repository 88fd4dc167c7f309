"""What the project is built from: a bill of materials, and licences.

    python .ci/supply.py sbom > sbom.json       # CycloneDX 1.6, of what is installed
    python .ci/supply.py licences               # a line for each package

Only packages that users install count: the parts of pyproject.toml but `test`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

OWN, NOT_SHIPPED = "modelworth", {"test"}


def extras() -> list[str]:
    """The parts that users can install."""
    return sorted(set(metadata.metadata(OWN).get_all("Provides-Extra") or ()) - NOT_SHIPPED)


def packages() -> dict[str, metadata.Distribution]:
    """Every installed package that the project needs, directly or not, by its normal name."""
    found: dict[str, metadata.Distribution] = {}
    todo = [(OWN, tuple(extras()))]
    while todo:
        name, wanted = todo.pop()
        for needed in _needed(metadata.distribution(name), wanted):
            key = _normal(needed.name)
            if key not in found:
                try:
                    found[key] = metadata.distribution(needed.name)
                except metadata.PackageNotFoundError:
                    continue  # a part that isn't installed here
                todo.append((needed.name, tuple(needed.extras)))
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
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {
            "type": "application", "name": OWN, "version": metadata.version(OWN),
            "licenses": [{"license": {"id": "Apache-2.0"}}],
        }},
        "components": [{
            "type": "library", "bom-ref": f"pkg:pypi/{name}@{package.version}", "name": name,
            "version": package.version, "purl": f"pkg:pypi/{name}@{package.version}",
            "licenses": [{"license": {"name": licence(package)}}],
        } for name, package in packages().items()],
    }  # fmt: skip


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("sbom", "licences"))
    asked = parser.parse_args().what
    if asked == "sbom":
        print(json.dumps(sbom(), indent=2))
    else:
        for name, package in packages().items():
            print(f"{name:<32} {package.version:<16} {licence(package)}")


if __name__ == "__main__":
    main()
