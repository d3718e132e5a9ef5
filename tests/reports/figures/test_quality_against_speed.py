"""The figure of quality against speed shows every timed encoder once, and joins those that none beats."""

import numpy as np
import pandas as pd

from taxoeval.reports.figures.quality_against_speed import front, quality_against_speed


def rows(encoder, accuracy, speed, role="encoder"):
    about = {"dataset": "birds", "encoder": encoder, "role": role, "slice": "all", "k": 1, "n": 40, "low": np.nan}
    about |= {"high": np.nan, "rank": "species", "decoder": "leaf_argmax"}
    found = [{**about, "task": "knn", "metric": "rank_hits", "value": accuracy}]
    if speed:
        timed = {"task": "speed", "metric": "images_per_second", "value": speed, "rank": "", "decoder": ""}
        found.append({**about, **timed})
    return found


def test_points_and_front():
    table = pd.DataFrame(
        [
            *rows("slow and good", 0.9, 2.0),
            *rows("fast and bad", 0.4, 50.0),
            *rows("beaten", 0.3, 10.0),
            *rows("never timed", 0.99, None),
            *rows("control", 0.1, 100.0, "control"),
        ]
    )
    figure = quality_against_speed(table, ("genus", "species"))
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "birds, knn"
    assert axes.get_ylabel() == "right at species, %"
    assert axes.get_xscale() == "log"
    line, *points = axes.get_lines()
    assert line.get_xdata().tolist() == [2.0, 50.0, 100.0]
    assert [float(point.get_ydata()[0]) for point in points] == [90.0, 40.0, 30.0, 10.0]
    assert [text.get_text() for text in axes.texts] == ["slow and good", "fast and bad", "beaten", "control"]
    assert quality_against_speed(table[table.task == "knn"], ("species",)) is None
    assert quality_against_speed(table[table.task == "speed"], ("species",)) is None


def test_front_is_what_no_other_beats():
    rng = np.random.default_rng(0)
    speed, quality = rng.integers(0, 6, 40).astype(float), rng.integers(0, 6, 40).astype(float)
    for i, kept in enumerate(front(speed, quality)):
        beaten = any(
            (s > speed[i] and q >= quality[i]) or (s >= speed[i] and q > quality[i])
            for s, q in zip(speed, quality, strict=True)
        )
        assert kept == (not beaten)
