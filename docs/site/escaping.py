"""Docstrings are plain text with formulas: what reStructuredText would take for markup is escaped.

docs/page.md in them is a link to that page.
"""

import re

_LITERAL = re.compile(r"(``.*?``|`[^`]+`_{0,2}|:\w+:`[^`]+`)")
_MARKUP = re.compile(r"(\||\*|(?<=\w)_(?!\w))")  # |w|, β*, coefs_
_PAGE = re.compile(r"\bdocs/(\w+)\.md\b")


def escaped(text):
    """The text with these escaped, outside of literals, examples and the rules of tables."""
    lines, in_example = text.split("\n"), False
    for number, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if in_example or set(line.strip()) <= set("= -"):
            continue
        parts = _LITERAL.split(line)
        parts[::2] = [_MARKUP.sub(r"\\\1", part) for part in parts[::2]]
        parts[::2] = [_PAGE.sub(r":doc:`\g<0> </\1>`", part) for part in parts[::2]]
        lines[number] = "".join(parts)
    return "\n".join(lines)
