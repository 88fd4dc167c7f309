"""`modelworth doctor`: what this machine has, what is missing, and the command that mends it."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from modelworth.verbs import doctor_store

PARTS = {
    "bench": ("torch", "transformers", "peft", "safetensors", "nvidia-ml-py"),
    "study": ("opacus", "captum", "datasketch", "tokenizers", "pillow"),
    "dashboard": ("streamlit", "plotly", "Babel"),
    "report": ("typst", "XlsxWriter", "python-pptx", "fonttools", "vl-convert-python", "Jinja2"),
}


@dataclass(frozen=True)
class Remark:
    """One thing looked at: `ok` None means it is optional and absent."""

    what: str
    ok: bool | None
    found: str
    mend: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    store = parser.add_argument_group("a store instead of the machine")
    store.add_argument("--store", metavar="URL", help="check its file, schema and every record")
    store.add_argument("--repair", metavar="NEW.db", help="save what is whole into a new file")
    store.add_argument("--retract", metavar="ID", help="take a measurement back; needs --reason")
    store.add_argument("--reason", metavar="TEXT", help="why it is taken back")
    parser.epilog = (
        "examples:\n  modelworth doctor\n  modelworth doctor --json\n"
        "  modelworth doctor --store lab.db --repair lab-mended.db\n"
        "  modelworth doctor --store lab.db --retract 0123… --reason 'the fan had failed'"
    )


def run(options: argparse.Namespace) -> int:
    """Print all findings; status 1 when something needed is missing, or a store isn't whole."""
    if options.store or options.repair or options.retract:
        return doctor_store.run(options)
    findings = list(_findings())
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = {True: "ok  ", False: "BAD ", None: "--  "}[finding.ok]
            print(f"{mark}{finding.what:<22}{finding.found}")
            if finding.mend and not finding.ok:
                print(f"    {'':<22}mend: {finding.mend}")
    return 1 if any(finding.ok is False for finding in findings) else 0


def _findings() -> Iterator[Remark]:
    yield _python()
    yield from _hardware()
    for extra, packages in PARTS.items():
        yield _part(extra, packages)
    yield from _gpu()
    yield _program("chromium", "browser tests and screenshots", "apt-get install chromium")
    yield _program("soffice", "recalculates workbooks", "apt-get install libreoffice-calc-nogui")
    yield _chinese_font()


def _python() -> Remark:
    version = platform.python_version()
    return Remark("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or later")


def _hardware() -> Iterator[Remark]:
    import psutil

    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    yield Remark("CPU", True, f"{cores} cores, {platform.machine()}")
    memory = psutil.virtual_memory()
    yield Remark(
        "memory", True, f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} free"
    )
    free = shutil.disk_usage(Path.cwd()).free
    yield Remark("disk here", free > 2**30, f"{free / 2**30:.1f} GiB free", "free some space")


def _part(extra: str, packages: tuple[str, ...]) -> Remark:
    versions, missing = [], []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    found = ", ".join(versions) + (f"; missing: {', '.join(missing)}" if missing else "")
    mend = f"pip install 'modelworth[{extra}]'"
    return Remark(f"part {extra}", None if missing else True, found, mend)


def _gpu() -> Iterator[Remark]:
    """The driver's view of the GPUs, then torch's: they may differ, and the remedy with them."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except (ImportError, OSError) as error:
        yield Remark("NVIDIA driver", None, f"not looked at: {error}", "install nvidia-ml-py")
        return
    except pynvml.NVMLError as error:
        yield Remark("NVIDIA driver", None, f"no GPU: {error}; figures are of the CPU")
        return
    try:
        names = [
            _text(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index)))
            for index in range(pynvml.nvmlDeviceGetCount())
        ]
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
    finally:
        pynvml.nvmlShutdown()
    yield Remark("NVIDIA driver", True, f"{driver}: {', '.join(names)}")
    yield _torch_cuda()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _torch_cuda() -> Remark:
    try:
        import torch
    except ImportError as error:
        return Remark("torch on the GPU", False, str(error), "pip install 'modelworth[bench]'")
    found = f"torch {torch.__version__}, CUDA {torch.version.cuda}"
    mend = "install the torch build for this driver: https://pytorch.org/get-started"
    return Remark("torch on the GPU", torch.cuda.is_available(), found, mend)


def _program(name: str, purpose: str, mend: str) -> Remark:
    path = shutil.which(name)
    return Remark(name, True if path else None, path or f"absent ({purpose})", mend)


def _chinese_font(run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run) -> Remark:
    mend = "apt-get install fonts-noto-cjk"
    if not shutil.which("fc-list"):
        return Remark("Chinese font", None, "fc-list is absent, not looked at", mend)
    listed = run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False)
    names = sorted({line.split(",")[0].strip() for line in listed.stdout.splitlines() if line})
    found = ", ".join(names[:3]) or "none: needed for documents in Chinese"
    return Remark("Chinese font", True if names else None, found, mend)
