"""What tells two states of a database apart, on SQLite, MariaDB and MySQL."""


def test_one_changed_value_changes_the_digest_of_its_table_alone(site):
    site.fill()
    before = site.base.contents()
    site.execute("UPDATE children SET parent_id = parent_id + 0")
    assert site.base.contents() == before
    site.execute("UPDATE alembic_version SET version_num = '8a1c5e21'")
    after = site.base.contents()
    assert {table for table in before if before[table] != after[table]} == {"alembic_version"}
    site.execute("UPDATE alembic_version SET version_num = '8a1c5e20'")
    assert site.base.contents() == before


def test_a_new_column_and_a_new_view_change_the_definitions(site):
    site.fill()
    before = site.base.definitions()
    assert {what for what in before if what.startswith("table ")} == {
        "table alembic_version",
        "table children",
        "table parents",
    }
    site.execute("CREATE VIEW later AS SELECT id FROM parents")
    after = site.base.definitions()
    assert set(after) - set(before) == {"view later"}
    site.execute("ALTER TABLE parents ADD COLUMN later INTEGER")
    assert {what for what in after if after[what] != site.base.definitions()[what]} == {"table parents"}
