"""The table of measures: stable keys, and title, help and requirements of every row."""

from tests.tables import each
from vae.evaluation.inputs import NEEDS
from vae.evaluation.measures import MEASURES, TABLES, json_keys
from vae.evaluation.rows import GROUPS, Row

ROWS: dict[str, Row] = {**MEASURES, **TABLES}


def test_the_json_keys_equal_those_of_the_table() -> None:
    keys = json_keys()
    assert len(keys) == len(set(keys))
    assert keys[:3] == ["elbo", "elbo_se", "reconstruction"]
    assert {"kl_per_dimension", "active_units_interval", "nll_samples", "ess"} <= set(keys)
    assert keys[-3:] == ["probes", "disentanglement", "fidelity"]


@each("key", ROWS)
def test_every_row_has_a_title_a_help_and_a_group(key: str) -> None:
    row = ROWS[key]
    assert row.group in GROUPS
    assert set(row.needs) <= NEEDS.keys()
    rows = [row] if key in MEASURES else [row, *TABLES[key].rows.values()]
    for one in rows:
        assert one.title
        assert one.unit
        assert one.help.endswith(".")


@each("need", NEEDS)
def test_every_requirement_belongs_to_a_row(need: str) -> None:
    assert [key for key, row in ROWS.items() if need in row.needs]
