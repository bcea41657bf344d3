"""Messages answer the same questions in the same order."""

import pytest

from tilth.errors import UserError, choose, nearest


def test_the_message_says_what_was_found_the_rule_the_choices_and_the_fix():
    error = UserError("size=-1", rule="size is at least 1", choices=[32, 64], fix="use 64")
    assert str(error) == "size=-1; size is at least 1. Choices: 32, 64. Fix: use 64."


@pytest.mark.parametrize("said, meant", [("bs", "batch_size"), ("Learning_Rate", "lr")])
def test_what_other_libraries_say_is_understood(said, meant):
    with pytest.raises(UserError, match=f"did you mean '{meant}'"):
        choose(said, ["lr", "batch_size", "base"], "setting")


def test_what_follows_a_list_begins_a_line():
    error = UserError(
        "two files are bad:\n  a.png: cut short\n  b.png: zero bytes", fix="mend them"
    )
    assert str(error).splitlines()[-1] == "Fix: mend them."


def test_choose_lists_the_choices_and_names_the_nearest():
    assert choose("a", ["a", "b"], "letter") == "a"
    with pytest.raises(UserError) as caught:
        choose("one_cyle", ["one_cycle", "constant"], "schedule")
    assert "unknown schedule 'one_cyle'" in str(caught.value)
    assert "Choices: constant, one_cycle" in str(caught.value)
    assert "did you mean 'one_cycle'?" in str(caught.value)


def test_nothing_is_guessed_where_nothing_is_close():
    assert nearest("zebra", ["accuracy", "loss"]) is None
