"""Q9: where to keep the run length: in `plinks`, `pindex` or `ref_count`?

Correctness only.  Pages are made to be still linked in a page queue when fields of their structure
are written: pages of a chunk that were freed just before it is imported, or a managed NOFREE page
that is freed while it is queued.  No rate is claimed; every trial meets the hazard.
"""

import pandas as pd

from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.summary import Metric
from vmmodel.consumers.lazyqueue import End, Play
from vmmodel.nofree.pagefields import PLACES
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.effects import difference, each, exact_if_equal
from vmmodel.questions.outcomes import Kinds, outcome_bars
from vmmodel.questions.wording import ENOUGH_EXACT, points, share, too_few, verdict
from vmmodel.report.figure import Figure
from vmmodel.workloads.lazy_dequeue import CHUNK, OTHERS, Hazard, Trial, draw_trials
from vmmodel.workloads.streams import Streams

STORY = "lazy-dequeue"
HAZARDS: tuple[Hazard, ...] = ("import", "free")
MEANT = {"import": "pages of a chunk still queued", "free": "a freed page still queued"}
KERNELS = {"INVARIANTS": True, "release": False}
"""Whether lists and allocated pages are checked."""
JUDGED = ("import", "release")
TRIALS = {False: 10, True: 100}
"""In a run of the quick and of the full profile; ten runs tell a share of 0 or 1 to 4 %."""
KINDS: Kinds = {
    End.PANIC.value: ("panic", "separate"),
    End.CORRUPT.value: ("page queue corrupt", "bump:panic"),
    End.SECOND_USER.value: ("a second user", "bump:escape"),
    End.LEAKED.value: ("leaked", "bump:leak"),
    End.SOUND.value: ("sound", "ordinary"),
}


def measure(lab: Lab) -> pd.DataFrame:
    """Play the same trials with the length in each place, in both kernels."""
    rows = []
    for hazard in HAZARDS:
        drawn = [
            draw_trials(hazard, TRIALS[lab.full], Streams(lab.seed, STORY, "", replication))
            for replication in range(lab.replications)
        ]
        for kernel, checked in KERNELS.items():
            for place in PLACES:
                for replication, trials in enumerate(drawn):
                    ends = _ends(place, checked, trials)
                    key = (STORY, f"hazard={hazard} kernel={kernel}", place, replication)
                    rows.append([*key, hazard, kernel, len(trials), *ends])
    table = pd.DataFrame(rows, columns=list(COLUMNS)[:-1])
    return table.assign(harmed=1 - table[End.SOUND.value] / table.trials)


def _ends(place: str, checked: bool, trials: list[Trial]) -> list[int]:
    """Count how *trials* end, in the order of `KINDS`."""
    ends = [
        Play(PLACES[place], CHUNK, OTHERS, checked).end(one.queued, one.pending, one.steps).value
        for one in trials
    ]
    return [ends.count(kind) for kind in KINDS]


def harm(table: pd.DataFrame, hazard: str, kernel: str) -> Interval:
    """Give the share of trials that do harm, plinks minus pindex."""
    rows = table[(table.hazard == hazard) & (table.kernel == kernel)]
    return exact_if_equal(difference(rows, "harmed", "plinks", "pindex"))


def ends_of(table: pd.DataFrame, hazard: str, place: str, kernel: str = "release") -> pd.Series:
    """Count how the trials of a hazard end with the length in a place, and ``trials``."""
    rows = table[(table.hazard == hazard) & (table.design == place) & (table.kernel == kernel)]
    return rows[["trials", *KINDS]].sum()


def answer(table: pd.DataFrame) -> Answer:
    """Say which place is safe against which hazard."""
    found = harm(table, *JUDGED)
    return Answer(
        f"{_verdict(found)} {_harmed(table, 'import')} {_harmed(table, 'free')}",
        _turns(table),
        found,
        "How often a page is still queued: kernel pages are unmanaged and never are, and since "
        "D50333, which `ref_count` relies on, no page of the buddy lists is. Other users of "
        "`pindex` and `ref_count` are not modelled; how ae10431c9833 linked its runs is assumed.",
    )


def _verdict(found: Interval) -> str:
    text = points(found)
    where = f"(pages of an imported chunk still queued, release kernel, {found.n} pairs of runs)"
    return {
        "more": f"Not in `plinks`: written before vm_page_dequeue() it does harm where `pindex` "
        f"does not, {text} of the trials {where}.",
        "less": f"`plinks` does less harm than `pindex`, {text} of the trials {where}.",
        "equal": f"No difference is shown between `plinks` and `pindex` {where}.",
        "unclear": f"No difference is shown: `plinks` minus `pindex` is {text} of the trials "
        f"{where}.",
        "few": f"{too_few(found, ENOUGH_EXACT)}. `plinks` minus `pindex` is {text} of the trials "
        f"{where}.",
        "unmeasured": f"Nothing is measured {where}.",
    }[verdict(found, ENOUGH_EXACT)]


def _harmed(table: pd.DataFrame, hazard: str) -> str:
    """Say for the three places as FreeBSD had them how many trials did harm."""
    said = []
    for place in ("plinks", "pindex", "ref_count"):
        found = ends_of(table, hazard, place)
        harmed = int(found.trials - found[End.SOUND.value])
        said.append(f"`{place}` {share(harmed, int(found.trials))}")
    return f"With {MEANT[hazard]} these do harm: {'; '.join(said)}."


def _turns(table: pd.DataFrame) -> str:
    """Say with which care the difference is gone, and what main relies on."""
    found = ends_of(table, "import", "plinks, dequeued")
    main = ends_of(table, "free", "ref_count")
    mended = share(int(found.trials - found[End.SOUND.value]), int(found.trials))
    bad = share(int(main.trials - main[End.SOUND.value]), int(main.trials))
    return (
        "with vm_page_dequeue() called before a field is written: then `plinks` does harm in "
        f"{mended} trials. `ref_count` as in main links its runs through `plinks.q` and does not "
        f"call it when a page is freed: {bad} trials do harm there, so no NOFREE page that is "
        "managed may come back this way."
    )


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Give the ends of all trials by hazard, kernel and place."""
    by = ["hazard", "kernel", "design"]
    return table.groupby(by, sort=False)[["trials", *KINDS]].sum().reset_index()


def figure(table: pd.DataFrame) -> Figure:
    """Draw how the trials end in a release kernel."""
    rows = counts(table)
    rows = rows[rows.kernel == "release"]
    drawn = rows.assign(panel=rows.hazard.map(MEANT), row=rows.design)
    kinds = {kind: look for kind, look in KINDS.items() if kind != End.PANIC.value}
    svg = outcome_bars(drawn, kinds, list(MEANT.values()), "q9-places")
    said = [f"{row.hazard}, {row.design}: {row.sound} of {row.trials}" for row in each(rows)]
    return Figure("q9-places", svg, f"Sound trials. {'; '.join(said)}.", CAPTION, rows)


CAPTION = (
    "Release kernel; with INVARIANTS an assertion meets the harm, as the table tells. plinks is "
    "the first draft, pindex what landed, ref_count main of late 2025; the others show what a call "
    "of vm_page_dequeue() more or less, or a forgotten reset of the length, would do."
)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give the ends, in trials, by hazard, kernel and place, with the exact interval of harm."""
    rows = counts(table)
    harm_of = [share(int(row.trials - row.sound), int(row.trials)) for row in each(rows)]
    rows = rows.drop(columns="trials").assign(**{"harm, of trials": harm_of})
    return rows.rename(columns={"design": "place", "second_user": "second user"})


COLUMNS = {
    "scenario": "story",
    "setting": "hazard and kernel",
    "design": "place of the run length, and what is done before it is written",
    "replication": "replication",
    "hazard": "which page is still queued: of an imported chunk, or one that is freed",
    "kernel": "INVARIANTS or release",
    "trials": "trials, all of which meet the hazard (trials)",
    "panic": "of them an assertion met (trials)",
    "corrupt": "of them broke the page queue, or followed a number as a pointer (trials)",
    "second_user": "of them handed out a page that others use (trials)",
    "leaked": "of them lost idle pages (trials)",
    "sound": "of them ended with both lists as they should be (trials)",
    "harmed": "share of the trials that did not",
}

Q9 = Question(
    name="Q9",
    asks="Where to keep the run length: in `plinks`, `pindex` or `ref_count`?",
    freebsd="A first draft used plinks; ae10431c9833 landed with pindex, since plinks is not safe "
    "before vm_page_dequeue(); main of late 2025 has it in ref_count and links through plinks.q.",
    primary=Metric("harmed", "Trials that do harm", "share of trials", -1, 2),
    judged="plinks minus pindex, pages of an imported chunk still queued, release kernel",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
