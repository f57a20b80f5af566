"""A health page that answers no 200, or a fault for its own reasons, and what that is taken for."""

import shutil
from pathlib import Path

from support.kill import kill_at

FRONT = """
    @app.get("/front")
    def front():
        from flask import abort, redirect

        return abort(500) if (Path.home() / "sick").exists() else redirect("/sign-in")

    return app
"""


def with_a_front_page_that_redirects(world):
    """After its release; the site asks that page from now on."""
    world.edit("app/__init__.py", "\n    return app\n", FRONT)
    commit = world.commit("Lead visitors on")
    done = world.release()
    assert done.code == 0, done.out
    world.configure(health="/front")
    return commit


def test_a_front_page_that_redirects_closes_opens_and_is_released_though_it_failed_for_a_while(sqlite_released):
    world = sqlite_released
    with_a_front_page_that_redirects(world)
    for lost in (False, True):
        closed = world.fab("close")
        assert closed.code == 0, closed.out
        if lost:
            shutil.rmtree(world.state)  # with what it knew of the site, and the site's own WSGI file
        opened = world.fab("open")
        assert opened.code == 0, opened.out
        assert world.health()["http"] == 200
    assert world.get("/front")[0] == 302
    (Path(world.site.home) / "sick").touch()
    try:
        world.edit("app/__init__.py", '(Path.home() / "sick").exists()', "False")
        commit = world.commit("Be well")
        done = world.release()
    finally:
        (Path(world.site.home) / "sick").unlink()
    assert done.code == 0, done.out
    assert world.health()["commit"] == commit


def test_a_page_that_answers_otherwise_from_now_on_is_taken_back_and_told_what_to_set(sqlite_released):
    world = sqlite_released
    world.edit("app/views/health.py", "def health():", 'def health():\n    return "", 302, {"Location": "/"}')
    world.commit("Lead visitors on")
    done = world.release()
    assert done.code == 6, done.out
    assert "set  health:  of site in invoke.yaml" in done
    assert world.health()["commit"] == world.base


def test_a_reload_of_a_site_that_is_sick_for_its_own_reasons_leaves_it_as_it_was(sqlite_released):
    """Its live code was edited by hand, and nobody has reloaded it since."""
    world = sqlite_released
    page = Path(world.site.project) / "app" / "views" / "health.py"
    own, wsgi = page.read_text(), Path(world.site.wsgi).read_bytes()
    page.write_text(own.replace("def health():", 'def health():\n    return "", 500', 1))
    try:
        runs = set((world.site_folder / "runs").iterdir())
        first = world.start("fab", "site.reload")
        kill_at(world, runs, "reloading")
        first.communicate(timeout=60)
        recovered = world.fab("recover", "--yes")
        assert recovered.code == 0, recovered.out
        for _ in range(2):
            done = world.fab("reload")
            assert done.code == 6, done.out
            assert "not healthy" in done
            standing = world.health()
            assert (standing["http"], standing["gate"]) == (500, False)
            assert Path(world.site.wsgi).read_bytes() == wsgi
            assert not (world.site_folder / "open_run").exists()
    finally:
        page.write_text(own)
    mended = world.fab("reload")
    assert mended.code == 0, mended.out
    assert world.health()["http"] == 200
