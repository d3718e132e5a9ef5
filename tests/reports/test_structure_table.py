"""The table of a latent space on a screen."""

import io

from rich.console import Console

from taxoeval.records import Score
from taxoeval.reports.structure_table import headlines, reasons, short, structure_table

NAN = float("nan")


def score(metric, rank, value, *, low=NAN, high=NAN, chance=NAN, p=NAN, reason="", k=1, n=40):
    return Score(metric, value, n, rank, k, low, high, chance, NAN, True, "structure", "", "images", p, reason)


ROWS = [
    score("variance", "genus", 0.31264, low=0.25, high=0.375, chance=0.0, p=0.005),
    score("variance", "species", NAN, reason="every species has a single image"),
    score("kappa", "genus", -0.0421, p=0.2, k=20),
    score("kappa", "species", 1.0, low=0.9, high=1.0, p=0.005, k=20),
    score("hubness", "", 1.5),
]


def printed(rows, width=100):
    out = io.StringIO()
    Console(file=out, width=width).print(structure_table(rows, ("order", "genus", "species"), width))
    return [line.split() for line in out.getvalue().splitlines()]


def test_values_stand_above_interval_and_null():
    lines = printed(ROWS)
    assert lines[0] == ["quantity", "genus", "species"]  # a rank without numbers takes no room
    assert lines[2] == ["variance", ".31*", "–"]
    assert lines[3] == ["half", "of", "95", "%", "±.062"]
    assert lines[4] == ["null", "0"]
    assert lines[5] == ["kappa", "@20", "-.042", "1.00*"]
    assert lines[6] == ["half", "of", "95", "%", "±.050"]
    assert len(lines) == 7


def test_why_a_value_is_missing():
    assert reasons(ROWS) == ["variance (species): every species has a single image"]
    more = [score(m, r, NAN, reason="one taxon") for m in ("a_b", "c") for r in ("order", "genus")]
    assert reasons(more) == ["a b, c (order, genus): one taxon"]
    assert reasons([more[0], more[3]]) == ["a b (order), c (genus): one taxon"]


def test_seven_ranks_fit_a_screen():
    ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
    rows = [
        score("silhouette_among_siblings_by_taxon", rank, -0.123, low=-0.234, high=-0.112, chance=-0.02, p=0.005)
        for rank in ranks
    ]
    out = io.StringIO()
    Console(file=out, width=100).print(structure_table(rows, ranks, 100))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert "…" not in out.getvalue()


def test_headlines_or_everything():
    assert [s.metric for s in headlines(ROWS)] == ["variance", "variance", "hubness"]
    assert headlines(ROWS[2:4]) == ROWS[2:4]


def test_short_numbers():
    assert [short(x) for x in (0.05, 0.0004, 9.999, 99.96, 1e5, -1.0)] == [
        ".050",
        "0",
        "10.00",
        "100.0",
        "100,000",
        "-1.00",
    ]
