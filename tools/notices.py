"""Write THIRD_PARTY.md, the licences of all that is installed by default: `make notices`.

The names come from the lock, the licences from each package's own metadata: of what is installed here, or, where only
another Python or system needs a package, of one that is fetched to be read.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, distributions

from packaging.utils import canonicalize_name

from tools.licences import FORBIDDEN, PROPRIETARY, home_page, licence
from tools.lock import ROOT, Pin, pins

THIRD_PARTY = ROOT / "THIRD_PARTY.md"
CUDA = ("nvidia-", "cuda-")
HEADING = """\
# Third-party software

Written by `make notices` from `requirements.lock` and `requirements-torch.lock`. PulmoScan contains none of this: it is
installed beside it, and each package brings its licence's text. The licences stand here in the packages' own words.
None of them is the GPL or the AGPL.

Some of these packages bring libraries of others as compiled code. Not all of those are under the package's own licence:

- `opencv-python-headless` brings FFmpeg, under the LGPL 2.1; PulmoScan does not read videos and never calls it.
- `numpy`, `scipy`, `scikit-learn`, `torch`, `imagecodecs` and `opencv-python-headless` bring run-time libraries of
  GCC (libgomp, libgfortran, libquadmath), under the GPL with the GCC Runtime Library Exception or the LGPL 2.1: both
  allow any program to be linked with them.
- `imagecodecs` and `pillow` bring libjpeg-turbo, based in part on the work of the Independent JPEG Group.

"""
CUDA_HEADING = """
## Only with PyTorch's CUDA build

PyTorch from the package index brings these along on Linux, under NVIDIA's own terms. `make app TORCH_INDEX=…` with
PyTorch's CPU index does without all of them.

"""


def table(packages: list[Distribution]) -> str:
    """A Markdown table; of a package that several Pythons get in different versions, one row."""
    rows = {canonicalize_name(str(p.name)): f"| [{p.name}]({home_page(p)}) | {licence(p)} |" for p in packages}
    return "\n".join(["| package | licence |", "|---|---|", *(rows[name] for name in sorted(rows))]) + "\n"


def locked_packages() -> list[Distribution]:
    """The packages of the lock, with their metadata."""
    names = {pin.name: pin for pin in pins()}
    here: dict[str, Distribution] = {canonicalize_name(str(p.name)): p for p in distributions()}
    found = [here[name] for name in names if name in here]
    missing = [pin for name, pin in names.items() if name not in here]
    return found + _fetched(missing)


def _fetched(missing: list[Pin]) -> list[Distribution]:
    """Packages that are not installed here, in a folder of the system's for what may be lost."""
    if not missing:
        return []
    folder = tempfile.mkdtemp()
    command = ["pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", folder]
    subprocess.run([sys.executable, "-m", *command, *(f"{pin.name}=={pin.version}" for pin in missing)], check=True)
    return list(distributions(path=[folder]))


def main() -> None:
    """Write the file, or stop where a licence is not one to install by default."""
    packages = locked_packages()
    if wrong := [f"{p.name}: {licence(p)}" for p in packages if FORBIDDEN.search(licence(p))]:
        sys.exit("Not to be installed by default: " + "; ".join(wrong))
    cuda = [p for p in packages if canonicalize_name(str(p.name)).startswith(CUDA) or PROPRIETARY.search(licence(p))]
    others = [p for p in packages if p not in cuda]
    THIRD_PARTY.write_text(HEADING + table(others) + CUDA_HEADING + table(cuda), encoding="utf-8")
    print(f"wrote {THIRD_PARTY}")


if __name__ == "__main__":
    main()
