"""`inv` as a user types it, with the mistakes that are made first. Real git, real databases, real processes."""

from __future__ import annotations

from support import snapshot

MODEL = "    posted: Mapped[dt.datetime]"
NOTE = "    note: Mapped[str | None] = mapped_column(String(40))\n"
EDIT = [("user: yourusername  ", "user: ann  "), ("domain: www.example.com", "domain: www.bankroll.test")]


def revisions(project):
    return sorted((project.folder / "migrations/versions").glob("*.py"))


def test_list_and_help_work_while_the_example_is_unedited(bare):
    assert "release" in bare.inv("--list").out
    assert "--skip-tests" in bare.inv("--help", "release").out
    assert "prod.backup" in bare.fab("--list").out


def test_a_broken_configuration_is_one_clean_message(bare):
    bare.write("invoke.yaml", "slipway:\n  app: [app\n")
    for ran in (bare.inv("--list"), bare.fab("--list")):
        assert ran.code == 1
        assert "invoke.yaml, line" in ran.out


def test_a_faulty_configuration_still_lists_its_tasks(bare):
    bare.write("invoke.yaml", "slipway:\n  environments:\n    prod: 5\n")
    assert bare.inv("--list").code == 0
    assert bare.fab("--list").code == 0
    ran = bare.inv("status")
    assert ran.code == 1
    assert "slipway.environments.prod: should hold domain, project, virtualenv, not 5" in ran.out


def test_from_a_fresh_clone_to_a_release_that_would_go(project):
    ran = project.inv("setup")
    assert ran.code == 0, ran.out
    assert "Made .env" in ran.out
    assert "Currencies: 6 added" in ran.out
    assert "Currencies: 0 added" in project.inv("setup").out
    ran = project.inv("check")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "A release would go.")


def test_setup_leaves_the_apps_own_defaults_where_the_example_says_nothing(project):
    text = "SECRET_KEY=\nexport WIDTH = \n# NOTE=\nPLACE=here\nEMPTY=''\n"
    (project.folder / ".env").unlink(missing_ok=True)
    (project.folder / ".env.example").write_text(text)
    told = project.inv("setup").out
    assert "to set in it, where the app needs it: SECRET_KEY, WIDTH." in told
    assert (project.folder / ".env").read_text() == "# SECRET_KEY=\n# WIDTH=\n# NOTE=\nPLACE=here\nEMPTY=''\n"


def test_a_setup_that_stops_says_what_it_has_made(project):
    (project.folder / ".env").unlink(missing_ok=True)
    good = (project.folder / "app/__init__.py").read_text()
    project.write("app/__init__.py", "import os\n\nos.environ['MAIL_KEY']\n")
    for told in (".\n  KeyError: 'MAIL_KEY'", ". Nothing was changed.\n  KeyError: 'MAIL_KEY'"):
        ran = project.inv("setup")
        assert (ran.code, f"cannot be loaded{told}" in ran.out) == (3, True), ran.out
        assert ("  .env was made, and stays\n" in ran.out) == ("Nothing" not in told), ran.out
    project.write("app/__init__.py", good)
    project.replace("invoke.yaml", "seed: [", "seed: [nothing, ")
    ran = project.inv("setup")
    assert ran.code == 1, ran.out
    assert "  the development database was upgraded, and stays so\n" in ran.out
    assert "Nothing was changed" not in ran.out


def test_a_release_to_the_example_is_refused_before_anything_is_done(ready):
    with snapshot.unchanged(ready):
        ran = ready.inv("release", "--yes", "-m", "x")
        assert ran.code == 1
        assert "invoke.yaml, line" in ran.out


def edited(project):
    """prod with a person's own values, and the same committed and pushed."""
    for old, new in EDIT:
        project.replace("invoke.yaml", old, new)
    project.git("commit", "-qam", "Configure prod")
    project.git("push", "-q")
    return project


def dirty(project):
    project.write("app/new.py", "")


def new_model(project):
    project.replace("app/models.py", MODEL, NOTE + MODEL)
    project.git("commit", "-qam", "Add note")


def older_database(project):
    assert project.inv("downgrade").code == 0


def test_check_lists_all_that_is_wrong_at_once(ready):
    edited(ready)
    new_model(ready)
    dirty(ready)
    ran = ready.inv("check")
    assert ran.code == 3
    assert "1 file not committed" in ran.out
    assert "add column comments.note VARCHAR(40)" in ran.out
    assert "2 things stop a release" in ran.out


def test_check_tells_the_faults_of_the_development_env_and_no_value(ready):
    ready.write(".env", "FLASK_ENV=development\nSECRET_KEY='hush-\nhush\nDATABASE_URL=\nMAIL_URL=hush$hush\n")
    ran = ready.inv("check")
    assert ran.code == 0, ran.out
    assert "line 2, (not shown): a quote is not closed" in ran.out
    assert "line 5, MAIL_URL: a shell expands $" in ran.out
    assert "hush" not in ran.out


def test_a_revision_is_shown_proved_and_applied(ready):
    ready.replace("app/models.py", MODEL, NOTE + MODEL)
    ran = ready.inv("migrate", "-m", "add note")
    assert ran.code == 0, ran.out
    assert "add column comments.note" in ran.out
    assert "Proved on a scratch copy: up, down and up again" in ran.out
    assert "drift     none" in ready.inv("current").out


def test_an_empty_revision_is_refused_and_its_file_removed(ready):
    with snapshot.unchanged(ready):
        ran = ready.inv("migrate", "-m", "nothing")
        assert (ran.code, "No changes: models and migrations agree." in ran.out) == (3, True)


def test_a_new_column_without_a_value_for_the_rows_that_are_there_is_warned_of(ready):
    ready.replace("app/models.py", MODEL, NOTE.replace("Mapped[str | None]", "Mapped[str]") + MODEL)
    ran = ready.inv("migrate", "-m", "add note")
    assert ran.code == 0, ran.out
    assert "rows that are there have no value for comments.note: give it a" in ran.out


def test_a_lost_column_is_warned_of(ready):
    ready.replace(
        "app/models.py", "    content: Mapped[str] = mapped_column(String(4096))", "    text: Mapped[str | None]"
    )
    ran = ready.inv("migrate", "-m", "rename content")
    assert "values are lost: drop column comments.content" in ran.out
    assert "looks like a rename" in ran.out


def test_a_revision_on_an_older_database_is_refused(ready):
    older_database(ready)
    ran = ready.inv("migrate", "-m", "x")
    assert (ran.code, "inv upgrade" in ran.out) == (3, True)


def test_the_first_revision_is_made_against_an_empty_database_and_an_equal_one_is_stamped(ready):
    for path in revisions(ready):
        path.unlink()
    ran = ready.inv("migrate", "--initial", "-m", "all tables")
    assert ran.code == 0, ran.out
    assert "exactly this schema: stamped with" in ran.out
    assert len(revisions(ready)) == 1
    assert ready.inv("migrate", "--initial", "-m", "again").code == 3


def test_the_first_revision_is_applied_to_an_empty_database(project):
    for path in revisions(project):
        path.unlink()
    ran = project.inv("migrate", "--initial", "-m", "all tables")
    assert ran.code == 0, ran.out
    assert "which was empty" in ran.out
    assert "drift     none" in project.inv("current").out


def test_down_and_up_again(ready):
    assert "d0641f33 → 8a1c5e20" in ready.inv("downgrade").out
    assert "→ c3f7d058" in ready.inv("downgrade", "--to", "c3f7").out
    assert ready.inv("downgrade", "--to", "d0641f33").code == 3
    assert "→ d0641f33" in ready.inv("upgrade").out
    assert "Nothing to do" in ready.inv("upgrade").out


def test_commit_lists_and_refuses_secrets(ready):
    ready.write("app/new.py", "")
    ran = ready.inv("commit", "-m", "Add new")
    assert (ran.code, "new      app/new.py" in ran.out) == (0, True)
    ready.write(".gitignore", "/instance/\n__pycache__/\n")
    ready.write(".env", "A=b\n")
    with snapshot.unchanged(ready):
        ran = ready.inv("commit", "-m", "All")
        assert (ran.code, ".env: holds the environment's secrets" in ran.out) == (3, True)


def test_a_rejected_push_says_to_pull(ready):
    ready.git("commit", "-qm", "Mine", "--allow-empty")
    ready.git("clone", "-q", "../origin.git", "../other")
    ready.run("git", "-C", "../other", "commit", "-qm", "Theirs", "--allow-empty")
    ready.run("git", "-C", "../other", "push", "-q")
    ran = ready.inv("push")
    assert (ran.code, "git pull --rebase" in ran.out) == (3, True)


def test_freeze_leaves_out_what_only_development_needs(ready):
    ready.write(
        "requirements.txt", "-f /usr/share/pip-wheels\n-e git+https://example.org/me/me.git#egg=me\npytest==1\nFlask\n"
    )
    ran = ready.inv("freeze")
    text = (ready.folder / "requirements.txt").read_text(encoding="utf-8")
    assert ran.code == 0, ran.out
    assert "Flask==" in text and "SQLAlchemy==" in text
    assert not any(word in text for word in ("pytest", "ruff", "-e ", "-f ", "invoke"))
    assert "pytest" in ran.out
    assert "Nothing to do" in ready.inv("freeze").out


def test_freeze_refuses_what_is_imported_and_not_installed(ready):
    ready.write("app/more.py", "import nowhere_at_all\n")
    ran = ready.inv("freeze")
    assert (ran.code, "nowhere_at_all (app/more.py, line 1)" in ran.out) == (3, True)


def test_status_shows_development_and_says_what_it_cannot_know(ready):
    ran = ready.inv("status")
    assert ran.code == 0
    assert "d0641f33 (head)" in ran.out
    assert "prod: still the example" in ran.out


def test_an_app_that_writes_while_it_loads_is_refused_with_the_line(ready):
    ready.replace(
        "app/__init__.py",
        "    return app\n",
        "    with app.app_context():\n        db.session.execute(db.text('DELETE FROM comments'))\n    return app\n",
    )
    ran = ready.inv("current")
    assert ran.code == 3
    assert "writes to its database while it loads" in ran.out
    assert "app/__init__.py" in ran.out


def test_the_tests_last_words_are_pytests(ready):
    ran = ready.inv("test")
    assert ran.code == 0
    assert "1 passed" in ran.out.strip().splitlines()[-1]
    assert ready.inv("test", "--", "-k", "nothing").code == 5
