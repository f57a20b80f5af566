"""Changes of the reference app that the tests release: each takes a world and commits, returning the commit."""

HEAD = "d0641f33"


def require(world, line):
    """One more line in requirements.txt; not committed."""
    world.write({"requirements.txt": (world.laptop / "requirements.txt").read_text() + f"{line}\n"})


def additive(world):
    """A nullable column that the old code does not mind."""
    world.add_revision(
        "aa000001",
        HEAD,
        "add mood",
        'op.add_column("comments", sa.Column("mood", sa.String(20), nullable=True))',
        'with op.batch_alter_table("comments") as batch:\n    batch.drop_column("mood")',
    )
    world.edit(
        "app/models.py",
        "    posted: Mapped[dt.datetime] = mapped_column(default=utc_now)",
        "    posted: Mapped[dt.datetime] = mapped_column(default=utc_now)\n"
        "    mood: Mapped[str | None] = mapped_column(String(20))",
    )
    return world.commit("Let comments have a mood")


def renaming(world, down=HEAD):
    """A renamed column: the old code cannot work on the new schema, nor the new code on the old one."""
    kind = "existing_type=sa.DateTime(), existing_nullable=False"
    world.add_revision(
        "bb000001",
        down,
        "rename posted",
        f'with op.batch_alter_table("comments") as batch:\n'
        f'    batch.alter_column("posted", new_column_name="posted_at", {kind})',
        f'with op.batch_alter_table("comments") as batch:\n'
        f'    batch.alter_column("posted_at", new_column_name="posted", {kind})',
    )
    world.edit("app/models.py", "mapped_column(default=utc_now)", 'mapped_column("posted_at", default=utc_now)')
    return world.commit("Say posted_at")


def code_only(world):
    """A change of code alone."""
    world.edit("app/templates/base.html", "</body>", "<!-- changed --></body>")
    return world.commit("Change a template")


def failing_revision(world):
    """A revision that alters a table on the server, then fails: on MySQL it stays half applied."""
    half = 'op.add_column("comments", sa.Column("half", sa.String(20), nullable=True))'
    broken = 'op.execute("ALTER TABLE no_such_table ADD COLUMN x INTEGER")'
    up = f'if ON_THE_SERVER:\n    {half}\n    op.execute("DELETE FROM comments")\n    {broken}'
    world.add_revision("cc000001", HEAD, "fail half way", up, "pass")
    return world.commit("Fail half way")


def slow_revision(world):
    """A revision that takes some seconds inside the database server."""
    if world.dialect == "sqlite":
        slow = (
            'op.execute("CREATE TABLE slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n '
            'WHERE i < 12000000) SELECT COUNT(*) AS n FROM n")'
        )
        way_down = 'op.drop_table("slow")'
    else:
        slow = "op.execute(\"ALTER TABLE filler ADD COLUMN extra VARCHAR(200) NOT NULL DEFAULT 'x', ALGORITHM=COPY\")"
        way_down = 'op.drop_column("filler", "extra")'
    slow, way_down = f"if ON_THE_SERVER:\n    {slow}", f"if ON_THE_SERVER:\n    {way_down}"
    world.add_revision("dd000001", HEAD, "be slow", slow, way_down)
    return world.commit("Be slow")


def fill(world, doublings=19):
    """Enough rows for a slow ALTER on MySQL and MariaDB."""
    if world.dialect == "sqlite":
        return
    world.sql("CREATE TABLE filler (id INTEGER PRIMARY KEY AUTO_INCREMENT, words VARCHAR(100))")
    world.sql("INSERT INTO filler (words) VALUES ('some words that take their place in a row of a table')")
    for _ in range(doublings):
        world.sql("INSERT INTO filler (words) SELECT words FROM filler")
