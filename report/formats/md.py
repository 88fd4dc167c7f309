"""The report for a wiki: one Markdown file and its charts as SVG beside it."""

from __future__ import annotations

import re
from functools import partial

from modelworth.report.charts.vega_pen import svg
from modelworth.report.sections.blocks import Block, Code, Document, Graphic, Paragraph, Table
from modelworth.report.words import Words

CHARTS = "report_charts"
FONTS = ("Noto Sans CJK SC", "Noto Sans", "sans-serif")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&])")
_LIST_LIKE = re.compile(r"^(\s*\d*)([-+=>.)])")


def render(document: Document) -> dict[str, bytes]:
    """File name → content: the text and, in a folder, every chart."""
    t = Words(document.language).t
    pages = document.shown_pages()
    head = [
        f"# {escaped(document.title)}",
        escaped(document.date),
        escaped(document.question),
        f"**{escaped(document.verdict)}**",
        *_cards(document),
        f"## {t('report.contents')}",
        "\n".join(
            f"- [{escaped(part.title)}](#{part.key})" for part in (*pages, *document.sections)
        ),
    ]
    body: list[str] = []
    for page in pages:
        body.append(f'<a id="{page.key}"></a>\n\n## {escaped(page.title)}')
        body += [_block(page.main), f"**{escaped(page.so_what)}**", *map(_block, page.more)]
    for section in document.sections:
        body.append(f'<a id="{section.key}"></a>\n\n## {escaped(section.title)}')
        body += [_block(block) for block in section.blocks]
    text = "\n\n".join(part for part in [*head, *body] if part) + "\n"
    draw = partial(svg, fonts=FONTS, colours=document.brand.series)
    charts = {f"{CHARTS}/{chart.key}.svg": draw(chart).encode() for chart in document.charts()}
    return {"report.md": text.encode(), **charts}


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no markup, link or HTML comes of it."""
    return _LIST_LIKE.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))


def _cards(document: Document) -> list[str]:
    return [
        "\n".join(
            f"- {escaped(card.name)}: **{escaped(card.value)}**"
            + (f" ({escaped(card.detail)})" if card.detail else "")
            for card in document.cards
        )
    ]


def _block(block: Block) -> str:
    match block:
        case Paragraph(text=text, tone=tone):
            return {"lead": f"### {escaped(text)}", "note": f"*{escaped(text)}*"}.get(
                tone, escaped(text)
            )
        case Code(lines=lines):
            return "\n".join(f"    {line}" for line in lines)
        case Table():
            return _table(block)
        case Graphic(chart=chart, reading=reading):
            picture = f"![{escaped(chart.title)}]({CHARTS}/{chart.key}.svg)"
            return f"**{escaped(chart.title)}**\n\n{picture}\n\n{escaped(reading)}"


def _table(table: Table) -> str:
    heads = " | ".join(escaped(column.title) for column in table.columns)
    rules = " | ".join("---:" if column.numeric else "---" for column in table.columns)
    rows = (" | ".join(escaped(cell) for cell in row) for row in table.rows)
    return "\n".join(f"| {line} |" for line in (heads, rules, *rows))
