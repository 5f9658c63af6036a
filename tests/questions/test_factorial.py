"""The factorial: plans that can be built and told apart, and sentences that follow the data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vmmodel.analysis.factorial import aliased
from vmmodel.analysis.family import FAMILY
from vmmodel.commands.factorial import _print
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.sweep import Sweep, run_sweep
from vmmodel.nofree.axes import ImpossibleDesign
from vmmodel.nofree.named import canonical, design
from vmmodel.paths import ROOT
from vmmodel.questions.choices import markdown, sentences
from vmmodel.questions.factorial import FACTORIAL, METRICS, STAGES, Effects, effects, measure
from vmmodel.questions.plans import (
    BASE,
    CROSSED,
    NOWHERE,
    PLANS,
    Plan,
    composition,
    levels,
    pairs,
)
from vmmodel.questions.stored import as_csv, digest, stored, stored_file
from vmmodel.questions.sweeps import REPLICATIONS, SweepLab
from vmmodel.report.factorial import factorial, printed

EVERY = 16
"""The back test runs every sixteenth design of a stage."""


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_plan_is_balanced_and_can_be_built(plan: Plan) -> None:
    """Every composition is a design of its own, and no term of a plan touches another."""
    assert [] == aliased(plan.cells)
    assert len(plan.cells) == len(set(plan.designs))
    assert [canonical(name) for name in plan.designs] == list(plan.designs)
    assert all(design(name).choice for name in plan.designs)


def test_fraction_has_resolution_five() -> None:
    """No product of four or fewer of its eight axes is constant, and a quarter is run."""
    signs = CROSSED.cells.apply(lambda levels: 1 - 2 * levels.factorize()[0])
    products = np.array([list(map(int, f"{word:08b}")) for word in range(1, 256)], bool)

    constant = [n for n in products if abs(signs.loc[:, n].prod(axis=1).sum()) == len(signs)]

    assert 64 == len(signs)
    assert [5, 5, 6] == sorted(int(which.sum()) for which in constant)


def test_refused_combination_is_never_run() -> None:
    """A plan with levels that cannot meet is refused with the reason, before anything is run."""
    wrong = Plan("wrong", {"free": ("any", "none:leak"), "reuse": ("lifo", "address")}, "")

    with pytest.raises(ImpossibleDesign, match="no page is used again"):
        _ = wrong.designs


def test_every_level_is_in_a_plan() -> None:
    """What no plan has is named with its reason; every two axes are crossed somewhere."""
    has = {(axis, level) for plan in PLANS.values() for axis in plan.crossed
           for level in plan.crossed[axis]}  # fmt: skip
    every = {(axis, level) for axis, found in levels().items() for level in found}

    assert every == has
    assert {"structure=none", "free=none:panic"} == set(NOWHERE)
    together = pairs()
    assert 28 == len(together[["axis", "other"]].drop_duplicates())
    crossed = together[~together.crossed.str.contains("impossible|not crossed")]
    assert 28 == len(crossed[["axis", "other"]].drop_duplicates())


def test_pairs_say_why_they_are_not_crossed() -> None:
    """Impossible pairs carry the reason of the model."""
    table = pairs().set_index(["level", "its_level"]).crossed

    assert table["bitmap", "lifo"].startswith("impossible: a bitmap does not remember")
    assert table["partial", "wait"].startswith("impossible: who holds a part")
    assert table["smaller", "0"].startswith("impossible: nothing is smaller")
    assert "not crossed" == table["bitmap", "scatter"]
    with pytest.raises(ImpossibleDesign):
        composition({**BASE, "fallback": "smaller", "import": "0"})


Rule = Callable[[pd.DataFrame, np.ndarray], pd.DataFrame]


def made_up(rule: Rule, replications: int = 10) -> pd.DataFrame:
    """Give a table of the quick profile with metrics by *rule* of the levels."""
    random, parts = np.random.default_rng(1), []
    for stage in STAGES:
        for plan in stage.quick:
            kept = {**BASE, **(plan.fixed or {})}
            rows = plan.cells.assign(**{a: kept[a] for a in BASE if a not in plan.crossed})
            rows = rows.assign(design=plan.designs, scenario=stage.scenario)
            parts += [rows.assign(replication=number) for number in range(replications)]
    table = pd.concat(parts, ignore_index=True)
    table = table.drop_duplicates(["scenario", "design", "replication"], ignore_index=True)
    table = table.assign(**dict.fromkeys(METRICS, 0.0))
    return rule(table, random.normal(size=len(table)))[list(FACTORIAL.columns)]


def some(table: pd.DataFrame, noise: np.ndarray) -> pd.DataFrame:
    """Small chunks pin more; a leak without a batch; waiting serves less; the rest is chance."""
    small, wait = table["import"].isin(["4", "6"]), table.fallback == "wait"
    leak = (table.free == "none:leak") & (table.multi == "loop")
    return table.assign(
        pinned_regions=10 + 8.0 * small - 4.0 * wait + 0.1 * noise,
        gone=8.0 * leak + 0.1 * noise * leak,
        p99_ns=500 + 3.0 * (table.structure == "bump") + noise,
        failed=30.0 * wait,
    )


@pytest.fixture(scope="module")
def found() -> Effects:
    """Give what the made-up table says."""
    return effects(made_up(some))


def test_sentences_name_what_matters(found: Effects) -> None:
    """Axes that were given an effect matter, with numbers; the others do not."""
    pinned, gone, p99 = sentences(found)

    assert pinned.startswith("Pinned regions (2 MB regions): matters: `import` by 8.0 [")
    assert "`fallback` by 4.0 [" in pinned
    assert "where `wait` leaves 30 more requests unserved" in pinned
    assert "from `any/own/none:escape` to `none:leak`" in gone
    assert "together (1 pair): `free` with `multi`" in gone
    assert "changes nothing in any of 10 replications: `structure`" in gone
    assert "is shown but too small to count: `structure` (at most" in p99
    assert "is not shown to matter: " in p99
    assert "matters:" not in p99


def test_sentences_where_nothing_varies() -> None:
    """Equal runs give no claim of a difference."""
    for sentence in sentences(effects(made_up(lambda table, _noise: table, replications=6))):
        assert "changes nothing in any of 6 replications: `structure`, `free`" in sentence
        assert "no two choices are shown to depend on each other" in sentence
        assert "matters:" not in sentence


def test_sentences_of_a_single_replication() -> None:
    """One replication has no spread: nothing is judged."""
    for sentence in sentences(effects(made_up(some, replications=1))):
        assert "cannot be judged from these runs: `structure`" in sentence
        assert "matters:" not in sentence


def test_figure_and_text_follow_from_the_table(found: Effects) -> None:
    """Each level has a line, each workload a mark; the text names plans and workloads."""
    figure = factorial(found.terms, found.levels, list(BASE))
    text = markdown(found, [stage.scenario for stage in STAGES])

    assert all(f">{axis}={level}<" in figure.svg for axis, level in
               [("import", "12"), ("structure", "bitmap"), ("free", "none:leak")])  # fmt: skip
    assert all(stage.scenario in figure.svg for stage in STAGES)
    assert "pages leaked or lost: free" in figure.alt
    assert figure.caption.endswith(".")
    assert not figure.data.empty
    assert all(f"`{plan}`" in text for plan in PLANS)


def test_printed_terms_say_what_decides(found: Effects) -> None:
    """Sizes have the metric's unit, and equal replications a verdict without an interval."""
    pinned, gone, _ = FAMILY
    by_chance = printed(found.terms, pinned)
    assert f"size, {pinned.unit}" in by_chance
    assert "[" in by_chance[by_chance.choice == "import"][f"size, {pinned.unit}"].iloc[0]

    same = effects(made_up(lambda table, _noise: some(table, 0 * _noise))).terms
    rows = printed(same, gone).set_index(["choice", "plan"])
    row = rows.loc[("free", "freeing")].iloc[0]
    assert "matters: the same in all 10 replications" == row.verdict
    assert row[f"size, {gone.unit}"].endswith(", no interval")


def test_a_sentence_stands_for_no_interactions(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an interaction that is shown no empty table is printed."""
    _print(effects(made_up(lambda table, _noise: table, replications=6)))

    assert "no two-way interaction is shown." in capsys.readouterr().out


def perform(sweep: Sweep, folder: Path) -> None:
    """Run a sweep here, without progress."""
    run_sweep(sweep, folder, describe_sweep(sweep, "a test"), workers=1)


def test_first_replication_is_what_was_stored(tmp_path: Path) -> None:
    """One replication of a few compositions gives the rows that the committed table has."""
    kept = stored(FACTORIAL)

    table = measure(SweepLab(tmp_path, perform, replications=1), every=EVERY)

    first = kept.merge(table[["scenario", "design", "replication"]])
    pd.testing.assert_frame_equal(first, table, check_dtype=False, rtol=1e-9)


def test_stored_table_is_whole() -> None:
    """It has every plan of the quick profile, and CHANGELOG.md names it by its digest."""
    kept, text = stored(FACTORIAL), stored_file(FACTORIAL).read_text(encoding="utf-8")

    assert as_csv(kept) == text
    assert f"factorial {digest(text)}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    runs = kept.groupby("scenario").design.agg(set)
    assert {stage.scenario: set(stage.designs(full=False)) for stage in STAGES} == runs.to_dict()
    assert {REPLICATIONS["quick"]} == set(kept.groupby(["scenario", "design"]).size())
