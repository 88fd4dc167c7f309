"""llama.cpp's `llama-bench`: JSON, JSONL, CSV, SQL and the Markdown table that it prints.

A test reads a prompt, writes tokens, or does both one after another (`-pg`), at a depth of tokens
already in the cache. Rates are of all its tokens. With no layer on the GPU it ran on the CPU,
whatever cards are listed. The Markdown table says neither device nor date.
Read: llama.cpp tools/llama-bench/llama-bench.cpp, b2000 to b7000.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from statistics import fmean
from typing import Any, Final

from modelworth.data.errors import InputError
from modelworth.data.importers import read
from modelworth.data.importers.read import Content
from modelworth.data.importers.server_settings import cache_format
from modelworth.data.importers.told import Timed, Told, cited, model_of, named, stored_format
from modelworth.data.measurement import Layout, Machine, MachineKind, Measurement, Workload
from modelworth.data.words import Kind, precision

TOOL: Final = "llama-bench"
ON_CPU: Final = frozenset({"CPU", "BLAS", "RPC"})
"""Backends that need no accelerator."""
_LISTED: Final = re.compile(r"(?:Device \d+: |ggml_vulkan: \d+ = )([^,(|\n]+)")
"""A device as llama.cpp lists it before its table."""
NARROW: Final = ((5.0, "int4"), (9.0, "int8"), (17.0, "float16"))
_TEST: Final = re.compile(r"(?:pp(\d+))?\+?(?:tg(\d+))?(?:\s*@\s*d(\d+))?")
_INSERT: Final = re.compile(r"INSERT INTO \w+ \(([^)]*)\) VALUES \((.*)\);")
_SIZE: Final = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

PRINTED: Final = {
    "n_ubatch": "n_ubatch", "type_k": "type_k", "type_v": "type_v", "split_mode": "sm",
    "flash_attn": "fa", "devices": "dev", "n_cpu_moe": "n_cpu_moe",
}  # fmt: skip
"""Settings that the table shows where they aren't the usual ones."""
KINDS: Final[Mapping[str, MachineKind]] = {"CUDA": "cuda", "ROCM": "rocm", "HIP": "rocm"}

Test = Mapping[str, Any]


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    if content.objects:
        return all("n_gen" in test and _timed(test) for test in content.objects)
    return bool(tuple(_texts(content)))


def _timed(test: Test) -> bool:
    return any(key in test for key in ("avg_ns", "samples_ns", "avg_ts"))


def runs(content: Content) -> Iterator[Test]:
    """Each test in the file, under the names of the JSON format."""
    return iter(content.objects) if content.objects else _texts(content)


def _texts(content: Content) -> Iterator[Test]:
    """Tests of the formats that aren't JSON."""
    if "n_gen" in content.head and "," in content.head:
        yield from content.rows
    elif _INSERT.search(content.text):
        for match in _INSERT.finditer(content.text):
            names = [name.strip() for name in match[1].split(",")]
            (values,) = csv.reader(io.StringIO(match[2]), quotechar="'", skipinitialspace=True)
            yield dict(zip(names, values, strict=False))
    else:
        yield from _markdown(content.text)


def _markdown(table: str) -> Iterator[Test]:
    """Rows of the printed tables, each on the devices that were listed last before it."""
    header: list[str] = []
    listed: list[str] = []
    for line in table.splitlines():
        if found := _LISTED.findall(line):
            listed, header = [*([] if header else listed), *map(str.strip, found)], []
        cells = read.table_cells(line)
        if "t/s" in cells and "test" in cells:
            header = cells
        elif header and len(cells) == len(header) and not set(cells[0]) <= set("-: "):
            row = dict(zip(header, cells, strict=True))
            test = _TEST.fullmatch(row["test"])
            if test is None or not (test[1] or test[2]):
                continue
            per_s = read.positive(row["t/s"].split("±")[0].strip())
            yield {
                "model_type": row.get("model"),
                "model_size": _sized(row.get("size")),
                "model_n_params": _sized(row.get("params")),
                "backends": row.get("backend"),
                "gpu_info": ", ".join(listed),
                "n_gpu_layers": row.get("ngl"),
                **{key: row.get(name) for key, name in PRINTED.items()},
                "n_prompt": test[1] or 0,
                "n_gen": test[2] or 0,
                "n_depth": test[3] or 0,
                "avg_ts": per_s,
            }


def _sized(cell: str | None) -> float | None:
    """`4.36 GiB` in bytes, `7.62 B` in weights."""
    value, _, unit = (cell or "").partition(" ")
    found = read.positive(value)
    return None if found is None or unit not in _SIZE else found * _SIZE[unit]


def measurement(test: Test, told: Told, where: str) -> Measurement:
    """One test as a record.

    Raises:
        InputError: if it lacks its times, or a device, a model or a date that isn't given.
    """
    prompt, generated = read.count(test.get("n_prompt")) or 0, read.count(test.get("n_gen")) or 0
    device, on_cpu = _device(test, told)
    name = told.model or _text(test.get("model_type")) or _stem(test.get("model_filename"))
    date = read.moment(test.get("test_time")) or told.date
    ran = named(where, device, name, date)
    samples_s, mean_s = _times(test, prompt + generated, where)
    timed = Timed(
        unit="tokens", work=generated or prompt, mean_s=mean_s, samples_s=samples_s,
        per_token=None if prompt else generated,
    )  # fmt: skip
    devices = 1 if on_cpu else told.count or max(1, len(_gpus(test)))
    return Measurement(
        recorded_at=ran.date,
        model=model_of(ran.model, read.count(test.get("model_n_params"))),
        workload=_workload(test, told, prompt, generated, devices),
        machine=Machine(
            device=ran.device,
            kind="cpu" if on_cpu else _kind(test),
            count=devices,
            cpu=test.get("cpu_info") or None,
            libraries={"ggml": ", ".join(_backends(test))},
        ),
        status="ok",
        result=timed.result(devices),
        provenance=cited(
            TOOL, dict(test), _text(test.get("build_number")), _text(test.get("build_commit"))
        ),
    )


def _times(test: Test, tokens: int, where: str) -> tuple[tuple[float, ...], float]:
    """Seconds of each repetition, and their mean."""
    listed = test.get("samples_ns")
    samples = [read.positive(it) for it in listed] if isinstance(listed, list) else []
    known = tuple(it / 1e9 for it in samples if it is not None)
    if known:
        return known, fmean(known)
    nanoseconds, per_s = read.positive(test.get("avg_ns")), read.positive(test.get("avg_ts"))
    if nanoseconds is not None:
        return (), nanoseconds / 1e9
    if per_s is None or not tokens:
        raise InputError(where, "a test without times", "samples_ns, avg_ns or t/s of a test")
    return (), tokens / per_s


def _device(test: Test, told: Told) -> tuple[str | None, bool]:
    """What it ran on, and whether that was the CPU.

    Apple's chips are named as a processor, whose GPU then is meant. A device that somebody said
    isn't the processor of the tests that left it alone.
    """
    cpu, names = _text(test.get("cpu_info")), list(dict.fromkeys(_gpus(test)))
    backends = set(_backends(test))
    plain = backends <= ON_CPU and not names
    none = read.number(test.get("n_gpu_layers")) == 0 or test.get("devices") == "none"
    if none or (plain and (cpu or told.device is None)):
        return (cpu or (told.device and "CPU"), True)
    return (told.device or " + ".join(names) or (cpu if "METAL" in backends else None), False)


def _backends(test: Test) -> list[str]:
    """By what llama.cpp computes, such as CUDA and BLAS."""
    return [part.strip().upper() for part in str(test.get("backends") or "CPU").split(",")]


def _kind(test: Test) -> MachineKind:
    return next((KINDS[name] for name in _backends(test) if name in KINDS), "other")


def _gpus(test: Test) -> list[str]:
    """The cards that took part."""
    names = [part.strip() for part in str(test.get("gpu_info") or "").split(",") if part.strip()]
    chosen = [one for one in str(test.get("devices") or "").split("/") if one not in ("", "auto")]
    if test.get("split_mode") == "none":
        return names[:1]
    return names[: len(chosen)] if chosen else names


def _workload(test: Test, told: Told, prompt: int, generated: int, devices: int) -> Workload:
    kind: Kind = "generate" if prompt and generated else "decode" if generated else "prefill"
    depth, layers = read.count(test.get("n_depth")) or 0, read.count(test.get("n_gpu_layers"))
    bits, stored = _bits(test), stored_format(None, str(test.get("model_type") or ""))
    narrow = next((name for most, name in NARROW if bits is not None and bits <= most), "bf16")
    rows = test.get("split_mode") == "row"
    return Workload(
        kind=kind,
        batch=1,
        prompt_tokens=prompt or depth or None,
        new_tokens=generated or None,
        precision=told.precision or precision(stored.products if stored else narrow),
        engine="llama.cpp",
        layout=Layout(tensor=devices) if rows else Layout(pipeline=devices),
        context_tokens=(depth or None) if prompt else None,
        quantization=stored.name.upper() if stored else None,
        weight_bits=bits or (stored.bits if stored else None),
        gpu_layers=layers,
        host_expert_layers=read.count(test.get("n_cpu_moe")) or None,
        cache_format=cache_format(test.get("type_k"), test.get("type_v")),
        chunk_tokens=read.count(test.get("n_ubatch")) or None,
        attention="flash" if _text(test.get("flash_attn")) in ("1", "True", "true") else None,
    )


def _bits(test: Test) -> float | None:
    """Stored bits of a weight: the file's size over its weights."""
    size, weights = read.positive(test.get("model_size")), read.positive(test.get("model_n_params"))
    return None if size is None or weights is None else round(8 * size / weights, 3)


def _stem(path: Any) -> str | None:
    return PurePosixPath(str(path).replace("\\", "/")).name if path else None


def _text(value: Any) -> str | None:
    """A cell as a word: tables write numbers as text, and text may be empty."""
    return None if value is None else read.text(str(value))
