"""What is the site's own in its project's folder, by whatever links it is reached."""

from flask_slipway.server.lib import own_files


def test_a_link_that_leads_to_the_database_is_told_from_others(tmp_path):
    project, data = tmp_path / "app", tmp_path / "data"
    for folder in (project, data, tmp_path / "data2"):
        folder.mkdir()
    for name, leads in {"site.db": "../data/site.db", "instance": "../data", "other": "../data2", "gone": "x"}.items():
        (project / name).symlink_to(leads)
    found = own_files.leading_to(str(project), str(data / "site.db"), ["site.db", "instance", "other", "gone"])
    assert found == ["site.db", "instance"]
