"""What the work ran on, as far as it can be known; what can't is None.

A GPU is described by NVML and named as in the catalogue where it is there. `detect` never touches
CUDA, so that a process that forks workers may call it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import runpy
import uuid
from collections.abc import Iterable
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from modelworth.bench.timing.nvml import asked, nvml, text
from modelworth.bench.work.task import DeviceKind
from modelworth.data.catalog import Accelerator, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Machine

LIBRARIES = ("torch", "transformers", "peft", "triton", "flash-attn", "numpy", "nvidia-ml-py")


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first visible GPU as NVML describes it."""

    name: str
    uuids: tuple[str, ...]
    memory_bytes: int | None
    driver: str | None
    power_limit_w: float | None
    capability: tuple[int, int] | None = None


def default_device() -> DeviceKind:
    """`cuda` where there is a GPU and a torch built for it."""
    return "cuda" if _torch_has_cuda() and gpu() is not None else "cpu"


def chosen_device(asked: DeviceKind | None) -> DeviceKind:
    """The device that is asked for, else a GPU where there is one.

    Raises:
        InputError: if a GPU is asked for where no driver or no such torch is installed.
    """
    if asked == "cuda" and not (_torch_has_cuda() and (gpu() or find_library("cuda"))):
        raise InputError("--device", asked, "cpu: torch sees no GPU here")
    return asked or default_device()


def devices(kind: DeviceKind) -> int:
    """How many processes have a device of their own: GPUs that are seen, or cores."""
    found = gpu() if kind == "cuda" else None
    return len(found.uuids) if found else cores()


def detect(device: DeviceKind, count: int = 1) -> Machine:
    """The machine and its `count` devices of this kind, ceilings left out."""
    found = gpu() if device == "cuda" else None
    cpu = cpu_name()
    host_bytes = psutil.virtual_memory().total
    return Machine(
        device=catalogue_name(found.name) if found else cpu or platform.machine(),
        kind=device,
        count=count,
        memory_bytes=found.memory_bytes if found else host_bytes,
        driver=found.driver if found else None,
        power_limit_w=found.power_limit_w if found else None,
        cpu=cpu,
        cpu_cores=cores(),
        host_memory_bytes=host_bytes,
        system=f"{platform.system()} {_release()}, Python {platform.python_version()}",
        machine_id=_machine_id(found),
        libraries=_versions(),
    )


def catalogue_name(driver_name: str) -> str:
    """The catalogue's name for what the driver calls its device, else the driver's own."""
    found = accelerator(driver_name)
    return driver_name if found is None else found.name


def accelerator(name: str) -> Accelerator | None:
    """The catalogue's entry for a device, by its name, an alias or the driver's name."""
    catalog = load_catalog()
    for spelling in (name, re.sub(r"^(NVIDIA|AMD)\s+", "", name)):
        try:
            return catalog.accelerator(spelling)
        except InputError:
            continue
    return None


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str | None:
    """What the processor calls itself."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.split(":", 1)[1].strip() or None
    return platform.processor() or None


def last_level_cache_bytes(device: DeviceKind) -> int | None:
    """The largest cache between the device and its memory; None: unknown."""
    if device == "cuda":
        import torch

        return getattr(torch.cuda.get_device_properties(0), "L2_cache_size", None)
    sizes = [
        _kibibytes(path.read_text())
        for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    ]
    return max(sizes, default=None)


def gpu() -> Gpu | None:
    """The first visible GPU; None without one, or without NVML."""
    with nvml() as library:
        if library is None:
            return None
        handles = _visible(library)
        if not handles:
            return None
        first = handles[0]
        limit = asked(library, "DeviceGetPowerManagementLimit", first)
        capability = asked(library, "DeviceGetCudaComputeCapability", first)
        return Gpu(
            name=text(library.nvmlDeviceGetName(first)),
            uuids=tuple(text(library.nvmlDeviceGetUUID(handle)) for handle in handles),
            memory_bytes=getattr(asked(library, "DeviceGetMemoryInfo", first), "total", None),
            driver=text(asked(library, "SystemGetDriverVersion") or "") or None,
            power_limit_w=limit / 1e3 if limit else None,
            capability=tuple(capability) if capability else None,
        )


def _visible(library: Any) -> list[Any]:
    """Handles of the devices that CUDA sees, in its order.

    CUDA_VISIBLE_DEVICES as CUDA reads it: indices, UUIDs or their beginnings, MIG slices; the list
    ends at the first name that is none, and a name that comes twice leaves nothing. Of a GPU that
    is cut into slices CUDA takes a slice, and where it has one it sees no other device (NVIDIA,
    Multi-Instance GPU User Guide, "CUDA device enumeration").
    """
    places = ((index,) for index in range(library.nvmlDeviceGetCount()))
    whole = _known(library, "DeviceGetHandleByIndex", places)
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = chosen.split(",") if chosen is not None else map(str, range(len(whole)))
    names = [name.strip() for name in named]
    if len(set(names)) < len(names):
        return []
    found = []
    for name in names:
        handle = _named(library, name, whole)
        if handle is None:
            break
        found += _slices(library, handle) if _is_cut(library, handle) else [handle]
    return [one for one in found if _is_slice(library, one)][:1] or found


def _known(library: Any, question: str, places: Iterable[Any]) -> list[Any]:
    """Handles by their places, without those that nobody made or that are another's.

    NVML counts all GPUs of the machine, also those that a batch system keeps from this process.
    """
    found = (asked(library, question, *place) for place in places)
    return [one for one in found if one is not None]


def _is_slice(library: Any, handle: Any) -> bool:
    return bool(asked(library, "DeviceIsMigDeviceHandle", handle))


def _is_cut(library: Any, handle: Any) -> bool:
    """Whether this is a whole GPU in MIG mode, in which nothing runs but on its slices."""
    mode = asked(library, "DeviceGetMigMode", handle)
    return mode is not None and bool(mode[0]) and not _is_slice(library, handle)


def _named(library: Any, name: str, whole: list[Any]) -> Any | None:
    """NVML's handle of one entry of CUDA_VISIBLE_DEVICES; None if it names no device."""
    if name.isdigit():
        return whole[int(name)] if int(name) < len(whole) else None
    if not name.startswith(("GPU-", "MIG-")):
        return None
    cut = (slice_ for one in whole for slice_ in _slices(library, one))
    near = [
        one
        for one in (whole if name.startswith("GPU-") else cut)
        if text(library.nvmlDeviceGetUUID(one)).startswith(name)
    ]
    return near[0] if len(near) == 1 else None


def _slices(library: Any, device: Any) -> list[Any]:
    """The MIG slices of a device; there may be places that nobody made one of."""
    most = asked(library, "DeviceGetMaxMigDeviceCount", device) or 0
    return _known(library, "DeviceGetMigDeviceHandleByIndex", ((device, i) for i in range(most)))


def visible_handle(library: Any, index: int) -> Any | None:
    """NVML's handle of torch's device `index`; None if it can't be told."""
    handles = _visible(library)
    return handles[index] if index < len(handles) else None


def _torch_has_cuda() -> bool:
    """Whether the torch that is installed was built for CUDA, told without importing it."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    version = Path(spec.submodule_search_locations[0]) / "version.py"
    return version.exists() and runpy.run_path(str(version)).get("cuda") is not None


def _versions() -> dict[str, str]:
    """Versions of the libraries that decide how fast the work is."""
    found = {}
    for package in LIBRARIES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine_id(found: Gpu | None) -> str:
    """The same for this machine each time, and no name of it."""
    identity = Path("/etc/machine-id")
    known = identity.read_text().strip() if identity.exists() else ""
    parts = [
        known or str(uuid.getnode()),
        cpu_name() or "",
        str(cores()),
        str(psutil.virtual_memory().total // 2**28),
        *(found.uuids if found else ()),
    ]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _release() -> str:
    """The kernel's version without what the distribution adds to it."""
    return platform.release().split("-")[0]


def _kibibytes(size: str) -> int:
    number = int(size.strip().rstrip("KMG"))
    return number * {"K": 2**10, "M": 2**20, "G": 2**30}.get(size.strip()[-1], 1)
