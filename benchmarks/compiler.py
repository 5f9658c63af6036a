"""Build the C comparators with the system's C compiler, when there is one, and load them."""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vmmodel.kernel.cstruct import Struct

FLAGS = ("-std=c11", "-O3", "-march=native", "-shared", "-fPIC")


@dataclass(frozen=True)
class Compiled:
    """A C comparator, loaded."""

    library: ctypes.CDLL
    compiler: str
    """First line of ``cc --version``."""


def find_compiler() -> list[str] | None:
    """Give the words of ``$CC``, or of the first of cc, gcc and clang; None if there is none."""
    for words in map(shlex.split, (os.environ.get("CC", ""), "cc", "gcc", "clang")):
        if words and shutil.which(words[0]):
            return words
    return None


def build(source: Path, structs: Sequence[Struct]) -> Compiled | str:
    """Compile and load *source*, or say in one sentence why there is no C to compare with.

    *structs* are those of which ``layout`` in the source gives the sizes.
    """
    compiler = find_compiler()
    if compiler is None:
        return "no C compiler was found (cc, gcc, clang or $CC), so the C columns are missing"
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "comparator.so"
        command = [*compiler, *FLAGS, "-o", str(shared), str(source), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            complaint = (done.stderr.strip().splitlines() or ["no message"])[0]
            return f"{compiler[0]} could not compile {source.name} ({complaint})"
        library = ctypes.CDLL(str(shared))
    sizes = list((ctypes.c_int32 * len(structs)).in_dll(library, "layout"))
    if sizes != [struct.dtype.itemsize for struct in structs]:
        return f"the structures of {source.name} have other sizes than those of vmmodel"
    return Compiled(library, _version(compiler))


def _version(compiler: list[str]) -> str:
    done = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or ["unknown"])[0]
