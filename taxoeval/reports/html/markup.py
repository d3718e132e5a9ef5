"""Text and tables as HTML; whatever comes from outside is escaped."""

import html
import json
from collections.abc import Sequence
from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A table whose columns sort at a click; the first ``texts`` columns are text."""
    heads = "".join(
        f'<th{_left(i, texts)} scope="col"><button class="sort">{text(name)}</button></th>'
        for i, name in enumerate(header)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_left(i, texts)}>{text(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _left(i: int, texts: int) -> str:
    return ' class="text"' if i < texts else ""


def embedded(value: Any) -> str:
    r"""JSON that cannot end the script element it stands in.

    Examples
    --------
    >>> embedded("</script>")
    '"\\u003c/script>"'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def text(value: Any) -> str:
    """A value as text that is no markup, in an element or a quoted attribute."""
    return html.escape(str(value), quote=True)
