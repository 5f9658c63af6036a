"""Q2: keep the assertion for ordinary pages by a free function of its own?

Three kinds of bug meet both free paths, in a kernel with INVARIANTS and in a release kernel, which
has no assertion: a page in use is freed, a clean-up calls vm_page_free() as an unconverted
consumer does, a clean-up frees a page twice.  Against it stands the branch that every ordinary
free pays where vm_page_free() takes NOFREE pages.
"""

from dataclasses import replace

import pandas as pd

from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.summary import Metric
from vmmodel.experiment.scenario import SCENARIOS, Scenario
from vmmodel.questions import frees
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.effects import as_interval, difference, each, exact_if_equal, per_run
from vmmodel.questions.outcomes import Kinds, outcome_bars
from vmmodel.questions.wording import ENOUGH_EXACT, apart, points, share, too_few, verdict
from vmmodel.report import style
from vmmodel.report.figure import Figure
from vmmodel.sim.prices import load_prices

MISUSE = {
    # A bug is met or not, whatever the size: 1000 NOFREE pages on 1 GB are enough, and with
    # failures in 2 % of the insertions some 20 clean-ups have a bug in a run.
    "memory_gb": "1",
    "requests": "1000",
    "unconverted": "0",
    "twice": "0",
    "queued": "0",
}
BUGS = {
    "wrong free": {"wrong_frees": "10", "second_failure": "0"},
    "unconverted": {"wrong_frees": "0", "second_failure": "0.02", "unconverted": "1"},
    "double free": {"wrong_frees": "0", "second_failure": "0.02", "twice": "1"},
}
KERNELS = {"INVARIANTS": "", "release": ",illegal=escape"}
"""What a design is called in each: in a release kernel the assertion is compiled out."""
PATHS = ("freeable", "separate", "batch+separate")
PRICED = ("freeable", "separate")
WRONG, DEBUG, RELEASE = "wrong free", "INVARIANTS", "release"
KINDS: Kinds = {
    "noticed": ("noticed (panic)", "separate"),
    "second_user": ("a second user, or a corrupt list", "bump:panic"),
    "waiting": ("idle, with a user", "bump:escape"),
    "lost": ("page lost to the chunk", "bump:leak"),
    "harmless": ("no harm", "ordinary"),
}


def scenarios(kernel: str) -> tuple[Scenario, ...]:
    """Give each kind of bug on one kind of *kernel*."""
    invariants = {"invariants": str(int(kernel == DEBUG))}
    return tuple(
        replace(
            SCENARIOS["misuse"].with_values(MISUSE | bug | invariants),
            setting=f"bug={name.replace(' ', '-')} kernel={kernel}",
        )
        for name, bug in BUGS.items()
    )


def measure(lab: Lab) -> pd.DataFrame:
    """Let the bugs happen under each free path and kernel, and price an ordinary free."""
    tables = [_bugs(lab, kernel) for kernel in KERNELS]
    return pd.concat([*tables, _prices(lab)], ignore_index=True)


def _bugs(lab: Lab, kernel: str) -> pd.DataFrame:
    named = {path + (KERNELS[kernel] if path != "freeable" else ""): path for path in PATHS}
    runs = lab.study(f"q2-{kernel.lower()}", scenarios(kernel), tuple(named)).runs
    noticed = runs.bugs_panic + runs.bugs_detected
    # an unconverted caller frees a page that has to go: what joins the general pool is lost
    unconverted = runs.setting.str.contains("unconverted")
    runs = runs.assign(
        kernel=kernel,
        bug=runs.setting.str.extract(r"bug=(\S+)")[0].str.replace("-", " "),
        path=runs.design.map(named),
        noticed=noticed,
        second_user=runs.bugs_silent,
        waiting=runs.exposed,
        lost=runs.escaped.where(unconverted, 0),
        unnoticed=1 - noticed / runs.bugs.where(runs.bugs > 0),
        free_ns=float("nan"),
        branch_ns=float("nan"),
        frees=0,
    )
    seen = runs.noticed + runs.second_user + runs.waiting + runs.lost
    runs["harmless"] = (runs.bugs - seen).clip(lower=0)
    return per_run(runs, *list(COLUMNS)[4:])


def _prices(lab: Lab) -> pd.DataFrame:
    """Price an ordinary free with the branch at its value and at the ends of its range."""
    branch = load_prices().branch
    settings = {f"branch={ns:g}": ns for ns in (branch.low, branch.value, branch.high)}
    machines = tuple(frees.machine(name, {"branch": ns}) for name, ns in settings.items())
    rows = frees.costs(lab.study("q2-price", machines, PRICED))
    counts = ("bugs", *KINDS)
    rows = rows.assign(
        **dict.fromkeys(counts, 0),
        kernel="priced",
        bug="none",
        path=rows.design,
        unnoticed=float("nan"),
        branch_ns=rows.setting.map(settings),
    )
    return per_run(rows, *list(COLUMNS)[4:])


def bugs_of(table: pd.DataFrame, kernel: str, bug: str, path: str) -> pd.Series:
    """Sum up what became of a kind of bug under a path: counts by outcome, and ``bugs``."""
    rows = table[(table.kernel == kernel) & (table.bug == bug) & (table.path == path)]
    return rows[["bugs", *KINDS]].sum()


def silence(table: pd.DataFrame, kernel: str = DEBUG, bug: str = WRONG) -> Interval:
    """Give the share that passes silently, separate minus freeable."""
    rows = table[(table.kernel == kernel) & (table.bug == bug)].assign(design=lambda t: t.path)
    return exact_if_equal(difference(rows, "unnoticed", "separate", "freeable"))


def price(table: pd.DataFrame, branch_ns: float) -> Interval:
    """Give what an ordinary free costs more under freeable, in ns."""
    rows = table[(table.kernel == "priced") & (table.branch_ns == branch_ns)]
    return as_interval(difference(rows, "free_ns", "freeable", "separate"))


def answer(table: pd.DataFrame) -> Answer:
    """Say what a function of its own notices, and what it costs."""
    found = silence(table)
    return Answer(
        f"{_verdict(found)} {_noticed(table)} {_release(table)} {_price(table)}",
        _turns(table),
        found,
        "How often callers err, and what a panic or a page with two users costs whoever meets it. "
        "Wrong callers have dropped the wiring, as kmem_unback() does; who has not meets another "
        "check of vm_page_free_prep(). Who calls the function for NOFREE pages wrongly is noticed "
        "by neither path.",
    )


def _verdict(found: Interval) -> str:
    text = points(found)
    where = f"(wrong frees, kernel with INVARIANTS, {found.n} pairs of runs)"
    return {
        "less": f"A function of its own notices what the landed change lets pass: the share of "
        f"bugs that pass silently changes by {text} {where}.",
        "more": f"A function of its own lets more pass than the landed change: the share of bugs "
        f"that pass silently changes by {text} {where}.",
        "equal": f"No difference is shown in what passes silently {where}.",
        "unclear": f"No difference is shown: the share that passes silently changes by {text} "
        f"{where}.",
        "few": f"{too_few(found, ENOUGH_EXACT)}. The share that passes silently changes by {text} "
        f"{where}.",
        "unmeasured": f"Nothing is measured {where}.",
    }[verdict(found, ENOUGH_EXACT)]


def _noticed(table: pd.DataFrame) -> str:
    said = []
    for path in ("separate", "freeable"):
        found = bugs_of(table, DEBUG, WRONG, path)
        said.append(f"`{path}` notices {share(int(found.noticed), int(found.bugs))}")
    second = bugs_of(table, DEBUG, WRONG, "freeable")
    users = share(int(second.second_user), int(second.bugs))
    return f"{'; '.join(said)}, and there {users} pages soon have a second user."


def _release(table: pd.DataFrame) -> str:
    found = bugs_of(table, RELEASE, WRONG, "separate")
    stopped = table[(table.kernel == DEBUG) & (table.bug == "unconverted")]
    stopped = stopped[(stopped.path == "separate") & (stopped.bugs > 0)]
    runs = share(int((stopped.noticed > 0).sum()), len(stopped))
    gone = bugs_of(table, RELEASE, "unconverted", "separate")
    return (
        f"In a release kernel the assertion is compiled out and `separate` notices "
        f"{share(int(found.noticed), int(found.bugs))}. A consumer that was not converted stops "
        f"{runs} runs with INVARIANTS that meet it; in a release kernel "
        f"{share(int(gone.lost), int(gone.bugs))} of its frees lose a page to the chunk."
    )


def _price(table: pd.DataFrame) -> str:
    branch = load_prices().branch
    at, most = price(table, branch.value), price(table, branch.high)
    base = table[(table.kernel == "priced") & (table.path == "separate")].free_ns.mean()
    return (
        f"The branch costs {apart(at, 'ns', 2)} on every ordinary free, at most "
        f"{apart(most, 'ns', 2)}, where a free is {style.number(base, 1)} ns of work; "
        f"`separate` does not pay it."
    )


def _turns(table: pd.DataFrame) -> str:
    """Say where the assertion is of no use, and how many unconverted consumers it is worth."""
    release, gained = silence(table, RELEASE), -silence(table).estimate
    stops = bugs_of(table, DEBUG, "unconverted", "separate")
    price = stops.noticed / stops.bugs if stops.bugs else float("nan")
    balance = f"{style.number(gained / price, 1)} unconverted clean-ups" if price > 0 else "no end"
    return (
        "where nobody runs INVARIANTS: in a release kernel the difference is "
        f"{style.signed(100 * release.estimate)} percentage points ({release.n} pairs of runs); "
        "or where unconverted consumers are met too often, since each stops a machine with "
        f"INVARIANTS that `freeable` serves: the balance is at {balance} for one wrong free, if a "
        "panic weighs as much as a page with two users."
    )


def counts_by_outcome(table: pd.DataFrame) -> pd.DataFrame:
    """Give the bugs of each kind, kernel and path by outcome."""
    rows = table[table.kernel != "priced"]
    return rows.groupby(["kernel", "bug", "path"], sort=False)[["bugs", *KINDS]].sum().reset_index()


def figure(table: pd.DataFrame) -> Figure:
    """Draw what became of the bugs."""
    counts = counts_by_outcome(table)
    drawn = counts.assign(panel=counts.kernel, row=counts.bug + ", " + counts.path)
    svg = outcome_bars(drawn, KINDS, list(KERNELS), "q2-outcomes")
    said = [
        f"{row.kernel}, {row.bug}, {row.path}: {row.noticed} of {row.bugs} noticed"
        for row in each(counts)
    ]
    return Figure("q2-outcomes", svg, f"Bugs by outcome. {'; '.join(said)}.", CAPTION, counts)


CAPTION = (
    "A run ends at the bug that is noticed, so few are met where all are. The function of its own "
    "notices wrong and unconverted callers, with INVARIANTS only; a double free is noticed by "
    "neither path without INVARIANTS. For freeable an unconverted caller is no bug."
)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give outcomes, in bugs, with the exact interval of what is noticed."""
    counts = counts_by_outcome(table)
    noticed = [share(int(row.noticed), int(row.bugs)) for row in each(counts)]
    counts = counts.drop(columns="bugs").assign(noticed=noticed)
    return counts.rename(columns={"noticed": "noticed, of bugs met", "second_user": "second user"})


COLUMNS = {
    "scenario": "story",
    "setting": "bug and kernel, or price of the branch in ns",
    "design": "design",
    "replication": "replication",
    "kernel": "INVARIANTS, release, or priced: a machine without bugs",
    "bug": "kind of bug",
    "path": "free path: freeable, separate, batch+separate",
    "bugs": "bugs met; a run ends with the first that panics (bugs)",
    "noticed": "of them an assertion or the allocator noticed (bugs)",
    "second_user": "of them gave a page a second user or corrupted a list (bugs)",
    "waiting": "of them made a page idle that still has its user, until the end (bugs)",
    "lost": "of them lost a page to its chunk (bugs)",
    "harmless": "of them did none of it (bugs)",
    "unnoticed": "share of the bugs that were not noticed; nan without a bug",
    "branch_ns": "price of the branch (ns)",
    "frees": "frees of ordinary pages (frees)",
    "free_ns": "mean work of a free of an ordinary page (ns)",
}

Q2 = Question(
    name="Q2",
    asks="Keep the assertion for ordinary pages, by a free function of its own for NOFREE pages?",
    freebsd="It did not: vm_page_free_toq() hands such pages to a static function, whoever calls; "
    "the assertion of vm_page_free_prep() was removed. Markj called the wish reasonable.",
    primary=Metric("unnoticed", "Bugs that pass silently", "share of bugs", -1, 2),
    judged="separate minus freeable, wrong frees of a page in use, kernel with INVARIANTS",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
