"""The pages, as a person and as a script meet them."""

import re

import pytest

from app.extensions import db
from app.models import Asset, Comment, Deposit


def rows(app, model):
    with app.app_context():
        return db.session.scalar(db.select(db.func.count()).select_from(model))


def assets_in_order(user):
    return re.findall(r"<tr>\s*<td>(.+?)</td>", user.see("/assets"))


def move(user, asset, direction):
    address = re.search(rf'formaction="(/assets/\d+/{direction})"\s+aria-label="Move {asset} ', user.see("/assets"))
    return user.send("/assets", to=address.group(1))


def test_a_visitor_is_welcomed(visitor):
    assert "Register" in visitor.see("/")


@pytest.mark.parametrize("page", ["/assets", "/deposits", "/withdrawals"])
def test_a_visitor_is_asked_to_sign_in(visitor, page):
    assert visitor.client.get(page).location == "/sign-in"


def test_a_user_signs_out_and_in_again(ann):
    ann.send("/", to="/sign-out")
    assert "Sign in" in ann.see("/assets")
    assert ann.send("/sign-in", name="Ann", password="correct horse").location == "/assets"
    assert "Sign out" in ann.see("/")


def test_a_wrong_password_is_refused(ann):
    ann.send("/", to="/sign-out")
    answer = ann.send("/sign-in", name="Ann", password="wrong horse")
    assert answer.status_code == 400
    assert "do not match" in answer.text


def test_a_name_can_be_taken_once(ann, visitor):
    answer = visitor.send("/register", name="Ann", password="another horse")
    assert answer.status_code == 400
    assert "This name is taken." in answer.text


def test_assets_are_listed_in_the_order_they_were_added(ann):
    for name in ("Bank", "Cash", "Savings"):
        ann.add_asset(name)
    assert assets_in_order(ann) == ["Bank", "Cash", "Savings"]


def test_assets_move_up_and_down(ann):
    for name in ("Bank", "Cash", "Savings"):
        ann.add_asset(name)
    assert move(ann, "Savings", "up").status_code == 303
    assert assets_in_order(ann) == ["Bank", "Savings", "Cash"]
    move(ann, "Bank", "down")
    assert assets_in_order(ann) == ["Savings", "Bank", "Cash"]


def test_the_first_asset_stays_when_moved_up_and_the_last_when_moved_down(ann):
    for name in ("Bank", "Cash"):
        ann.add_asset(name)
    move(ann, "Bank", "up")
    move(ann, "Cash", "down")
    assert assets_in_order(ann) == ["Bank", "Cash"]


def test_users_see_and_move_only_their_own_assets(app, ann, bob):
    ann.add_asset("Bank")
    bob.add_asset("Chest")
    assert assets_in_order(bob) == ["Chest"]
    with app.app_context():
        bank = db.session.scalar(db.select(Asset.id).filter_by(name="Bank"))
    assert bob.send("/assets", to=f"/assets/{bank}/up").status_code == 404
    assert bob.send("/deposits", asset_id=bank, amount="1", date="2026-06-01").status_code == 400
    assert rows(app, Deposit) == 0


def test_a_balance_is_what_came_in_less_what_went_out(ann):
    ann.add_asset("Bank")
    for amount in ("0.10", "0.10", "0.10", "9999999999.60"):
        assert ann.add("deposit", "Bank", amount).status_code == 303
    assert ann.add("withdrawal", "Bank", "0.90").status_code == 303
    assert "€ 9,999,999,999.00" in ann.see("/assets")
    assert "€ 9,999,999,999.60" in ann.see("/deposits")
    assert "€ 0.90" in ann.see("/withdrawals")


@pytest.mark.parametrize("amount", ["", "0", "-1", "0.005", "10000000000", "1e30", "NaN", "Infinity", "ten"])
def test_an_amount_that_cannot_be_kept_exactly_is_refused(app, ann, amount):
    ann.add_asset("Bank")
    assert ann.add("deposit", "Bank", amount).status_code == 400
    assert rows(app, Deposit) == 0


def test_deposits_are_listed_newest_first(ann):
    ann.add_asset("Bank")
    for date in ("2026-02-01", "2026-03-01", "2026-01-01"):
        ann.add("deposit", "Bank", "5", date)
    assert re.findall(r"<td>(2026-..-01)</td>", ann.see("/deposits")) == ["2026-03-01", "2026-02-01", "2026-01-01"]


def test_comments_are_listed_newest_first_with_the_time_they_were_posted(visitor):
    for content in ("first", "second"):
        assert visitor.send("/comments", content=content).status_code == 303
    page = visitor.see("/comments")
    assert re.findall(r"<p>(\w+)</p>", page) == ["second", "first"]
    assert len(re.findall(r'<time datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ">', page)) == 2


def test_a_comment_is_shown_as_it_was_written(visitor):
    visitor.send("/comments", content="<b>zł & 漢字 \N{OTTER}</b>")
    assert "&lt;b&gt;zł &amp; 漢字 \N{OTTER}&lt;/b&gt;" in visitor.see("/comments")


@pytest.mark.parametrize("content", ["", "  \n ", "x" * 4097])
def test_a_comment_that_is_empty_or_too_long_is_refused(app, visitor, content):
    assert visitor.send("/comments", content=content).status_code == 400
    assert rows(app, Comment) == 0


def test_the_longest_comment_fits(app, visitor):
    assert visitor.send("/comments", content="\N{OTTER}" * 4096).status_code == 303
    assert rows(app, Comment) == 1


@pytest.mark.parametrize("token", [{}, {"csrf_token": "made up"}])
def test_a_form_without_its_token_is_refused(app, visitor, token):
    visitor.see("/comments")
    assert visitor.client.post("/comments", data={"content": "forged", **token}).status_code == 400
    assert rows(app, Comment) == 0


def test_a_script_posts_with_one_token_and_is_told_each_new_id(app, visitor):
    token = visitor.token("/comments")
    plain = {"Accept": "text/plain"}
    answers = [
        visitor.client.post("/comments", data={"csrf_token": token, "content": str(n)}, headers=plain) for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    with app.app_context():
        assert [db.session.get(Comment, int(answer.text)).content for answer in answers] == ["0", "1", "2"]
