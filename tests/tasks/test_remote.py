"""What the tasks of `fab ENV.` say of themselves."""

import pytest

from flask_slipway.tasks import remote


@pytest.mark.parametrize(
    ("task", "args", "line"),
    [
        ("upgrade", {}, "fab prod.upgrade"),
        ("restore", {"backup": None, "other_database": False}, "fab prod.restore"),
        ("restore", {"backup": "20261120T180312Z"}, "fab prod.restore --backup 20261120T180312Z"),
        ("downgrade", {"to": "8a1c5e20", "database_only": True}, "fab prod.downgrade --to 8a1c5e20 --database-only"),
        ("pull", {"commit": "9bc1f02", "pending": []}, "fab prod.pull"),
    ],
)
def test_a_change_that_was_returned_is_typed_again_with_its_options(task, args, line):
    assert remote._typed("prod", task, args) == line
