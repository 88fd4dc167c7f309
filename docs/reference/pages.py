"""The pages made from the code: library, command line, drivers, published cases, the rooms."""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

import grimp

import modelworth
from modelworth.cli import VERBS
from modelworth.costmodel.business.published_cases import Check
from modelworth.costmodel.evaluate import check
from modelworth.costmodel.scenario.drivers import Driver, load_drivers
from modelworth.costmodel.scenario.scenario import FOLDER, load

DOCS: Final = Path(__file__).parents[1]
MADE: Final = "Made by `python -m docs.reference`; a test holds it current."
ROOMS: Final = ("data", "bench", "costmodel", "report", "dashboard", "verbs")


def library() -> str:
    """Every public name with its signature and docstring."""
    parts = [f"# The library\n\n{MADE}\n\n    import modelworth as mw\n"]
    for name in modelworth.__all__:
        thing = getattr(modelworth, name)
        heading = name
        if inspect.isfunction(thing):
            heading += re.sub(r"modelworth\.[\w.]+\.", "", str(inspect.signature(thing)))
        parts.append(f"## {name}\n\n```python\n{heading}\n```\n\n{_text(thing)}\n")
    return "\n".join(parts)


def _text(thing: object) -> str:
    """A docstring as an indented block keeps its tables of arguments."""
    first, _, rest = inspect.cleandoc(thing.__doc__ or "").partition("\n")
    return first + (f"\n\n```text\n{rest.strip()}\n```" if rest.strip() else "")


def command_line() -> str:
    """What `--help` says of every verb."""
    os.environ["COLUMNS"] = "96"
    parts = [f"# The command line\n\n{MADE}\n"]
    for verb, summary in VERBS.items():
        name = {"import": "import_"}.get(verb, verb.replace("-", "_"))
        parser = argparse.ArgumentParser(
            prog=f"modelworth {verb}", description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        import_module(f"modelworth.verbs.{name}").add_arguments(parser)
        parts.append(f"## {verb}\n\n```text\n{parser.format_help().rstrip()}\n```\n")
    return "\n".join(parts)


def drivers() -> str:
    """Every driver of a scenario: unit, what is allowed, default, meaning, source."""
    parts = [f"# Drivers of a scenario\n\n{MADE}\n"]
    section = ""
    for driver in load_drivers().values():
        if driver.section != section:
            section = driver.section
            parts.append(f"\n## {section}\n\n| driver | default | allowed | what it means |")
            parts.append("| --- | --- | --- | --- |")
        cells = (f"`{driver.key}`", _default(driver), driver.allowed, driver.meaning)
        parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


def _default(driver: Driver) -> str:
    if driver.kind == "choice":
        return driver.word(driver.default)
    return f"{driver.default:g} {driver.unit}"


def architecture() -> str:
    """The page on the house, with its picture made anew."""
    return _between("architecture.md", "rooms", _picture())


def _between(page: str, name: str, made: str) -> str:
    """A page with what stands between its marks made anew."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = (DOCS / page).read_text("utf-8").partition(begin)
    return f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"


def cases() -> str:
    """The page on published cases, with what each comes to."""
    rows = ["| case | law | published, and how far off | solved for |", "| --- | --- | --- | --- |"]
    for path in sorted((FOLDER / "cases").glob("*.yaml")):
        found = load(path)
        checks = check(found)
        shown = [one for one in checks if one.solved is None]
        cells = (
            path.stem,
            found.text["en"]["law"],
            "; ".join(map(_came_out, shown)),
            ", ".join(
                dict.fromkeys(
                    f"`{one.expectation.solves}`" for one in checks if one.solved is not None
                )
            ),
        )
        rows.append("| " + " | ".join(cells) + " |")
    return _between("cases.md", "cases", "\n".join(rows))


def _came_out(one: Check) -> str:
    """A published figure, and by how much the model misses it."""
    wanted = one.expectation
    span = f"{wanted.low:.4g}" + (f" to {wanted.high:.4g}" if wanted.high != wanted.low else "")
    return f"`{wanted.key}` {span} ({one.deviation or 0.0:.1%})"


def _picture() -> str:
    """Which room imports which, as the import graph has it, in Mermaid."""
    graph = grimp.build_graph("modelworth")
    lines = ["```mermaid", "flowchart BT"]
    lines += [f"    {room}" for room in ROOMS]
    for room in ROOMS:
        for other in ROOMS:
            if room != other and _imports(graph, f"modelworth.{room}", f"modelworth.{other}"):
                lines.append(f"    {room} --> {other}")
    return "\n".join([*lines, "```"])


def _imports(graph: grimp.ImportGraph, room: str, other: str) -> bool:
    modules = {room, *graph.find_descendants(room)}
    return any(
        found == other or found.startswith(f"{other}.")
        for module in modules
        for found in graph.find_modules_directly_imported_by(module)
    )


PAGES: Final[dict[Path, Callable[[], str]]] = {
    DOCS / "reference" / "library.md": library,
    DOCS / "reference" / "command-line.md": command_line,
    DOCS / "reference" / "drivers.md": drivers,
    DOCS / "architecture.md": architecture,
    DOCS / "cases.md": cases,
}
