"""How long each document takes, and what it looks like.

Run from the project's root: `python -m benchmarks.report [SCENARIO] [--images docs/report]`. Every
format in a process of its own, so that loading its library counts; then all in one process.
With `--images`, the PDF and the slides of the scenario are kept as pictures (this needs pdftoppm
and LibreOffice).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

FORMATS = ("html", "pdf", "xlsx", "pptx", "md", "json")
TARGET_S = 15.0
DATE = "2026-11-24"
PAGES = 6


def main() -> None:
    """Measure, print the table, draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", default="base")
    parser.add_argument("--images", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        print("| formats | seconds | bytes |\n| --- | ---: | ---: |")
        for name in FORMATS:
            seconds = written(options.scenario, name, out)
            print(f"| {name} | {seconds:.1f} | {(out / f'report.{name}').stat().st_size:,} |")
        seconds = written(options.scenario, ",".join((*FORMATS, "onepager")), out)
        print(f"| all, and the one page | {seconds:.1f} (target {TARGET_S:.0f}) | |")
        if options.images:
            draw(options.scenario, options.images)


def written(scenario: str, formats: str, out: Path, language: str = "en") -> float:
    """Seconds of the whole command, evaluation and start included."""
    command = [sys.executable, "-m", "modelworth", "report", scenario, "--out", str(out)]
    command += ["--formats", formats, "--language", language, "--date", DATE]
    start = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return perf_counter() - start


def draw(scenario: str, images: Path) -> None:
    """Pages and slides in both languages, many on a picture."""
    images.mkdir(parents=True, exist_ok=True)
    for language in ("en", "zh_CN"):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            written(scenario, "pdf,pptx", out, language)
            sheet(pictures(out / "report.pdf", 72), images / f"pages_{language}.png", 3)
            office = shutil.which("soffice")
            assert office, "the slides need LibreOffice: apt-get install libreoffice-impress-nogui"
            command = [office, "--headless", f"-env:UserInstallation={(out / 'profile').as_uri()}"]
            command += ["--convert-to", "pdf", "--outdir", str(out / "slides")]
            subprocess.run([*command, str(out / "report.pptx")], check=True, capture_output=True)
            slides = pictures(out / "slides" / "report.pdf", 48)
            sheet(slides, images / f"slides_{language}.png", 2)


def pictures(pdf: Path, dots_per_inch: int) -> list[Path]:
    """The first pages as PNG."""
    stem = pdf.with_suffix("")
    pages = ["-l", str(PAGES if dots_per_inch > 60 else 10)]
    command = ["pdftoppm", "-png", "-r", str(dots_per_inch), *pages, str(pdf), str(stem)]
    subprocess.run(command, check=True)
    return sorted(pdf.parent.glob(f"{pdf.stem}-*.png"))


def sheet(paths: list[Path], to: Path, columns: int, gap: int = 8) -> None:
    """The pictures side by side, in few colours."""
    from PIL import Image

    loaded = [Image.open(path) for path in paths]
    width, height = loaded[0].size
    rows = -(-len(loaded) // columns)
    size = (columns * (width + gap) + gap, rows * (height + gap) + gap)
    whole = Image.new("RGB", size, "#9aa5b1")
    for number, picture in enumerate(loaded):
        place = (number % columns * (width + gap) + gap, number // columns * (height + gap) + gap)
        whole.paste(picture, place)
    whole.quantize(64, dither=Image.Dither.NONE).save(to, optimize=True)


if __name__ == "__main__":
    main()
