"""LibreOffice as a second opinion: recalculates workbooks from scratch, turns slides into PDF."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

# 0: always recalculate a workbook from other programs, whatever values it stores.
ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode"
 oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
PROGRAM = shutil.which("soffice")
FILTERS = {"xlsx": "xlsx:Calc MS Excel 2007 XML", "pdf": "pdf"}


def convert(source: Path, folder: Path, kind: str) -> Path:
    """`source` as LibreOffice saves it in `folder`: recalculated `xlsx`, or `pdf`."""
    assert PROGRAM, "LibreOffice is missing: apt-get install libreoffice-calc-nogui"
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(ALWAYS_RECALCULATE)
    made = folder / "converted" / source.with_suffix(f".{kind}").name
    command = [PROGRAM, "--headless", "--norestore", f"-env:UserInstallation={profile.as_uri()}"]
    command += ["--convert-to", FILTERS[kind], "--outdir", str(made.parent), str(source)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert made.exists(), outcome.stderr
    return made
