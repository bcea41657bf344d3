from unicodedata import east_asian_width

from tilth.console import cells, columns, table


def width(text):
    """Return the columns of a terminal that text takes, from the tables of Unicode."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def test_full_width_names_line_up_on_a_terminal():
    names = ["runs/a", "runs/\u6a21\u578b", "\uff21\uff22"]
    assert [cells(name) for name in names] == [6, 9, 4] == list(map(width, names))
    lines = table([("run", "score"), *((name, "0.5") for name in names)]).splitlines()
    assert {width(line.removesuffix("0.5")) for line in lines[1:]} == {11}
    lines = columns([(name, "x") for name in names]).splitlines()
    assert {width(line) for line in lines} == {2 + 9 + 2 + 1}
