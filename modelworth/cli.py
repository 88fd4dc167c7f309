"""The command line: finds the verb, runs it, turns errors into two lines and an exit status.

A verb's module is imported only when that verb is named, so `modelworth --help` stays quick.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
import warnings
from difflib import get_close_matches
from typing import Any, NoReturn

from modelworth import __version__
from modelworth.data.errors import InputError, ModelworthError, without_secrets

VERBS = {
    "demo": "measure this machine, price what was measured, write a report",
    "bench": "measure a suite or one case on this machine; takes up a run that was cut short",
    "study": "data, learning, privacy and explanations: what they do to speed and quality here",
    "compare-runs": "two benchmark runs side by side, or one beside what others published",
    "load": "a server under load: latencies, tokens per second, a record for each level",
    "meter": "a running server's own metrics to what its tokens cost",
    "list": "the models, devices, rents, prices, drivers and scenarios that the verbs know",
    "inspect": "what a model consists of, keeps and computes, and which devices it fits on",
    "predict": "time and throughput of a model on a device, or of a table of cases, with intervals",
    "plan": "the cheapest devices and layout within a latency objective, a deadline or a budget",
    "evaluate": "a scenario to NPV, payback, unit costs, risk and a verdict",
    "compare": "train, fine-tune, self-host or buy, side by side on the same demand",
    "report": "a scenario to HTML, PDF, XLSX with live formulas, PPTX and Markdown",
    "dashboard": "the pages in a browser, from what was measured to what it is worth",
    "import": "measurements from a file, ours or another tool's, into the store",
    "export": "the store's measurements as JSONL, CSV or Parquet",
    "doctor": "what this machine has, what is missing, and the command that mends it",
}
EXTRAS = {
    "torch": "bench", "transformers": "bench", "peft": "bench",
    "pynvml": "bench", "diffusers": "diffusion",
    "streamlit": "dashboard", "plotly": "dashboard", "jinja2": "report",
    "typst": "report", "xlsxwriter": "report", "pptx": "report", "fontTools": "report",
    "vl_convert": "report", "captum": "study",
    "datasketch": "study", "opacus": "study", "tokenizers": "study", "PIL": "study",
    "fastapi": "serving", "uvicorn": "serving",
    "psycopg": "postgres", "authlib": "team",
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status (0 done, 1 the work failed, 2 wrong input)."""
    arguments = sys.argv[1:] if argv is None else argv
    verb = next((argument for argument in arguments if not argument.startswith("-")), "")
    debug = "--debug" in arguments
    try:
        module = _module(verb) if verb in VERBS else None
        parser, known = _parser(verb, module)
        options, unknown = parser.parse_known_args(arguments)
        _require_known(unknown, known)
        with warnings.catch_warnings():
            warnings.showwarning = _noted
            return int(module.run(options)) if module else 0
    except ModelworthError as error:
        return _failed(f"modelworth {verb}: {error}", error.exit_status, debug)
    except ModuleNotFoundError as error:
        return _failed(f"modelworth {verb}: {_missing(error)}", 1, debug or _ours(error))
    except KeyboardInterrupt:
        return _failed(f"modelworth {verb}: stopped; what was finished is kept", 130, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _failed(f"modelworth {verb}: {_refused(error)}", _refused(error).exit_status, debug)


def _module(verb: str) -> Any:
    name = {"import": "import_"}.get(verb, verb.replace("-", "_"))
    return importlib.import_module(f"modelworth.verbs.{name}")


def _require_known(unknown: list[str], known: list[str]) -> None:
    """Refuses words that no option of the verb takes; a part of an option's name is no name."""
    if not unknown:
        return
    flag = unknown[0].partition("=")[0]
    if not flag.startswith("-"):
        raise InputError("arguments", "one too many", "as --help shows them")
    near = [one for one in known if one.startswith(flag)]
    near += [one for one in get_close_matches(flag, known) if one not in near]
    some = f", such as {', '.join(near)}" if near else ""
    raise InputError(flag, "no such option", f"one that --help lists{some}")


class _Parser(argparse.ArgumentParser):
    """Says what was typed wrong without the secrets in it."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        super().error(without_secrets(message))


def _parser(named: str, module: Any) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser of all verbs, the named one's arguments filled in, and that one's options."""
    known: list[str] = []
    parser = _Parser(
        prog="modelworth",
        description="Is this large model a good business? From the measured millisecond to NPV.",
        epilog="modelworth VERB --help shows a verb's arguments and examples.",
    )
    parser.add_argument("--version", action="version", version=f"modelworth {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, summary in VERBS.items():
        subparser = verbs.add_parser(
            verb,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if verb == named:
            module.add_arguments(subparser)
            subparser.add_argument("--debug", action="store_true", help="show tracebacks")
            known = [name for one in subparser._actions for name in one.option_strings]
    return parser, known


def _missing(error: ModuleNotFoundError) -> str:
    package = (error.name or "").split(".")[0]
    extra = EXTRAS.get(package)
    command = f"pip install 'modelworth[{extra}]'" if extra else f"pip install {package}"
    return f"the package {package} is not installed\n  get it with: {command}"


def _refused(error: OSError) -> ModelworthError:
    """What the system refused, such as to write on a full disk."""
    if error.errno == errno.ENAMETOOLONG:
        return InputError("a file's name", str(error.filename), "of at most 255 bytes")
    what = "" if error.filename is None else f"{error.filename}: "
    remedy = "must be possible: is the disk full, the place read-only? --debug says where it was"
    return ModelworthError(f"{what}{error.strerror or error}\n  {remedy}")


def _ours(error: ModuleNotFoundError) -> bool:
    """Whether the missing module is a room of this project: a defect, so show the traceback."""
    return (error.name or "").split(".")[0] == "modelworth"


def _noted(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as a line of its own, without the place in the code."""
    print(f"note: {' '.join(str(message).split())}", file=sys.stderr)


def _failed(message: str, status: int, debug: bool) -> int:
    if debug:
        raise
    print(message, file=sys.stderr)
    return status
