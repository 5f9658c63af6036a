"""What ./study does on other people's machines: real starts, in copies of the project.

Most copies carry a lock of two small packages, so that a set-up takes two seconds; one test sets
up the whole lock.  Tests that install skip where no package index can be reached.
"""

import ast
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
BASE = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.prefix, "bin")))
NOBODY = 65534
ECHO = "import sys, simpy\nprint(simpy.__version__ > '4', sys.argv[1:])\n"
OFFLINE = {
    "https_proxy": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "PIP_NO_INDEX": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_FIND_LINKS": "",
    "UV_OFFLINE": "1",
}


def load_study() -> ModuleType:
    """Return ./study as a module, to call its functions."""
    loader = SourceFileLoader("study", str(ROOT / "study"))
    spec = importlib.util.spec_from_loader("study", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


STUDY = load_study()


class Copy:
    """A copy of the project's bootstrap with a package that echoes its arguments."""

    def __init__(self, folder: Path, *packages: str) -> None:
        self.folder, self.venv = folder, folder / ".venv"
        (folder / "vmmodel").mkdir(parents=True)
        (folder / "vmmodel" / "__init__.py").touch()
        (folder / "vmmodel" / "__main__.py").write_text(ECHO)
        shutil.copy(ROOT / "study", folder)
        text = (ROOT / "requirements.lock").read_text()
        entries = [STUDY.lock_entry("\n" + text, name) for name in packages]
        (folder / "requirements.lock").write_text("".join(entries))
        self.home = folder.parent / "home"
        self.home.mkdir(exist_ok=True)
        self.bin = folder.parent / "bin"
        self.bin.mkdir(exist_ok=True)
        (self.bin / "python3").symlink_to(BASE)

    @property
    def site(self) -> Path:
        """The folder that holds the installed packages."""
        return next(self.venv.glob("lib/python3*/site-packages"))

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the variables of a start: an empty home, one python3, no uv."""
        kept = {k: v for k, v in os.environ.items() if k not in ("UV", "PYTHONPATH", "VIRTUAL_ENV")}
        cache = os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
        path = f"{self.bin}:/usr/bin:/bin"
        return {**kept, "HOME": str(self.home), "XDG_CACHE_HOME": cache, "PATH": path, **variables}

    def popen(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start ./study in the background."""
        return subprocess.Popen(
            [self.folder / "study", *arguments],
            env=self.environment(**variables),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def start(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Start ./study; return exit status, output and messages."""
        return ended(self.popen(*arguments, **variables))

    def fake_environment(self) -> None:
        """Make a .venv as a set-up would leave it, with a SimPy of one line."""
        subprocess.run([BASE, "-I", "-m", "venv", "--without-pip", self.venv], check=True)
        (self.venv / STUDY.OURS).touch()
        (self.site / "simpy").mkdir()
        (self.site / "simpy" / "__init__.py").write_text("__version__ = '4.1'\n")
        (self.site / "vmmodel.pth").write_text("../../../..\n")
        lock = (self.folder / "requirements.lock").read_bytes()
        STUDY.write_stamp(str(self.venv), str(self.site), lock)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for *process*; skip the test if it could not download."""
    out, err = process.communicate(timeout=240)
    if re.search("could not be downloaded|no package index", err):
        pytest.skip(f"no package index can be reached: {err.splitlines()[-1]}")
    return process.returncode, out, err


def sentence(err: str) -> str:
    """Return the one line that a failed start leaves, less the lines of progress."""
    lines = [line for line in err.splitlines() if not line.startswith(("Setting up", "  "))]
    assert len(lines) == 1
    assert lines[0].startswith("study: ")
    assert lines[0].endswith(".")
    return lines[0]


@pytest.fixture
def ready(tmp_path: Path) -> Copy:
    """A copy, in a folder with a space in its name, whose .venv needs no set-up."""
    copy = Copy(tmp_path / "my copy", "simpy")
    copy.fake_environment()
    return copy


@pytest.fixture
def bare(tmp_path: Path) -> Copy:
    """A copy without .venv, to be set up with two small packages."""
    return Copy(tmp_path / "my copy", "iniconfig", "simpy")


# --- Starts without set-up. ---


def test_a_start_hands_its_arguments_over(ready: Copy) -> None:
    """With .venv as it should be, arguments and exit status pass and nothing else is said."""
    assert (0, "True ['report', 'a b', '--help']\n", "") == ready.start("report", "a b", "--help")
    (ready.folder / "vmmodel" / "__main__.py").write_text("raise SystemExit(7)")
    assert (7, "", "") == ready.start("report")


def test_a_start_through_a_link_from_another_folder_finds_the_project(
    ready: Copy, tmp_path: Path
) -> None:
    """Neither a symbolic link nor a folder with a module of the same name leads it astray."""
    (tmp_path / "vmmodel.py").write_text("raise SystemExit('the wrong module')")
    link = tmp_path / "link"
    link.symlink_to(ready.folder / "study")
    for command in ([str(link), "x"], ["sh", str(link), "x"], [BASE, str(link), "x"]):
        done = subprocess.run(
            command, cwd=tmp_path, env=ready.environment(), capture_output=True, text=True
        )
        assert (0, "True ['x']\n", "") == (done.returncode, done.stdout, done.stderr)


def test_a_moved_project_still_starts(ready: Copy, tmp_path: Path) -> None:
    """Nothing in .venv that a start needs knows the folder it was made in."""
    moved = tmp_path / "elsewhere"
    ready.folder.rename(moved)
    ready.folder = moved

    assert (0, "True ['x']\n", "") == ready.start("x")


def test_a_start_imports_next_to_nothing(ready: Copy) -> None:
    """Until it hands over, ./study imports os and sys alone: that is what makes it quick."""
    script = (
        "import os, sys; before = set(sys.modules); sys.argv = ['study', 'x']\n"
        "os.execv = lambda *_: print(sorted(set(sys.modules) - before))\n"
        f"path = {str(ready.folder / 'study')!r}\n"
        "exec(compile(open(path).read(), path, 'exec'), {'__name__': '__main__', '__file__': path})"
    )
    done = subprocess.run([BASE, "-I", "-S", "-c", script], capture_output=True, text=True)

    assert ("[]\n", "") == (done.stdout, done.stderr)


def test_help_needs_no_set_up(bare: Copy) -> None:
    """Without .venv, --help teaches the commands and makes nothing."""
    for arguments in ([], ["--help"], ["-h"], ["help"]):
        status, out, err = bare.start(*arguments)
        assert (0, "") == (status, err)
        for command in ("report", "test", "lab", "list", "run", "parity"):
            assert f"./study {command}" in out
    assert not bare.venv.exists()


# --- What is seen to be wrong. ---

DAMAGES = {
    "interpreter gone": ("bin/python", None, "bin/python is missing from it"),
    "broken link": ("bin/python", "/nonexistent/python3", "bin/python is missing from it"),
    "configuration gone": ("pyvenv.cfg", None, "pyvenv.cfg is missing from it"),
    "package emptied": ("{site}/simpy/__init__.py", None, "simpy/__init__.py is missing from it"),
    "path file gone": ("{site}/vmmodel.pth", None, "vmmodel.pth is missing from it"),
    "not finished": (STUDY.STAMP, None, "its last set-up was not finished"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_environment_is_noticed(ready: Copy, damage: str) -> None:
    """What is missing from .venv is found without starting anything, and named."""
    name, link, fault = DAMAGES[damage]
    path = ready.venv / name.format(site=ready.site)
    path.unlink()
    if link:
        path.symlink_to(link)

    assert STUDY.find_fault(str(ready.folder)).endswith(fault)


def test_a_stamp_of_another_lock_is_noticed(ready: Copy) -> None:
    """A changed lock, or a stamp of another format, asks for a new set-up."""
    assert STUDY.find_fault(str(ready.folder)) is None
    stamp = ready.venv / STUDY.STAMP
    for content in (b"", b"vmmodel environment 0" + stamp.read_bytes()[21:], b"\xff\n\n"):
        stamp.write_bytes(content)
        assert "requirements.lock has changed" == STUDY.find_fault(str(ready.folder))


def test_another_tools_environment_is_left_alone(bare: Copy) -> None:
    """A working .venv that ./study did not make is neither used nor deleted."""
    subprocess.run([BASE, "-I", "-m", "venv", "--without-pip", bare.venv], check=True)
    before = sorted(bare.venv.rglob("*"))
    status, _, err = bare.start("report")

    assert 1 == status
    assert "was not made by ./study and is left alone" in sentence(err)
    assert before == sorted(bare.venv.rglob("*"))


def test_a_file_called_venv_is_left_alone(bare: Copy) -> None:
    """A plain file in the place of .venv is the reader's to move."""
    bare.venv.touch()
    status, _, err = bare.start("report")

    assert 1 == status
    assert "is a file where a folder is needed" in sentence(err)


def test_an_incomplete_copy_is_named(bare: Copy) -> None:
    """Without requirements.lock there is nothing to set up from."""
    (bare.folder / "requirements.lock").unlink()
    status, _, err = bare.start("report")

    assert 1 == status
    assert "requirements.lock" in sentence(err)


# --- Machines on which it cannot work. ---


def test_an_old_python_can_read_the_file() -> None:
    """The file is valid Python 3.6, so that an old Python prints the sentence."""
    ast.parse((ROOT / "study").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 0), (3, 15, 0)])
def test_a_python_out_of_range_is_named(bare: Copy, version: tuple[int, int, int]) -> None:
    """Told that it runs on another version, ./study says which ones it needs."""
    script = (
        f"import sys; sys.version_info = {version}; sys.argv = ['study', 'report']\n"
        f"path = {str(bare.folder / 'study')!r}\n"
        "exec(compile(open(path).read(), path, 'exec'), {'__name__': '__main__', '__file__': path})"
    )
    done = subprocess.run(
        [BASE, "-c", script], env={"PATH": "/nonexistent"}, capture_output=True, text=True
    )

    assert 1 == done.returncode
    assert "needs Python 3.11 to 3.14" in sentence(done.stderr)
    assert f"this is 3.{version[1]}" in done.stderr
    assert not bare.venv.exists()


def test_a_real_old_python_gets_the_sentence(bare: Copy) -> None:
    """Old Pythons that this machine happens to have exit with the sentence."""
    names = ["python2.7", *(f"python3.{minor}" for minor in range(6, 11))]
    found = [name for name in names if shutil.which(name)]
    old = [n for n in found if not subprocess.run([n, "-c", "0"], capture_output=True).returncode]
    if not old:
        pytest.skip("no Python older than 3.11 here")
    for name in old:
        command = [name, bare.folder / "study", "report"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert 1 == done.returncode
        assert "needs Python 3.11 to 3.14" in sentence(done.stderr)


def test_a_machine_without_python_is_told_so(bare: Copy) -> None:
    """Where there is no python3 at all, the shell part says it."""
    done = subprocess.run(
        ["/bin/sh", bare.folder / "study", "report"],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
    )

    assert 1 == done.returncode
    assert "there is no python3" in sentence(done.stderr)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_without_network_one_sentence_says_so(bare: Copy, tool: str) -> None:
    """With nothing cached and no way out, one sentence says so; the next start tries anew."""
    if tool == "uv":
        link_uv(bare)
    cache = {"XDG_CACHE_HOME": str(bare.home / "cache")}
    process = bare.popen("report", **OFFLINE, **cache)
    out, err = process.communicate(timeout=120)

    assert (1, "") == (process.returncode, out)
    assert "connect to a network" in sentence(err)
    assert "its last set-up was not finished" == STUDY.find_fault(str(bare.folder))


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user may read, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="vmmodel-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_without_write_permission_one_sentence_says_so(readable: Path) -> None:
    """Who may not write in the project's folder is told to copy it."""
    bare = Copy(readable / "copy", "simpy")
    root = os.geteuid() == 0
    other = {"user": NOBODY} if root else {}
    bare.folder.chmod(0o555)
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") if root else BASE
    newest = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))"
    if not python or subprocess.run([python, "-c", newest], **other, cwd="/").returncode:
        pytest.skip("no python3 that another user may start")
    done = subprocess.run(
        [python, bare.folder / "study", "report"], **other, cwd="/", capture_output=True, text=True
    )
    bare.folder.chmod(0o755)

    assert 1 == done.returncode
    assert "no permission to write" in sentence(done.stderr)


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM",
            "is not the one that requirements.l",
        ),
        ("error: Failed to fetch\n  Caused by: dns error", "could not be downloaded"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: no usable wheels; Wheels are required for `llvmlite`", "no ready-made build"),
        ("something\nwholly new", "wholly new"),
        ("", "no message"),
    ],
)
def test_an_installers_failure_becomes_a_sentence(output: str, cause: str) -> None:
    """The cause is picked from what the installer printed, and the log is named."""
    told = STUDY.explain(output, "/setup.log")

    assert cause in told
    assert told.endswith("(log: /setup.log)")


# --- Set-ups. ---


def link_uv(copy: Copy) -> None:
    """Put uv on the path of *copy*."""
    if not UV:
        pytest.skip("no uv here")
    (copy.bin / "uv").symlink_to(UV)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_set_up_makes_all_that_a_start_needs(bare: Copy, tool: str) -> None:
    """From nothing, with uv or pip: packages compiled, then quiet; nothing lands in the home."""
    if tool == "uv":
        link_uv(bare)
    status, out, err = bare.start("x", PYTHONDONTWRITEBYTECODE="1")

    assert (0, "True ['x']\n") == (status, out)
    assert err.startswith("Setting up .venv (there is none yet)")
    assert f"2 packages with {tool}" in err
    assert list(bare.site.glob("simpy/__pycache__/*.pyc"))
    assert [] == list(bare.home.iterdir())
    assert (0, "True ['y']\n", "") == bare.start("y")


def test_pip_fetches_uv_if_the_lock_has_it(tmp_path: Path) -> None:
    """Where only pip is there, it installs uv, and uv the rest."""
    copy = Copy(tmp_path / "copy", "simpy", "uv")
    status, _, err = copy.start("x")

    assert 0 == status
    assert "2 packages with uv" in err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_set_up_is_repaired(bare: Copy, number: signal.Signals) -> None:
    """Whatever ends a set-up, the next start finishes it."""
    process = bare.popen("x")
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(number)
    process.communicate(timeout=60)

    assert 0 != process.returncode
    assert "its last set-up was not finished" == STUDY.find_fault(str(bare.folder))
    status, out, err = bare.start("y")
    assert (0, "True ['y']\n") == (status, out)
    assert "its last set-up was not finished" in err


def test_a_damaged_environment_is_repaired(ready: Copy) -> None:
    """A .venv with a broken interpreter is made anew, and one line says why."""
    python = ready.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    status, out, err = ready.start("x")

    assert (0, "True ['x']\n") == (status, out)
    assert err.startswith("Setting up .venv (bin/python is missing from it)")


def test_a_wrong_hash_is_refused(bare: Copy) -> None:
    """A package other than the one that the lock names is not installed."""
    lock = bare.folder / "requirements.lock"
    lock.write_text(re.sub("sha256:[0-9a-f]{64}", "sha256:" + 64 * "0", lock.read_text()))
    status, _, err = bare.start("x")

    assert 1 == status
    assert "is not the one that requirements.lock names" in sentence(err)


def test_two_first_starts_at_once_set_up_once(bare: Copy) -> None:
    """The second waits for the first, then uses what it made."""
    first, second = ended_both(bare.popen("1"), bare.popen("2"))

    assert [0, 0] == [first[0], second[0]]
    assert ["True ['1']\n", "True ['2']\n"] == [first[1], second[1]]
    assert 1 == (first[2] + second[2]).count("compiling")


def ended_both(*both: "subprocess.Popen[str]") -> list[tuple[int, str, str]]:
    """Wait for two processes whose output fits into their pipes."""
    for process in both:
        process.wait(timeout=120)
    return [ended(process) for process in both]


def test_the_whole_lock_can_be_set_up(tmp_path: Path) -> None:
    """From the real lock come all packages that pyproject.toml names, with their bytecode."""
    copy = Copy(tmp_path / "copy")
    shutil.copy(ROOT / "requirements.lock", copy.folder)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = project["dependencies"] + project["optional-dependencies"]["test"]
    (copy.folder / "vmmodel" / "__main__.py").write_text(
        "import sys, pandas\nfrom importlib.metadata import version\n"
        "print([version(name) for name in sys.argv[1:]] and 'all there')"
    )
    status, out, err = copy.start(*(line.split()[0] for line in needed))

    assert (0, "all there\n") == (status, out), err
    assert list(copy.site.glob("pandas/core/__pycache__/frame.*.pyc"))
    # Ten times what it takes on an idle machine with a warm cache.
    assert int(re.findall(r"ready in (\d+) s", err)[0]) < 150
