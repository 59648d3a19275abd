"""What the sections of the page are made of: tables, legends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portable_mlp.diagnosis.doctor.page.words import text


def section(name: str, title: str, parts: str) -> str:
    """A part of the page, with its heading."""
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n{parts}\n</section>'


def table(look: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain text; the first cell of a row names it."""
    top = "".join(f'<th scope="col">{text(h)}</th>' for h in head)
    body = ""
    for name, *row in rows:
        body += f'<tr><th scope="row">{text(name)}</th>'
        for h, cell in zip(head[1:], row, strict=True):
            none = ' class="none"' if cell == "–" else ""
            label = f'<span class="label" aria-hidden="true">{text(h)}</span>'
            body += f"<td{none}>{label} <span>{text(cell)}</span></td>"
        body += "</tr>\n"
    return (
        f'<table class="{look}">\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>'
    )


def legend(keys: Iterable[tuple[str, str]]) -> str:
    """What the signs of a picture mean."""
    listed = "".join(f"<li>{sign}<span>{text(words)}</span></li>" for sign, words in keys)
    return f'<ul class="legend">{listed}</ul>'


def swatch(look: str) -> str:
    """A piece of a line, or of a heat strip, for a legend."""
    drawn = f'<path class="{look}" d="M1 7H27"/>'
    if look == "dead":
        drawn += '<path class="dead-dot" d="M11.5 7a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z"/>'
    elif look == "saturated":
        drawn += '<path class="saturated-dot" d="M10.5 3.5h7v7h-7z"/>'
    elif look == "heat":
        drawn = "".join(f'<path class="h{i}" d="M{4 * i - 4} 1h4v12h-4z"/>' for i in range(1, 8))
    elif look == "none":
        drawn = '<path class="h0" d="M8 1L20 13M20 1L8 13"/>'
    elif look == "band":
        drawn = '<rect class="band" x="0" y="1" width="28" height="12"/>'
    elif look == "beyond":
        drawn = '<path class="beyond" d="M10 3h8l-4 7z"/>'
    return f'<svg class="swatch" viewBox="0 0 28 14" aria-hidden="true">{drawn}</svg>'
