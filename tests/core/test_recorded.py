"""The link from a run to its record: from its begin on, and in the history."""

import pytest

from canary.api.status import Phase
from canary.core.facts import Revision
from canary.core.recorded import canary_folder, records_of, run_folder
from tests.builders import NEW, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, up


def begun(records: str):
    facts = some_facts(target=a_workload(), revision=Revision(id=NEW), records=records)
    return decided(a_spec(), a_status(), facts, at(0)).status.run


def test_a_run_names_its_record_where_there_is_one():
    run = begun("s3://runs/shop/cart/")
    assert run.record == f"s3://runs/shop/cart/{run.id}/"
    assert begun("").record == ""


def test_an_ended_run_keeps_the_link_whatever_the_setting_is_by_then():
    going = a_status(Phase.PROGRESSING, run=a_run(record="s3://old/shop/cart/1-new/"))
    back = up(revision=Revision(id=going.last_promoted_spec), records="s3://new/shop/cart/")
    status = decided(a_spec(), going, back, at(60)).status
    assert status.run is None
    assert status.history[0].record == "s3://old/shop/cart/1-new/"


@pytest.mark.parametrize(
    ("where", "address"),
    [
        ("", ""),
        ("log", ""),
        ("file:///records/", "file:///records/shop/cart/"),
        ("s3://runs", "s3://runs/shop/cart/"),
    ],
)
def test_files_and_objects_have_an_address_and_a_log_has_none(where, address):
    assert records_of(where, "shop", "cart") == address


@pytest.mark.parametrize(
    ("run", "folder"),
    [
        ("41-new", "41-new/"),
        ("../../etc", "_.._etc/"),
        ("..", "_/"),
        ("", "_/"),
        ("a b\\c", "a_b_c/"),
    ],
)
def test_an_edited_run_leads_to_no_other_folder(run, folder):
    assert run_folder(run) == folder
    assert canary_folder("shop", "cart") == "shop/cart/"
