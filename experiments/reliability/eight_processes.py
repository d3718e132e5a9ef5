"""Do eight processes that extract the same images share the work? Each image encoded once, nothing torn.

    python experiments/reliability/eight_processes.py [--processes 8] [--images 1200]

The processes start at once with one empty store. What each encodes is written down; in the end everybody must hold the
vectors of an undisturbed extraction, bit by bit.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kill_extraction import BATCH, encoded, stored, work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--images", type=int, default=1200)
    chosen = parser.parse_args()
    script = str(Path(__file__).with_name("kill_extraction.py"))
    with tempfile.TemporaryDirectory() as place:
        whole = work(Path(place, "whole"), Path(place, "whole.log"), chosen.images)
        store, logs = Path(place, "store"), [Path(place, f"log{i}") for i in range(chosen.processes)]
        begun = time.perf_counter()
        command = [sys.executable, script, "--images", str(chosen.images), "--work", str(store)]
        started = [subprocess.Popen([*command, str(log)], stdout=subprocess.DEVNULL) for log in logs]
        assert [process.wait() for process in started] == [0] * chosen.processes
        took = time.perf_counter() - begun
        each = [encoded(log) for log in logs]
        again = work(store, Path(place, "again.log"), chosen.images)
        assert again.tobytes() == whole.tobytes(), "other bits"
        assert not Path(place, "again.log").exists(), "something was not stored"
        unique = encoded(Path(place, "whole.log"))
        assert 0 <= sum(each) - unique <= BATCH, f"{sum(each) - unique} images were encoded more than once"
        print(f"{chosen.processes} processes, {unique} images: encoded {' + '.join(map(str, each))} = {sum(each)}")
        print(
            f"{sum(each) - unique} more than once (a batch holds {BATCH}); {stored(store)} stored; {took:.1f} s in all"
        )


if __name__ == "__main__":
    main()
