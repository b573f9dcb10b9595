import csv
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.core.comparison import build_table
from mnist_tui.core.fields import COLUMNS
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.core.table import FORMATS, ComparisonTable
from mnist_tui.errors import UsageError
from mnist_tui.report.export import render
from mnist_tui.report.formatting import harmless, printable
from mnist_tui.version import __version__
from tests.builders import DIGITS, MNIST, check_golden, run_state

REPORT_TITLES = (
    "Epochs | Features | Last Epoch Accuracy | Last Epoch Time | Last Val Accuracy | Test Accuracy | "
    "Total Training Time"
)
HOSTILE = "=HYPERLINK(\"x\")|<script>alert('1')</script> \\input{x} {50% & #1_$2~3^4} *b* `c` [d](e)\n\x1b[2J\u202e"
texts = st.text(max_size=30)


def comparison() -> ComparisonTable:
    """Return one row of two seeds, one of three, one stopped run and one that diverged."""
    several = [
        run_state(
            f"run-{seed}",
            spec=RunSpec(epochs=3, features=2, seed=seed),
            val_accuracies=(0.3, 0.42, val),
            test_accuracy=test,
            test_loss=1.3 + 0.01 * seed,
            epoch_s=4.0 + 0.1 * seed,
        )
        for seed, (val, test) in enumerate([(0.46, 0.4651), (0.49, 0.4877), (0.47, 0.4794)])
    ]
    better = [
        run_state(
            f"run-3-{seed}",
            spec=RunSpec(epochs=3, features=8, seed=seed),
            val_accuracies=(0.7, 0.85, 0.9),
            test_accuracy=0.9021,
            test_loss=0.3152,
            epoch_s=61.0,
        )
        for seed in range(2)
    ]
    stopped = run_state("run-4", spec=RunSpec(epochs=20, features=2), status=Status.STOPPED)
    diverged = run_state(
        "run-5",
        spec=RunSpec(epochs=3, features=16),
        val_accuracies=(0.2, math.nan),
        status=Status.DIVERGED,
    )
    return build_table([*several, *better, stopped, diverged])


def mixed(label: str = HOSTILE) -> ComparisonTable:
    """Return two datasets, one with a name from outside."""
    return build_table([run_state("run-1"), run_state("@run", dataset=replace(DIGITS, label=label))])


def cells_of_markdown(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [[re.sub(r"\\([\\`*_\[\]<>|&~$])", r"\1", cell) for cell in row] for row in rows]


class PageReader(HTMLParser):
    """Collects the cells and insists that every element is closed in its order."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.rows: list[list[str]] = []
        self.attributes: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"th", "td"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and ("td" in self.open or "th" in self.open):
            self.rows[-1][-1] += data


def read_page(text: str) -> PageReader:
    page = PageReader()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(("name", "table"), [("comparison", comparison()), ("mixed", mixed())])
def test_every_format_is_written_as_approved(name, table, format_name):
    text = render(table, format_name)
    assert text == render(table, format_name), "the same table gives the same text"
    check_golden(f"{name}.{format_name}", text.replace(f'"version": "{__version__}"', '"version": "VERSION"'))


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="md, csv, json, tex, html"):
        render(comparison(), "docx")


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_table_without_rows_is_still_a_whole_document(format_name):
    text = render(build_table([]), format_name)
    assert text.endswith("\n")
    assert ("last_epoch_accuracy" if format_name in {"csv", "json"} else "Last Epoch Accuracy") in text


def test_markdown_begins_with_the_titles_of_the_report():
    first = re.sub(r" +", " ", render(comparison(), "md").splitlines()[0])
    assert first.startswith(f"| {REPORT_TITLES} | Best Val Accuracy |")


def test_markdown_aligns_numbers_to_the_right_and_marks_best_and_unfinished():
    titles, rule, *rows = cells_of_markdown(render(comparison(), "md"))
    assert {len(row) for row in (rule, *rows)} == {len(titles)}
    assert [bool(re.fullmatch(r"-+:", cell)) for cell in rule] == [title != "Status" for title in titles]
    test = titles.index("Test Accuracy")
    assert [row[test] for row in rows] == ["47.74 ± 1.14%", "**90.21 ± 0.00%**", "–", "–"]
    assert [row[0] for row in rows] == ["3", "3", "† 20", "† 3"]
    assert [row[-1] for row in rows] == ["finished", "finished", "stopped at 3/20", "diverged at 2/3"]


@settings(deadline=None)
@given(texts)
def test_no_label_breaks_a_markdown_table(label):
    titles, _, *rows = cells_of_markdown(render(mixed(f"x{label}x"), "md"))
    column = titles.index("Dataset")
    assert {len(row) for row in rows} == {len(titles)}
    assert {row[column] for row in rows} == {MNIST.label, printable(f"x{label}x")}


def test_csv_holds_every_number_in_full():
    table = comparison()
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"), newline="")))
    for row, record in zip(rows, table.to_json()["rows"], strict=True):
        for key in (
            "test_accuracy",
            "test_accuracy_std",
            "last_val_accuracy",
            "total_training_time_s",
            "test_loss_std",
        ):
            value = record.get(key)
            assert row[key] == "" if value is None else float(row[key]) == value or math.isnan(value)
        assert int(row["n_seeds"]) == record["n_seeds"]
        assert row["runs"].split() == record["runs"]
    assert rows[-1]["last_val_accuracy"] == "nan"


def test_csv_has_deviations_only_where_a_row_has_several_seeds():
    def header(table):
        return render(table, "csv").split("\r\n")[0].split(",")

    assert [key for key in header(mixed()) if not key.endswith("_std")] == header(mixed())
    with_deviations = header(comparison())
    assert with_deviations.index("test_accuracy_std") == with_deviations.index("test_accuracy") + 1
    assert with_deviations[:2] == ["epochs", "features"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_text_is_never_a_formula_and_numbers_stay_numbers(start):
    rows = list(csv.DictReader(io.StringIO(render(mixed(f"{start}cmd|' /C calc'!A0"), "csv"), newline="")))
    assert f"'{start}cmd|' /C calc'!A0" in {row["dataset"] for row in rows}
    assert "'@run" in {row["runs"] for row in rows}
    falling = run_state(test_loss=-0.25)
    (row,) = csv.DictReader(io.StringIO(render(build_table([falling]), "csv"), newline=""))
    assert row["test_loss"] == "-0.25"


@settings(deadline=None)
@given(texts)
def test_any_label_survives_csv(label):
    rows = csv.DictReader(io.StringIO(render(mixed(f"x{label}"), "csv"), newline=""))
    kept = "".join(sign if sign in "\t\r\n" else harmless(sign) for sign in f"x{label}")
    assert kept in [row["dataset"] for row in rows], "but for what steers a terminal"


def test_json_is_strict_and_explains_its_columns():
    table = comparison()
    text = render(table, "json")
    record = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert list(record) == ["schema", "tool", "version", "columns", "rows", "footnotes"]
    assert [c["key"] for c in record["columns"]] == [c.key for c in COLUMNS]
    assert set(record["columns"][0]) == {"key", "title", "unit", "direction", "meaning"}
    assert record["rows"][0]["test_accuracy"] == table.to_json()["rows"][0]["test_accuracy"]
    assert record["rows"][-1]["last_val_accuracy"] == "nan"


def check_latex(text: str) -> None:
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\[\\{}$&#_%]", "", body)
    depth = 0
    for sign in bare:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert not re.findall(r"[#_~^<>|]", bare.replace("{tab:mnist-tui-comparison}", ""))
    names = re.findall(r"\\(begin|end)\{(\w+)\}", body)
    assert names == [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")]
    columns = len(re.findall(r"\\begin\{tabular\}\{([rl]+)\}", body)[0])
    rows = [re.sub(r"\\&", "", line) for line in body.splitlines() if line.endswith(r" \\")]
    assert {row.count("&") for row in rows} == {columns - 1}


def test_latex_has_rules_titles_signs_caption_and_label():
    text = render(comparison(), "tex")
    check_latex(text)
    assert REPORT_TITLES.replace("|", "&") in text
    assert r"47.74 $\pm$ 1.14\%" in text
    assert r"\textbf{90.21 $\pm$ 0.00\%}" in text
    assert r"$\dagger$ 20" in text
    for command in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{", r"\label{"):
        assert text.count(command) == 1


@settings(deadline=None)
@given(st.one_of(st.just(HOSTILE), texts))
def test_no_label_breaks_latex(label):
    check_latex(render(mixed(label), "tex"))


def test_html_is_one_page_for_readers_and_screen_readers():
    text = render(comparison(), "html")
    page = read_page(text)
    assert page.rows[0][:7] == REPORT_TITLES.split(" | ")
    assert [row[0] for row in page.rows[1:]] == ["3", "3", "† 20", "† 3"]
    assert "<strong>90.21 ± 0.00%</strong>" in text
    assert page.attributes.count(("th", "scope", "col")) == len(page.rows[0])
    assert page.attributes.count(("th", "scope", "row")) == 4
    assert page.attributes.count(("tr", "class", "unfinished")) == 2
    assert {"caption", "thead", "tbody"} <= page.seen
    assert "prefers-color-scheme: dark" in text
    assert not [value for _, name, value in page.attributes if name in {"src", "href"}], "it loads nothing"


@settings(deadline=None)
@given(st.one_of(st.just(HOSTILE), texts))
def test_no_label_breaks_html(label):
    page = read_page(render(mixed(f"x{label}x"), "html"))
    assert "script" not in page.seen
    column = page.rows[0].index("Dataset")
    assert printable(f"x{label}x") in [row[column] for row in page.rows[1:]]


@pytest.mark.parametrize("format_name", ["md", "tex", "html"])
def test_texts_for_people_carry_no_control_characters(format_name):
    assert not re.search(r"[^\n -~\u00a0-\u200a\u2010-\u2027\u2030-\uffff]", render(mixed(), format_name))


@pytest.mark.parametrize("format_name", ["md", "tex", "html"])
def test_mixed_datasets_are_said_and_nothing_is_bold(format_name):
    text = render(mixed("digits"), format_name)
    assert "Rows of different datasets cannot be compared" in text
    assert not re.search(r"\*\*|textbf\{|<strong>", text)
