"""The documentation of the command line follows from the models of its options."""

from tests.support.option_tables import PAGE, build_table, update_page


def test_the_page_has_the_tables_of_today() -> None:
    """Run ``python -m tests.support.option_tables`` where it has not."""
    page = PAGE.read_text()
    assert page == update_page(page)


def test_a_table_states_names_ranges_and_defaults() -> None:
    """One line per option."""
    rows = build_table("overlay").splitlines()
    assert any("`--radius` | 0.05 to 1 | `0.35` |" in row for row in rows)
    assert any("`--center`, `--centre`" in row for row in rows)
