"""Notebooks to self-contained pages: nbconvert's exporter with our template, and a frame around it.

A page asks the network for nothing: its content-security policy forbids it.  Pages are written to
a temporary name and renamed, so that a reader never opens half a page.
"""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from vmmodel.analysis import tables
from vmmodel.analysis.tables import Study
from vmmodel.errors import StudyError
from vmmodel.report import execute as running
from vmmodel.report import index, style

TEMPLATES = Path(__file__).with_name("templates")
NOTEBOOKS = running.ROOT / "notebooks"


class ReportError(StudyError):
    """Pages that cannot be written; the message names the file or folder and why."""


class PageExporter(HTMLExporter):
    """The body of a page: no prompts, folded code, outputs that already carry their own HTML."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            template_name="page",
            extra_template_basedirs=[str(TEMPLATES)],
            exclude_anchor_links=True,
            **kwargs,
        )


@dataclass(frozen=True)
class Page:
    """Where a page is and what the navigation calls it."""

    file: str
    """File name in the report folder."""
    short: str
    """Name in the navigation."""
    title: str
    """Its question."""


def build_report(
    sweep: Path, out: Path, *, progress: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Run the notebooks on the tables in *sweep* and write all pages to *out*.

    Returns the files written, the front page first.
    """
    study = tables.load(sweep)
    check_writable(out)
    sources = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    pages = [Page("index.html", "Answer", index.QUESTION), *map(_page_of, sources)]
    # The kernels work in processes of their own; the front page is drawn meanwhile.
    with ThreadPoolExecutor(1) as beside:
        front = beside.submit(index.body, study, out, pages[1:])
        parameters = {"SWEEP": str(sweep.resolve()), "INTERACTIVE": False}
        notebooks = running.execute(sources, parameters, progress)
        bodies = [front.result()]
    exporter = PageExporter()
    bodies += [_with_contents(_body(exporter, notebook)) for notebook in notebooks]
    origins = ["the tables", *[f"notebooks/{source.name}" for source in sources]]
    progress("writing pages")
    written = []
    for page, body, origin in zip(pages, bodies, origins, strict=True):
        text = render(study, page, pages, body, origin)
        written.append(write(out / page.file, text))
    return written


def render(study: Study, page: Page, pages: list[Page], body: str, origin: str) -> str:
    """The whole page around *body*."""
    loader = FileSystemLoader(TEMPLATES)
    frame = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return frame.get_template("page.html").render(
        title=f"{page.title} · vmmodel",
        file=page.file,
        pages=pages,
        body=body,
        css=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        light=style.css_variables(dark=False),
        dark=style.css_variables(dark=True),
        stamp=stamp(study, origin),
    )


def stamp(study: Study, origin: str) -> dict[str, object]:
    """What made a page, for its last lines."""
    meta = study.meta
    machine = meta.get("machine", {})
    return {
        "version": meta["version"],
        "source": origin,
        "commit": str(meta["git_commit"] or "unknown")[:12],
        "dirty": " with local changes" if meta["git_dirty"] else "",
        "digest": str(meta["model_digest"])[:16],
        "profile": meta["profile"],
        "seed": meta["seed"],
        "replications": meta["replications"],
        "schema": meta["schema"],
        "command": meta.get("command", "./study report"),
        "machine": f"Python {machine.get('python', '?')}, {machine.get('cpus', '?')} CPUs",
    }


def check_writable(out: Path) -> None:
    """Make the folder *out* and write to it once, before minutes are spent on the notebooks."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{out}: cannot be made, expected a folder for pages ({error})") from None
    write(out / "writable", "").unlink()


def write(path: Path, text: str) -> Path:
    """Write *text* beside *path* and rename it into place; one sentence when that fails."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(
            f"{path}: not written ({reason}), expected a folder with room to write to"
        ) from None
    return path


def _page_of(source: Path) -> Page:
    title = _title(running.read(source))
    short = source.stem.split("-", 1)[-1].replace("-", " ").capitalize()
    return Page(f"{source.stem}.html", short, title)


def _title(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.splitlines()[0][2:].strip())
    return "Untitled"


def _body(exporter: PageExporter, notebook: NotebookNode) -> str:
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)


def _with_contents(body: str) -> str:
    """Name the sections and put a list of them before the first one, as navigation."""
    found: list[tuple[str, str]] = []

    def named(heading: re.Match[str]) -> str:
        name = f"section-{len(found) + 1}"
        found.append((name, re.sub(r"<[^>]+>", "", heading[1])))
        return f'<h2 id="{name}">{heading[1]}</h2>'

    body = re.sub(r"<h2[^>]*>(.*?)</h2>", named, body)
    links = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in found)
    contents = f'<nav class="contents" aria-label="Sections"><ul>{links}</ul></nav>'
    return body.replace("<h2", f"{contents}\n<h2", 1) if found else body
