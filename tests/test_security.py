"""docs/security.md: which tests hold each promise to its word, and those found nowhere else."""

from __future__ import annotations

import getpass
import json
import re
import socket
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from modelworth.bench.timing import machine
from modelworth.cli import main
from modelworth.dashboard import links, sources, team
from modelworth.dashboard.parts import scenario_files
from modelworth.data import yaml_reader
from modelworth.data.errors import InputError
from modelworth.data.store import ENVIRONMENT, open_store
from tests.data.hostile_files import CONFIG

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
HOSTILE = "tests/data/test_hostile.py"
FILES = "tests/data/test_hostile_files.py"
STORE = "tests/data/test_store.py"
TEAM = "tests/dashboard/test_team.py"
HELD = {
    "No code from files": [
        "tests/test_security.py::test_code_beside_a_config_is_never_run_by_naming_it",
        "tests/bench/test_zoo.py::test_code_that_comes_with_a_model_is_not_run_unasked",
        "tests/bench/test_zoo.py::test_pickled_weights_are_refused",
        "tests/bench/test_suites.py::test_a_wrong_file_is_refused_with_the_place",
    ],
    "No secrets in records": [
        "tests/modelworth/test_command_text.py::test_a_stores_address_is_never_written",
        "tests/modelworth/test_command_text.py::test_a_file_is_named_without_its_folder",
        "tests/modelworth/test_exchange_verbs.py::"
        "test_records_are_exported_without_the_commands_that_made_them",
        f"{STORE}::test_the_password_is_not_shown",
        "tests/modelworth/test_secrets.py::test_the_name_of_a_store_has_no_password",
        "tests/modelworth/test_secrets.py::test_no_verb_shows_a_password",
        "tests/test_security.py::test_a_machine_is_told_apart_without_its_or_anybodys_name",
    ],
    "Bounds before memory": [
        f"{HOSTILE}::test_a_record_out_of_bounds_never_enters_a_store",
        f"{HOSTILE}::test_a_parquet_file_that_unpacks_to_much_more_is_refused_in_little_memory",
        "tests/bench/test_parquet_texts.py::"
        "test_a_file_that_lies_is_refused_by_a_child_with_little_memory",
        f"{FILES}::test_a_file_that_is_wrong_is_refused_in_two_lines",
        f"{FILES}::test_what_is_no_file_is_refused",
        "tests/bench/test_hostile_servers.py::test_metrics_that_can_not_be_are_refused",
        "tests/bench/test_hostile_servers.py::test_an_answer_without_end_is_given_up",
    ],
    "Foreign databases": [
        f"{FILES}::test_a_database_that_is_no_store_of_ours_is_refused_unread",
        f"{FILES}::test_a_damaged_database_is_refused",
    ],
    "A store is append-only": [
        f"{STORE}::test_records_can_not_be_altered_with_another_program",
        f"{STORE}::test_whatever_stands_in_a_row_the_others_are_served",
        f"{STORE}::test_a_retracted_record_stays_and_counts_no_more",
        f"{STORE}::test_repair_saves_what_is_whole_and_leaves_the_store_alone",
    ],
    "Sudden death and a full disk": [
        "tests/data/test_exchange.py::test_a_text_is_written_whole_or_not_at_all",
        "tests/bench/test_faults.py::test_sigkill_at_five_moments_loses_no_finished_case",
        "tests/bench/test_faults.py::test_a_record_is_in_the_store_before_its_event",
    ],
    "The dashboard answers this machine only": [
        "tests/test_security.py::test_the_server_is_set_as_promised",
        "tests/test_security.py::test_what_comes_into_a_page_is_bounded",
        f"{TEAM}::test_no_other_host_is_asked_for_our_address",
        "tests/dashboard/test_browser.py::test_only_our_own_pages_may_open_the_websocket",
        f"{TEAM}::test_an_address_in_a_readers_text_is_no_link",
        "tests/dashboard/test_pages.py::test_hostile_names_stay_text",
    ],
    "For a team": [
        f"{TEAM}::test_a_read_only_dashboard_writes_nothing",
        f"{TEAM}::test_nobody_passes_without_signing_in_and_who_did_sees_the_page",
        f"{TEAM}::test_plans_of_others_are_listed_to_nobody_where_people_sign_in",
        "tests/test_security.py::test_a_read_only_dashboard_lists_nobody_elses_plans",
        f"{TEAM}::test_a_link_makes_no_page_open_a_file_of_the_server",
    ],
}
"""Each promise of the page, by its first words, and the tests that would fail without it."""


RECORD = f"{HOSTILE}::test_a_record_out_of_bounds_never_enters_a_store"
ONCE_FOUND = {
    "a secret in a record": HELD["No secrets in records"][0],
    "code by a suite": HELD["No code from files"][3],
    "a record that breaks its store": HELD["A store is append-only"][1],
    "a surrogate in a link": f"{HOSTILE}::test_a_surrogate_in_a_link_is_refused",
    "a message that isn't UTF-8": f"{HOSTILE}::test_a_database_whose_message_is_no_text_is_refused",
    "an endless view": HELD["Foreign databases"][0],
    "escapes on the terminal": RECORD,
    "a Parquet bomb": HELD["Bounds before memory"][1],
    "a product of a sweep": HELD["Bounds before memory"][3],
    "deep JSON": HELD["Bounds before memory"][3],
    "infinite numbers": RECORD,
    "early dates": RECORD,
    "names of 300 characters": RECORD,
    "a prediction of infinity": f"{HOSTILE}::test_a_cell_that_is_no_count_says_why_in_its_row",
}
"""What the first campaign of hostile inputs met, and the test that would meet it again."""


def test_every_promise_names_tests():
    promised = PAGE.read_text().split("## What is promised")[1].split("## ")[0]
    said = re.findall(r"^- \*\*(.+?)\*\*", promised, re.MULTILINE)
    assert len(said) == len(HELD)
    for words in HELD:
        assert sum(one.startswith(words) for one in said) == 1, words


@pytest.mark.parametrize("test", sorted({*chain(*HELD.values()), *ONCE_FOUND.values()}))
def test_the_tests_that_are_named_are_there(test):
    path, name = test.split("::")
    assert f"def {name}(" in (ROOT / path).read_text()


@pytest.mark.parametrize(
    "words",
    [["predict", "--model", "FOLDER", "--gpu", "H100 SXM 80GB", "--work", "decode"],
     ["inspect", "FOLDER", "--read"], ["inspect", "FOLDER"],
     ["bench", "--model", "FOLDER", "--work", "decode", "--list"]],
)  # fmt: skip
def test_code_beside_a_config_is_never_run_by_naming_it(tmp_path, capsys, words):
    evil = tmp_path / "evil"
    evil.mkdir()
    own = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (evil / "config.json").write_text(json.dumps({**CONFIG, "auto_map": own}))
    (evil / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('ran')")
    main([str(evil) if word == "FOLDER" else word for word in words])
    capsys.readouterr()
    assert not (tmp_path / "ran").exists()


def test_a_machine_is_told_apart_without_its_or_anybodys_name():
    text = machine.detect("cpu").model_dump_json()
    for name in (socket.gethostname(), getpass.getuser(), str(Path.home())):
        assert name not in re.findall(r"[\w./\-]+", text)


def test_the_server_is_set_as_promised():
    settings = tomllib.loads((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text())
    server = settings["server"]
    assert server["address"] == "127.0.0.1"
    assert set(server["allowedHosts"]) == {"localhost", "127.0.0.1"}
    assert server["enableCORS"]
    assert server["enableXsrfProtection"]
    assert server["maxUploadSize"] == 20
    assert settings["client"]["showErrorDetails"] == "none"
    assert not settings["browser"]["gatherUsageStats"]


def test_what_comes_into_a_page_is_bounded():
    with pytest.raises(InputError, match="at most"):
        scenario_files._text("plan.yaml", b"a" * 1_000_001)
    with pytest.raises(InputError, match="at most"):
        yaml_reader.read("a: " + "b" * 300_000, "plan.yaml")
    with pytest.raises(InputError, match="at most"):
        links.unpack("A" * 30_001)


def test_a_read_only_dashboard_lists_nobody_elses_plans(tmp_path, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "store.db"))
    with open_store() as kept:
        kept.save_scenario("months: 24")
    assert len(team.own(kept.saved_scenarios())) == 1
    monkeypatch.setenv(team.READ_ONLY, "1")
    assert team.own(kept.saved_scenarios()) == ()
    assert sources.saved_scenarios() == ()
