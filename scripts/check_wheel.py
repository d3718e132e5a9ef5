"""Build the wheel, install it alone into an empty environment, and run it there from an empty folder.

The environment borrows the dependencies of the one that runs this script, but not taxoeval itself: what answers is the
wheel, with the configuration and the bundled weights it carries. Usage: ``make wheel-test``.
"""

import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder and return what it printed; stop with its output if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, install, run."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", work, ".", folder=ROOT)
        (wheel,) = work.glob("taxoeval-*.whl")
        venv.create(work / "env", with_pip=False)
        python = work / "env" / "bin" / "python"
        run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel, folder=work)
        site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=work).strip())
        (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        empty = work / "empty"
        empty.mkdir()
        where = run(python, "-c", "import taxoeval; print(taxoeval.__file__)", folder=empty).strip()
        if not Path(where).is_relative_to(work):
            sys.exit(f"the checkout answered, not the wheel: {where}")
        table = run(
            *(work / "env" / "bin" / "taxoeval", "task=[knn,zero_shot]", "experiment=quick", "logger=none"),
            *("dataset.n_images=120", f"runtime.store={work / 'store'}", "runtime.progress=false"),
            folder=empty,
        )
        if "species" not in table:
            sys.exit(f"the wheel ran but printed no table:\n{table}")
        print(f"{wheel.name} ({wheel.stat().st_size / 2**20:.1f} MiB) works in an environment of its own")


if __name__ == "__main__":
    main()
