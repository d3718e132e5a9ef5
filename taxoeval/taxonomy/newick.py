"""Newick text, the phylogeneticists' bracket notation, read and written without recursion."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy.files import open_text, replacing

if TYPE_CHECKING:
    from taxoeval.taxonomy.arrays import Ints
    from taxoeval.taxonomy.tree import Tree

TOKEN = re.compile(r"[^\s()\[\]',:;]+|[(),:;]|'(?:[^']|'')*'|\[[^\]]*\]|\s+|.", re.DOTALL)
"""A bare word, a mark, a quoted word, a comment, blanks, or a character that has no place here."""

UNSAFE = re.compile(r"[\s()\[\]',:;]")
"""What a name can only hold inside quotes."""

NODE, AFTER, NAMED, LENGTH, DONE = range(5)
"""What may come next: a node; a name or length; a length; the number of a length; neither of these."""


def read_newick(source: str | Path) -> "tuple[Ints, list[str], NDArray[np.float64] | None]":
    """One tree in Newick.

    Parameters
    ----------
    source
        The text itself as a string, or a `Path` to a file (``.gz`` is unpacked).
        Understood: branch lengths, quoted names with doubled quotes, names or support
        values at inner nodes (both become names), nodes without names, several children,
        ``[comments]`` (skipped). Underscores stay underscores.

    Returns
    -------
    parent, names, length
        The arguments of `Tree`. Names are ``""`` where there is none; lengths are NaN
        where there is none, or all of them ``None``.

    Raises
    ------
    TaxoevalError
        If the text is not one Newick tree, with the character (from 1) where it goes
        wrong, or if two tips bear one name.

    Examples
    --------
    >>> read_newick("((corax:1,'C. corone':1)Corvus:2.5,Pica[a comment]);")
    (array([-1,  0,  1,  1,  0]), ['', 'Corvus', 'corax', 'C. corone', 'Pica'], array([nan, 2.5, 1. , 1. , nan]))
    """
    text, where = _text(source)
    parents, names, lengths = _Reader(text, where).read()
    parent = np.array(parents, dtype=np.int64)
    tips = np.ones(len(parent), dtype=bool)
    tips[parent[parent >= 0]] = False
    _refuse_duplicates([names[i] for i in np.flatnonzero(tips)], where)
    length = np.array(lengths)
    return parent, names, None if np.isnan(length).all() else length


def _text(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str):
        if source.lower().endswith((".nwk", ".newick", ".tre", ".tree", ".gz")):
            raise TaxoevalError(f"{source!r} is read as Newick text; for a file give Path({source!r})")
        return source, "Newick text"
    try:
        with open_text(source, "rt") as stream:
            return stream.read(), str(source)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TaxoevalError(f"{source}: cannot be read: {error}; give a Newick file in UTF-8") from error


class _Reader:
    """The state while walking through the items of one text; a node is numbered where it opens, which is preorder."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.items: list[str] = TOKEN.findall(text)
        self.parents: list[int] = []
        self.names: list[str] = []
        self.lengths: list[float] = []
        self.state = NODE
        self.node = -1  # what a name or length now belongs to
        self.open: list[int] = [-1]  # inner nodes not closed yet, below the parent of the root

    def read(self) -> tuple[list[int], list[str], list[float]]:
        """Parents, names and lengths."""
        marks = {"(": self.opening, ",": self.comma, ")": self.closing, ":": self.colon}
        for k, item in enumerate(self.items):
            if item in marks:
                marks[item](k)
            elif item == ";":
                self.end(k)
                return self.parents, self.names, self.lengths
            elif not item.isspace() and (item[0] != "[" or item == "["):
                self.word(k, item)
        self.fail(len(self.items), f"the text ends {self.unclosed()}without a ';'")

    def add(self, name: str) -> None:
        self.node = len(self.parents)
        self.parents.append(self.open[-1])
        self.names.append(name)
        self.lengths.append(np.nan)

    def opening(self, k: int) -> None:
        if self.state != NODE:
            self.fail(k, "'(' can only begin the tree or follow '(' or ','")
        self.add("")
        self.open.append(self.node)

    def comma(self, k: int) -> None:
        self.leave(k)
        self.state = NODE

    def closing(self, k: int) -> None:
        self.leave(k)
        self.node = self.open.pop()
        self.state = AFTER

    def leave(self, k: int) -> None:
        """A mark that ends a node; with nothing before it that node is a tip without a name."""
        if len(self.open) == 1:
            self.fail(k, f"{self.items[k]!r} is outside all brackets")
        if self.state == NODE:
            self.add("")
        elif self.state == LENGTH:
            self.fail(k, "':' without a length")

    def colon(self, k: int) -> None:
        if self.state in (LENGTH, DONE):
            self.fail(k, "a node has two lengths")
        if self.state == NODE:
            self.add("")
        self.state = LENGTH

    def end(self, k: int) -> None:
        if len(self.open) > 1:
            self.fail(k, f"the tree ends {self.unclosed()[:-2]}")
        if self.state == LENGTH:
            self.fail(k, "':' without a length")
        if self.state == NODE:
            self.fail(k, "there is no tree")
        for later, item in enumerate(self.items[k + 1 :], start=k + 1):
            if not (item.isspace() or item[0] == "["):
                self.fail(later, "a second tree begins; give one tree a file")

    def word(self, k: int, item: str) -> None:
        if self.state == LENGTH:
            self.lengths[self.node] = self.number(k, item)
            self.state = DONE
            return
        name = self.name(k, item)
        if self.state == NODE:
            self.add(name)
        elif self.state == AFTER:
            self.names[self.node] = name
        else:
            self.fail(k, f"{item!r} follows a name or length: a name with blanks needs quotes, nodes need a comma")
        self.state = NAMED

    def name(self, k: int, item: str) -> str:
        if item[0] == "'":
            if len(item) == 1:
                self.fail(k, "a quote is never closed")
            return item[1:-1].replace("''", "'")
        if item in "[]":
            self.fail(k, "a comment is never closed" if item == "[" else "']' without '['")
        return item

    def number(self, k: int, item: str) -> float:
        try:
            return float(item)
        except ValueError:
            self.fail(k, f"{item!r} is not a branch length")

    def fail(self, k: int, reason: str) -> NoReturn:
        place = sum(map(len, self.items[:k])) + 1
        raise TaxoevalError(f"{self.where}: character {place}: {reason}")

    def unclosed(self) -> str:
        count = len(self.open) - 1
        return f"with {count} '(' that {'is' if count == 1 else 'are'} never closed, " if count else ""


def _refuse_duplicates(tips: list[str], where: str) -> None:
    seen: set[str] = set()
    twice = list(dict.fromkeys(name for name in tips if name and (name in seen or seen.add(name))))  # type: ignore[func-returns-value]
    if twice:
        shown = ", ".join(map(repr, twice[:5])) + (f" and {len(twice) - 5} more" if len(twice) > 5 else "")
        raise TaxoevalError(f"{where}: {len(twice)} tip names occur more than once: {shown}; make them unique")


def write_newick(tree: "Tree", path: Path | None = None) -> str:
    """A tree as Newick text.

    Reading it back gives the same tree. The trees of a forest become the children of one
    unnamed root, which stays when it is read back.

    Parameters
    ----------
    tree
        What to write. Lengths have as many digits as it takes to read them back exactly.
    path
        A file to write too, gzipped if it ends in ``.gz``; it appears only when it is
        complete.

    Raises
    ------
    TaxoevalError
        If the file cannot be written.

    Examples
    --------
    >>> from taxoeval.taxonomy import Tree
    >>> write_newick(Tree([-1, 0, 0], ["", "a_b", "it's"], [np.nan, 1, 0.5]))
    "(a_b:1.0,'it''s':0.5);"
    """
    labels = _labels(tree)
    ends = (np.arange(tree.n) + tree.size).tolist()
    pieces: list[str] = []
    open_nodes: list[int] = []
    closed_before = False
    for i, leaf in enumerate(tree.is_leaf.tolist()):
        while open_nodes and ends[open_nodes[-1]] == i:
            pieces.append(")" + labels[open_nodes.pop()])
        if closed_before:
            pieces.append(",")
        closed_before = leaf
        if leaf:
            pieces.append(labels[i])
        else:
            pieces.append("(")
            open_nodes.append(i)
    pieces.extend(")" + labels[i] for i in reversed(open_nodes))
    text = "".join(pieces)
    text = f"({text});" if (tree.parent < 0).sum() > 1 else f"{text};"
    if path is not None:
        with replacing(path) as part, open_text(part, "wt") as stream:
            stream.write(text + "\n")
    return text


def _labels(tree: "Tree") -> list[str]:
    names = [f"'{name.replace(chr(39), chr(39) * 2)}'" if UNSAFE.search(name) else name for name in tree.names]
    if tree.length is None:
        return names
    lengths = ["" if length != length else f":{length!r}" for length in tree.length.tolist()]
    return [name + length for name, length in zip(names, lengths, strict=True)]
