"""How a table acts."""

import pytest
import torch

from tilth.errors import UserError
from tilth.models.q_table import QTable, q_table


def states(rows):
    return torch.randint(5, (rows,), generator=torch.Generator().manual_seed(1))


CASE = {
    "arguments": {"channels": 5, "choices": 3},
    "inputs": lambda rows: torch.cat([torch.arange(5), states(rows - 5)]),
    "call": lambda model, seen: model(seen) + 1,  # at 0 the square of the contract has no slope
}


def test_a_table_is_for_numbers_of_states():
    with pytest.raises(UserError, match=r"size=\[8, 8\]; a table has a row for each state"):
        q_table(channels=3, size=[8, 8], choices=2)


def test_ties_are_broken_by_chance_while_exploring_and_the_best_is_kept_to():
    table, stream = QTable(2, 3), torch.Generator().manual_seed(0)
    with torch.no_grad():
        table.values[1] = torch.tensor([1.0, 2.0, 2.0])
    states = torch.tensor([1]).expand(30_000)
    found = table.act(states, generator=stream, explore=0.3).actions.bincount(minlength=3) / 30_000
    torch.testing.assert_close(found, torch.tensor([0.1, 0.45, 0.45]), rtol=0, atol=0.015)
    before = stream.get_state()
    action = table.act(states[:3], generator=stream, explore=0.0)
    assert action.actions.tolist() == [1, 1, 1]
    assert table.recall(action.features, action.actions)["values"].tolist() == [2, 2, 2]
    assert torch.equal(stream.get_state(), before)
