"""Prices: the table is valid, bad tables are named, and the calibration can be repeated."""

import csv
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import nnls

from vmmodel.errors import InputError
from vmmodel.paths import DATA
from vmmodel.sim.prices import COSTS, Prices, load_prices

FITTED = ("free_lock", "list_op", "page_struct")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _timings() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the event counts, the medians in ns and the modelled pages of the fitted rows."""
    counts = {
        (row["operation"], row["state"]): row for row in _rows(DATA / "prices" / "calibration.csv")
    }
    events, medians, pages = [], [], []
    for row in _rows(DATA / "kernel" / "vm_phys_timings.csv"):
        count = counts.get((row["operation"], row["state"]))
        if count is None:
            continue
        calls = 0 if row["locking"] == "no lock" else int(count["calls"])
        events.append([calls, int(count["list_ops"]), int(count["page_structs"])])
        medians.append(float(row["ns_median"]))
        pages.append(int(row["modelled_pages"]))
    return np.array(events, dtype=float), np.array(medians), np.array(pages)


def _fit(events: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Fit non-negative prices by least squares of relative errors."""
    return nnls(events / medians[:, None], np.ones_like(medians))[0]


def test_the_fit_gives_the_prices() -> None:
    """Fitting FreeBSD's timings again gives the three measured prices, to 0.1 ns."""
    events, medians, _ = _timings()
    prices = load_prices()

    assert 72 == len(medians)
    assert [prices.of(event).value for event in FITTED] == [
        round(float(price), 1) for price in _fit(events, medians)
    ]
    assert {"measured"} == {prices.of(event).mark for event in FITTED}


def test_the_stated_residual_holds() -> None:
    """Half of the rows are within 33 % of the fit and three quarters within 56 %."""
    events, medians, _ = _timings()
    prices = np.array([load_prices().of(event).value for event in FITTED])
    errors = np.abs(events @ prices - medians) / medians

    assert np.quantile(errors, 0.5) <= 0.335
    assert np.quantile(errors, 0.75) <= 0.565


def test_the_low_list_price_is_the_fit_to_the_small_memory() -> None:
    """The low end of list_op is the fit to 65,536 pages alone, cut to 0.1 ns."""
    events, medians, pages = _timings()
    small = _fit(events[pages == 65536], medians[pages == 65536])

    assert pytest.approx(load_prices().list_op.low, abs=0.06) == small[1]


def test_the_high_ends_cover_the_cold_rows() -> None:
    """With list_op and page_struct at their high end no row but the split pairs is slower."""
    events, medians, _ = _timings()
    high = load_prices().at("high", "list_op", "page_struct").values()
    slow = events @ np.array([high[event] for event in FITTED])

    assert (slow >= 0.9 * medians).all()


def test_measured_structures_come_out_in_order() -> None:
    """Bump allocation is cheaper than the run queue, as measured, and by about 12 ns."""
    prices = load_prices()
    bump = prices.work_ns({"free_lock": 1, "page_struct": 1})
    queue = prices.work_ns({"free_lock": 1, "list_op": 2, "page_struct": 2})

    assert (13, 24) == (bump, queue)


def test_every_price_is_in_its_range() -> None:
    """Every event has low <= value <= high, a mark and a source."""
    prices = load_prices()

    for event in prices.events():
        price = prices.of(event)
        assert price.low <= price.value <= price.high, event
        assert price.source, event


def test_published_prices_stand_in_the_price_list() -> None:
    """Published prices quote a row of latency_costs.csv: 299 ns a page is 13.7 GB/s."""
    rows = _rows(DATA / "prices" / "latency_costs.csv")
    (clear,) = [row for row in rows if row["operation"] == "clear page bandwidth, 4 KiB chunks"]
    atomics = [float(row["value"]) for row in rows if row["operation"] == "atomic_inc"]
    (loop,) = [row for row in rows if row["operation"] == "empty for loop iteration"]
    prices = load_prices()

    assert round(4096 / float(clear["value"])) == prices.zero_page.value
    assert round(min(atomics), 1) == prices.atomic.value
    assert round(float(loop["value"]), 1) == prices.branch.value


def test_work_is_rounded_once() -> None:
    """Ten branches are 3 ns, although one alone rounds to nothing."""
    prices = load_prices()

    assert (0, 3) == (prices.work_ns({"branch": 1}), prices.work_ns({"branch": 10}))


def test_one_price_moved() -> None:
    """Moving one price leaves the others and the original as they were."""
    prices = load_prices()
    moved = prices.at("low", "zero_page")

    assert {"zero_page"} == {
        event for event in prices.events() if prices.of(event) != moved.of(event)
    }
    assert moved.zero_page.low == moved.zero_page.value
    assert load_prices() == prices


def test_unknown_event() -> None:
    """An event without a price is a KeyError that lists the known ones."""
    with pytest.raises(KeyError, match="no price for 'zeroing', known are free_lock"):
        load_prices().work_ns({"zeroing": 1})


def test_prices_are_frozen() -> None:
    """Nobody changes a price in passing."""
    with pytest.raises(ValueError, match="frozen"):
        load_prices().lock = load_prices().atomic


def test_keys_of_the_file() -> None:
    """The file holds exactly the known events, in their order."""
    assert list(Prices.events()) == list(tomllib.loads(COSTS.read_text()))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[branch]", "[brunch]", "branch is missing, expected a table with low"),
        ("[lock]", "[x]\n[lock]", "unknown key 'x', expected one of free_lock"),
        ("value = 7.2", "value = 700.0", "free_lock: low, value, high are 4.7, 700.0, 25.0"),
        ("value = 7.2", "value = -1.0", "free_lock.value is '-1.0', expected value, low"),
        ("value = 7.2", "value = nan", "free_lock.value is 'nan'"),
        ("value = 7.2", 'value = "7"', "free_lock.value is '7'"),
        ("value = 7.2", "value = true", "free_lock.value is 'True'"),
        ("low = 4.7\n", "", "free_lock.low is missing"),
        ('"measured"', '"guessed"', "free_lock.mark is 'guessed', expected measured, published"),
        ('source = "fit', 'sauce = "fit', "free_lock.source is missing"),
        ("[free_lock]", "[free_lock", "broken TOML"),
        ("[free_lock]", "free_lock = 3\n[q]", "free_lock is '3', expected a table"),
    ],
)
def test_bad_tables(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A bad table gets one sentence that names the file and the key."""
    path = tmp_path / "costs.toml"
    path.write_text(COSTS.read_text().replace(old, new, 1))

    with pytest.raises(InputError, match=re.escape(f"costs.toml: {message}")) as error:
        load_prices(path)
    assert "\n" not in str(error.value)


def test_missing_table(tmp_path: Path) -> None:
    """A table that is not there, or is no text, is named."""
    with pytest.raises(InputError, match="cannot be read"):
        load_prices(tmp_path / "costs.toml")
    (tmp_path / "costs.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="broken TOML"):
        load_prices(tmp_path / "costs.toml")
