"""A sheet as Markdown, LaTeX or text for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taxoeval.compare.sheets import LEGEND, Sheet

if TYPE_CHECKING:
    from rich.console import Console

_LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
_LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "<": r"$<$", ">": r"$>$"}
_LATEX |= {"●": r"$\bullet$", "○": r"$\circ$", "–": "--"}


def to_markdown(sheets: Sequence[Sheet]) -> str:
    r"""All sheets as Markdown; what would be read as markup is escaped.

    Examples
    --------
    >>> print(to_markdown([Sheet("birds, knn", ("encoder", "species %"), (("a|b", "87.8 ●"),), ())]).split("\n\n")[1])
    | encoder | species % |
    |:--|--:|
    | a\|b | 87.8 ● |
    """
    parts = []
    for one in sheets:
        lines = [
            "| " + " | ".join(map(_markdown, one.header)) + " |",
            "|:--" + "|--:" * (len(one.header) - 1) + "|",
            *("| " + " | ".join(_markdown(cell.rstrip()) for cell in row) + " |" for row in one.rows),
        ]
        notes = "\n".join(f"* {_markdown(note)}" for note in one.notes)
        parts += [f"**{_markdown(one.title)}**", "\n".join(lines), *([notes] if notes else [])]
    return "\n\n".join([*parts, "\n".join(f"* {line}" for line in LEGEND)]) + "\n"


def _markdown(text: str) -> str:
    for mark in "\\|`*_<>[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def to_latex(sheets: Sequence[Sheet]) -> str:
    r"""All sheets as LaTeX tables for the ``booktabs`` package.

    Examples
    --------
    >>> print(to_latex([Sheet("birds", ("encoder", "species %"), (("a_b", "87.8 ●"),), ())]))
    \begin{table}
      \caption{birds}
      \begin{tabular}{lr}
        \toprule
        encoder & species \% \\
        \midrule
        a\_b & 87.8 $\bullet$ \\
        \bottomrule
      \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    parts = []
    for one in sheets:
        notes = "".join(f" {_latex(note)}." for note in one.notes)
        parts += [
            "\\begin{table}",
            f"  \\caption{{{_latex(one.title)}{'.' if notes else ''}{notes}}}",
            f"  \\begin{{tabular}}{{l{'r' * (len(one.header) - 1)}}}",
            "    \\toprule",
            f"    {_latex_row(one.header)}",
            "    \\midrule",
            *(f"    {_latex_row(row)}" for row in one.rows),
            "    \\bottomrule",
            "  \\end{tabular}",
            "\\end{table}",
            "",
        ]
    return "\n".join(parts)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_latex(cell.strip()) for cell in cells) + r" \\"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def print_sheets(sheets: Sequence[Sheet], out: "Console", legend: Sequence[str] = LEGEND) -> None:
    """Print the sheets, and below them what the marks mean."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    for one in sheets:
        out.print(Text(f"\n{one.title}", style="bold"))
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), expand=False)
        for i, heading in enumerate(one.header):
            table.add_column(
                Text(heading),
                justify="left" if i == 0 else "right",
                no_wrap=i > 0,
                overflow="fold" if i == 0 else "ellipsis",
                vertical="bottom",
            )
        for row in one.rows:
            table.add_row(*(Text(cell) for cell in row))
        out.print(table)
        for note in one.notes:
            out.print(Text(note, style="dim"))
    out.print()
    for line in legend:
        out.print(Text(line, style="dim"))
