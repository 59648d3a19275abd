"""What becomes of a table, as Python with numpy alone: what stands before the layers."""

from __future__ import annotations

from collections.abc import Sequence

from portable_mlp.data.target import GAPS
from portable_mlp.export.exported import plain_text
from portable_mlp.tables import TableEncoder

_LINE = 100

NAMES = '''\
def _check_names(names, needed):
    """Refuses columns that are missing, and those that are not known."""
    given, known = set(names), set(FEATURES)
    faults = ["lacks the column %r" % name for name in needed if name not in given]
    faults += ["has the unknown column %r" % name for name in names if name not in known]
    if faults:
        raise ValueError("X %s, expected those of FEATURES." % " and ".join(faults[:4]))
'''
_COLUMNS = '''\
def _columns(X):
    """{name: cells} of a table."""
    if isinstance(X, (list, tuple)) and X and all(isinstance(row, dict) for row in X):  # records
        names = dict.fromkeys(name for row in X for name in row)
        for name in names:
            if not all(name in row for row in X):
                raise ValueError("X: %r is in some records alone, expected None for gaps." % (name,))
        X = {name: [row[name] for row in X] for name in names}
    if hasattr(type(X), "columns"):  # a data frame
        names = list(X.column_names if hasattr(type(X), "column_names") else X.columns)
        named = any(isinstance(name, str) for name in names)
        found = [X[name] for name in names]
    elif hasattr(X, "keys"):
        names, named = list(X), True
        found = [X[name] for name in names]
    else:
        if isinstance(X, (list, tuple)) and X and isinstance(X[0], (list, tuple)):
            if len({len(row) for row in X}) > 1:
                raise ValueError("X is ragged: its rows have unequal lengths.")
            X = np.array(X, dtype=object)  # numpy would make text of 1 and "a"
        X = np.asarray(X)
        if X.ndim != 2:
            raise ValueError(
                "X has shape %s, expected a table: {name: column}, a list of dicts or of rows, or a "
                "data frame." % (X.shape,)
            )
        names, named = range(X.shape[1]), False
        found = list(X.T)
    columns = {str(name): column for name, column in zip(names, found)}
    used = [name for name, *_ in NUMBERS + CATEGORIES]
{names}\
    columns = {name: _cells(name, columns[name]) for name in used}
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError("X has columns of unequal length: %s." % lengths)
    return columns
'''
_BY_NAME = """\
    if named:
        _check_names(list(columns), used)
    else:
"""
_BY_PLACE = """\
{indent}if len(names) != len(FEATURES):
{indent}    raise ValueError("X has %s columns, expected %s." % (len(names), len(FEATURES)))
{indent}columns = dict(zip(FEATURES, found))
"""
_TWICE = """\
    if len(columns) < len(found):
        raise ValueError("X has columns that are named alike, expected different names.")
"""
_CELLS = '''\
def _cells(name, column):
    """Numbers, or text without the spaces around it, and None for gaps."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if isinstance(column, (str, bytes)) or not hasattr(column, "__len__"):
        raise TypeError(
            "X[%r] is of type %s, expected a list: one value for each row."
            % (name, type(column).__name__)
        )
    if getattr(column, "ndim", 1) != 1 or kind in ("M", "m"):
        raise ValueError("X: column %r: expected numbers or text, one for each row." % name)
    for way in ("to_pylist", "to_list", "tolist", "__iter__"):
        if hasattr(column, way):
            column = list(getattr(column, way)())
            break
    cells = [None if _is_gap(cell) else cell for cell in column]
    kinds = {type(cell) for cell in cells if cell is not None}
    if all(issubclass(kind, str) for kind in kinds):
        texts = [None if cell is None else cell.strip() for cell in cells]
        return [None if text is None or text.lower() in GAPS else text for text in texts]
    if kinds <= {bool, np.bool_}:
        return [None if cell is None else str(cell) for cell in cells]
    numbers = (int, float, np.number)
    odd = {kind for kind in kinds if kind.__name__ != "Decimal" and not issubclass(kind, numbers)}
    if odd or kinds & {bool, np.timedelta64}:
        held = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            "X: column %r holds %s, expected numbers alone or text alone." % (name, held)
        )
    whole = (int, np.integer)  # which keep all their digits, for categories
    return [c if c is None or isinstance(c, whole) else float(c) for c in cells]


def _is_gap(cell):
    """None, NaN, and what pandas has for nothing."""
    gap = cell is None or type(cell).__name__ in ("NAType", "NaTType")
    return gap or (isinstance(cell, float) and cell != cell)
'''
_NUMBERS = '''\
def _numbers(name, cells):
    """A column of numbers, NaN for gaps."""
    try:
        numbers = np.array([_number(cell) for cell in cells], float)
    except ValueError:
        raise ValueError("X: column %r holds no numbers, expected some as in training." % name) from None
    if np.isinf(numbers).any():
        raise ValueError("X: column %r holds infinity, expected finite numbers or gaps." % name)
    return numbers


def _number(cell):
    """A number of a number or its digits; float would take 1_000 and digits of any script, too."""
    if isinstance(cell, str) and ("_" in cell or not cell.isascii()):
        raise ValueError
    return np.nan if cell is None else float(cell)
'''
_CODES = '''\
def _codes(levels, cells):
    """1 for the first level, 2 for the second, ...; 0 for gaps and what was not seen in training."""
    place = {_category(level): k for k, level in enumerate(levels, 1)}
    place.update({level: k for k, level in enumerate(levels, 1)})
    texts = [_text(cell) for cell in cells]
    return np.array([place.get(t, place.get(_category(t), 0)) for t in texts], np.int64)


def _category(text):
    """The one form of a category: "1" of "1.0", "True" of "true"."""
    if text is None or text.lower() in ("true", "false"):
        return text and text.capitalize()
    whole, point, zeros = text.partition(".")
    digits = whole[1:] if whole[:1] == "-" else whole
    plain = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
    if not (point and plain) or zeros.strip("0"):
        return text
    return "0" if whole == "-0" else whole


def _text(cell):
    """The name of a category: "3" of 3.0."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, (int, np.integer)):
        return str(int(cell))
    if not np.isfinite(cell):
        return None if cell != cell else str(cell)
    return str(int(cell)) if cell == round(cell) else repr(cell)
'''


def constants(encoder: TableEncoder) -> str:
    """What the functions go by.

    Text of others stands in it as escaped literals alone.

    Args:
        encoder: of the tables.
    """
    numbers = "".join(
        f"    ({plain_text(column.name)!a}, {float(column.shift)!r}, "
        f"{float(column.factor)!r}, {bool(column.gaps)!r}),\n"
        for column in encoder.numbers
    )
    categories = "".join(
        f"    (\n        {plain_text(column.name)!a},\n"
        f"        {_way(column.embedded, len(column.levels))!r},\n"
        f"        {listed(list(map(plain_text, column.levels)), '        ')},\n    ),\n"
        for column in encoder.categories
    )
    return (
        f"FEATURES = {listed(list(map(plain_text, encoder.names)))}\n"
        f"NUMBERS = [  # name, shift, factor, whether a second column says where gaps are\n{numbers}]\n"
        f"CATEGORIES = [  # name, what becomes of it, the categories\n{categories}]\n"
        f"GAPS = frozenset({listed(sorted(GAPS))})  # in small letters\n"
    )


def _way(embedded: bool, levels: int) -> str:
    return "a number" if embedded else "-1 or +1" if levels == 2 else "one-hot"


def functions(encoder: TableEncoder) -> list[str]:
    """The functions from a table to the numbers of its rows; the first is ``_checked``.

    Args:
        encoder: of the tables.
    """
    clip = "        z = z / np.sqrt(1 + (z / 3) ** 2)\n" if encoder.clip else ""
    checked = (
        "def _checked(X):\n"
        f'    """A table as numbers (rows, {encoder.width}); 0 for gaps and what is not known."""\n'
        "    columns, parts = _columns(X), []\n"
    )
    if encoder.numbers:
        checked += (
            "    for name, shift, factor, with_gaps in NUMBERS:\n"
            "        values = _numbers(name, columns[name])\n"
            "        gaps = np.isnan(values)\n"
            '        with np.errstate(over="ignore"):\n'
            "            z = np.clip((values - shift) * factor, -1e30, 1e30)\n"
            f"{clip}"
            "        parts.append(np.where(gaps, 0.0, z))\n"
            "        if with_gaps:\n"
            "            parts.append(gaps.astype(float))\n"
        )
    if encoder.categories:
        checked += (
            "    for name, way, levels in CATEGORIES:\n"
            "        codes = _codes(levels, columns[name])\n"
            '        if way == "a number":\n'
            "            parts.append(codes.astype(float))\n"
            '        elif way == "-1 or +1":\n'
            "            parts.append(np.array([0.0, -1.0, 1.0])[codes])\n"
            "        else:\n"
            "            parts += [(codes == k).astype(float) for k in range(1, len(levels) + 1)]\n"
        )
    by_name = encoder.named
    place = _BY_PLACE.replace("{indent}", "        " if by_name else "    ")
    names = _TWICE + (_BY_NAME if by_name else "") + place
    made = [
        checked + "    return np.stack(parts, axis=1)\n",
        _COLUMNS.replace("{names}", names),
        _CELLS,
    ]
    made += [NAMES] * by_name
    return made + [_NUMBERS] * bool(encoder.numbers) + [_CODES] * bool(encoder.categories)


def formulas(encoder: TableEncoder) -> list[tuple[str, str, str]]:
    """What the head of a file says of the encoding: name, shape of a row, formula.

    Args:
        encoder: of the tables.
    """
    clipped = ", then z / sqrt(1 + (z / 3)^2)" if encoder.clip else ""
    numbers = sum(len(column.outputs) for column in encoder.numbers)
    said = [
        ("numbers", numbers, f"z = (x - shift) factor{clipped}; 0 for a gap"),
        ("categories", encoder.width - numbers, "one-hot, -1 or +1, or a number; 0 for a gap"),
    ]
    return [(name, f"({wide},)", formula) for name, wide, formula in said if wide]


def listed(texts: Sequence[str], indent: str = "") -> str:
    """A list of literals in ASCII, which hold whatever a text does.

    Args:
        texts: plain strings.
        indent: of the line on which it begins.

    Example:
        >>> listed(["a", "b"])
        "['a', 'b']"
    """
    literals = [ascii(text) for text in texts]
    line = f"[{', '.join(literals)}]"
    if len(line) + len(indent) <= _LINE:
        return line
    return "[\n" + "".join(f"{indent}    {literal},\n" for literal in literals) + f"{indent}]"
