"""The exported pages: self-contained, labelled, accessible, and fit for a phone."""

import errno
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.report import execute
from vmmodel.report.export import ReportError, build_report, write

PAGES = [
    "index.html",
    "00-questions.html",
    "01-fragmentation.html",
    "02-leaks.html",
    "03-latency.html",
    "04-statistics.html",
]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report built from a made-up sweep."""
    folder = tmp_path_factory.mktemp("report")
    written = build_report(write_sweep(folder / "runs", 6, 8, STORIES[1:]), folder / "pages")
    assert PAGES == [path.name for path in written]
    return folder / "pages"


class Outline(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def every(self, *names: str) -> list[dict[str, str | None]]:
        """Attributes of all tags with one of these *names*."""
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_the_network_for_nothing(report: Path, name: str) -> None:
    """No script, no external source, style or import, and a policy that forbids them."""
    text = (report / name).read_text(encoding="utf-8")
    page = Outline(report / name)
    links = [attributes.get("href") or "" for _, attributes in page.tags if "href" in attributes]

    assert [] == page.every("script", "link", "iframe", "object", "embed", "img")
    assert [] == [link for link in links if re.match(r"(https?:)?//", link)]
    assert not re.search(r"@import|url\(\s*[\"']?(?!#)(?!data:)", text)
    assert "default-src 'none'" in str(page.every("meta")[1]["content"])
    assert len(text) < 1_000_000


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_its_landmarks(report: Path, name: str) -> None:
    """Language, title, one main with one h1, navigation, skip link; headings skip no level."""
    page = Outline(report / name)
    text = (report / name).read_text(encoding="utf-8")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]

    assert "en" == page.every("html")[0]["lang"]
    assert re.search(r"<title>[^<]*\? · vmmodel</title>", text)
    assert 1 == len(page.every("main"))
    assert 1 == levels.count(1)
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    assert "#content" == page.every("a")[0]["href"]


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_and_table_is_labelled(report: Path, name: str) -> None:
    """A drawing has words, a table has a caption and a scope at every header."""
    page = Outline(report / name)
    drawings = [a for a in page.every("div") if a.get("role") == "img"]

    assert len(page.every("svg")) == len(drawings)
    assert all(len(a.get("aria-label") or "") > 40 for a in drawings)
    assert len(page.every("table")) == len(page.every("caption"))
    assert all(a.get("scope") in ("col", "row") for a in page.every("th"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_uses_each_name_once(report: Path, name: str) -> None:
    """Identifiers are unique, and links inside the page lead somewhere."""
    page = Outline(report / name)
    ids = [str(a["id"]) for _, a in page.tags if "id" in a]
    inner = {str(a["href"])[1:] for _, a in page.tags if str(a.get("href", "")).startswith("#")}

    assert len(ids) == len(set(ids))
    assert inner <= set(ids)


def test_links_beside_the_report_lead_to_files(report: Path) -> None:
    """Downloads and pages exist where the front page says."""
    links = [str(a["href"]) for a in Outline(report / "index.html").every("a")]
    files = [link for link in links if not link.startswith(("#", "data:"))]

    assert len(files) >= 9
    assert [] == [link for link in files if not (report / link).is_file()]


def test_the_stamp_says_how_to_do_it_again(report: Path) -> None:
    """Every page ends with commit, digest, seed and command."""
    for name in PAGES:
        text = (report / name).read_text(encoding="utf-8")
        assert "ffffffffffff</code> with local changes" in text
        assert "<code>./study report</code>" in text


def test_nothing_unfinished_is_left_behind(report: Path) -> None:
    """Pages are renamed into place; no draft stays."""
    assert sorted(PAGES) == sorted(os.listdir(report))


def test_the_same_tables_give_the_same_pages(report: Path) -> None:
    """A second build changes no byte."""
    before = {name: (report / name).read_bytes() for name in PAGES}
    build_report(report.parent / "runs", report)

    assert before == {name: (report / name).read_bytes() for name in PAGES}


def test_the_limits_of_the_model_stand_first(report: Path) -> None:
    """Before any scenario's own: what is not modelled, what a nanosecond is, made-up failures."""
    text = (report / "index.html").read_text(encoding="utf-8")
    limits = text[text.index('id="limits"') : text.index('id="designs"')]
    first = [
        "Scenarios of the quick report run without page caches, reservations and the page daemon",
        "Nanoseconds are priced events plus waiting for one lock",
        "Failures are injected or provoked at rates far above real ones",
        "zones of FreeBSD 13.0",
        "<code>hosts</code>: ",
    ]

    assert sorted(map(limits.index, first)) == [limits.index(words) for words in first]


def test_ordinary_gets_no_verdict_on_latency(report: Path) -> None:
    """Every table of designs says why; no row of ordinary has a difference in latency."""
    text = (report / "index.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr><th[^>]*>[^/]*</span><code>ordinary</code></th>(.*?)</tr>", text)
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows if "not compared" in row]

    assert 4 == len(cells) == text.count("ordinary is not compared in latency")
    assert all(re.search(r"<small>not compared</small>$", row[4]) for row in cells)


def test_better_and_worse_are_claims_of_the_family(report: Path) -> None:
    """The page says that the marks are adjusted for their number and the intervals are not."""
    text = (report / "index.html").read_text(encoding="utf-8")

    assert "p below 5 % after Holm's adjustment over all comparisons of the report" in text
    assert "Intervals are for one comparison by itself and are not widened." in text


def refuse_to_run(*_: object) -> NoReturn:
    """Stand in for running the notebooks where it must not come to that."""
    raise AssertionError("the notebooks ran")


def test_a_folder_that_cannot_be_written_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the way of the folder stops the report before any notebook runs."""
    sweep = write_sweep(tmp_path / "runs", 2, 5, STORIES[2:])
    (tmp_path / "pages").write_text("in the way")
    monkeypatch.setattr(execute, "execute", refuse_to_run)

    with pytest.raises(ReportError, match=r"pages/inner: cannot be made, expected a folder"):
        build_report(sweep, tmp_path / "pages" / "inner")


def test_a_folder_without_permission_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that takes no file stops the report before any notebook runs, and stays empty."""
    sweep = write_sweep(tmp_path / "runs", 2, 5, STORIES[2:])

    def denied(*_: object, **__: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(execute, "execute", refuse_to_run)
    monkeypatch.setattr(Path, "write_text", denied)

    with pytest.raises(ReportError, match=r"not written \(Permission denied\)"):
        build_report(sweep, tmp_path / "pages")
    assert [] == os.listdir(tmp_path / "pages")


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is named, no draft stays, and the older page is kept."""
    page = tmp_path / "index.html"
    page.write_text("older")

    def full(path: Path, text: str, **_: object) -> NoReturn:
        path.write_bytes(text[:2].encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    with pytest.raises(ReportError, match=r"index.html: not written \(No space left on device\)"):
        write(page, "newer")
    assert ["index.html"] == os.listdir(tmp_path)
    assert "older" == page.read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, where the system has it."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as api:
        running = api.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_nothing_is_wrong(browser: Any, report: Path, scheme: str) -> None:
    """No request leaves, nothing is on the console, axe finds nothing, a phone needs no panning."""
    bundled = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    axe = (Path(bundled.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    found: list[str] = []
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.on("request", lambda request: found.append(request.url))
    page.on("console", lambda message: found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    for name in PAGES:
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto((report / name).as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found += [f"{name}: {over} px too wide at {width}"] if over > 0 else []
        # At the width of a phone, where tables and figures scroll and must be reachable.
        page.evaluate(axe)
        faults = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        found += [f"{name}: {fault['id']}: {fault['help']}" for fault in faults]
    context.close()

    assert [] == [entry for entry in found if not entry.startswith(("file:", "data:"))]


def test_under_the_policy_everything_is_shown(browser: Any, report: Path) -> None:
    """With the page's own policy in force nothing is refused and drawings have a size."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((report / "01-fragmentation.html").as_uri())
    heights = page.evaluate("[...document.querySelectorAll('.plot svg')].map(s => s.clientHeight)")
    context.close()

    assert [] == said
    assert min(heights) > 100
