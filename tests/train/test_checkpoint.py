"""Whatever happens to the process or the disk, a complete checkpoint is found and goes on."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
import torch

from tests.faults import Crash, FaultyDisk, count, run_faulty
from tests.stop_at import StopAt
from tests.train.job import make_loop, resume, weights_sha256
from tilth import files
from tilth.contracts import BaseHook
from tilth.errors import NonFiniteLoss, TilthError, UserError
from tilth.train import checkpoint
from tilth.train.checkpoint import Checkpointer, latest, save, steps

STEPS = 7


def state_of(step: int) -> dict:
    """Return a state that says which step it is, in its tensors and beside them."""
    return {"step": step, "weights": torch.arange(50.0) * step, "best": (step / 3, None)}


def found_step(folder: Path) -> int | None:
    """Return the step of the latest checkpoint after comparing it with what was saved."""
    found = latest(folder)
    if found is None:
        return None
    step, state = found
    wanted = state_of(step)
    assert torch.equal(state.pop("weights"), wanted.pop("weights")) and state == wanted
    return step


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def uninterrupted() -> str:
    loop = make_loop(STEPS)
    loop.fit()
    return weights_sha256(loop)


def test_a_checkpoint_is_three_files_named_by_its_step(tmp_path):
    path = save(tmp_path / "new" / "folder", 1200, state_of(1200))
    assert path == tmp_path / "new" / "folder" / "step-00001200"
    assert names(path) == ["manifest.json", "state.json", "state.safetensors"]
    assert names(path.parent) == ["step-00001200"]
    assert found_step(path.parent) == 1200
    assert json.loads((path / "state.json").read_text())["step"] == 1200


def test_nothing_saved_is_none(tmp_path):
    assert latest(tmp_path) is latest(tmp_path / "nowhere") is None
    assert steps(tmp_path / "nowhere") == []


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_are_kept(tmp_path, keep):
    (tmp_path / "notes.txt").write_text("not mine")
    for step in (5, 99999999, 100000000, 123456789):
        save(tmp_path, step, state_of(step), keep=keep)
    kept = [123456789, 100000000, 99999999, 5][:keep]
    assert steps(tmp_path) == kept and found_step(tmp_path) == 123456789
    assert len(names(tmp_path)) == keep + 1


@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize("kind", ["before", "torn", "after", "power"])
def test_crash_at_every_operation_of_a_save(tmp_path, monkeypatch, kind, keep):
    def prepared(folder: Path):
        for step in (1, 2):
            save(folder, step, state_of(step), keep=keep)
        return lambda: save(folder, 3, state_of(3), keep=keep)

    operations = count(prepared(tmp_path / "probe"), monkeypatch)
    assert {"make_folder", "write", "sync_file", "sync_folder", "rename"} <= set(operations)
    seen = []
    for at in range(len(operations)):
        folder = tmp_path / str(at)
        run_faulty(prepared(folder), FaultyDisk(kind, at), monkeypatch)
        seen.append(found_step(folder))
        save(folder, 4, state_of(4), keep=keep)
        assert found_step(folder) == 4
        assert len(names(folder)) == keep, "what the dead writer left is still there"
    assert set(seen) == {2, 3} and seen == sorted(seen)


@pytest.mark.parametrize("kind", ["before", "torn", "after", "power"])
def test_crash_at_every_operation_of_a_second_save_of_one_step(tmp_path, monkeypatch, kind):
    def prepared(folder: Path):
        save(folder, 2, state_of(2), keep=1)
        return lambda: save(folder, 2, state_of(2), keep=1)

    for at in range(len(count(prepared(tmp_path / "probe"), monkeypatch))):
        folder = tmp_path / str(at)
        run_faulty(prepared(folder), FaultyDisk(kind, at), monkeypatch)
        assert found_step(folder) == 2


def test_a_save_cleans_up_after_a_writer_that_died_at_another_step(tmp_path, monkeypatch):
    save(tmp_path, 1, state_of(1))
    run_faulty(lambda: save(tmp_path, 2, state_of(2)), FaultyDisk("after", 2), monkeypatch)
    assert len(names(tmp_path)) == 2
    save(tmp_path, 3, state_of(3))
    assert names(tmp_path) == ["step-00000001", "step-00000003"]


def test_disk_error_at_every_operation_of_a_save(tmp_path, monkeypatch):
    def prepared(folder: Path):
        for step in (1, 2):
            save(folder, step, state_of(step))
        return lambda: save(folder, 3, state_of(3))

    for at in range(len(count(prepared(tmp_path / "probe"), monkeypatch))):
        folder = tmp_path / str(at)
        error = OSError(errno.ENOSPC, "No space left on device")
        try:
            run_faulty(prepared(folder), FaultyDisk("error", at, error), monkeypatch)
        except OSError as raised:
            assert raised is error
        assert found_step(folder) in (2, 3)
        assert not [name for name in names(folder) if ".old-" in name]
        save(folder, 4, state_of(4))
        assert names(folder)[-1] == "step-00000004" and len(names(folder)) == 2


def damaged_copies(sound: Path, chance: random.Random):
    """Yield (name of a file, its damaged content): 100 truncations, then 300 flips of a bit."""
    content = {path.name: path.read_bytes() for path in sorted(sound.iterdir())}
    for _ in range(100):
        name = chance.choice(list(content))
        yield name, content[name][: chance.randrange(len(content[name]))]
    for _ in range(300):
        name = chance.choice(list(content))
        flipped = bytearray(content[name])
        bit = chance.randrange(8 * len(flipped))
        flipped[bit // 8] ^= 1 << bit % 8
        yield name, bytes(flipped)


def test_every_truncation_and_every_flipped_bit_is_seen_and_named(tmp_path):
    loop = make_loop(STEPS)
    save(tmp_path, 100, state_of(100))
    save(tmp_path, 200, loop.state_dict())
    newest = tmp_path / "step-00000200"
    tried = 0
    for name, content in damaged_copies(newest, random.Random(0)):
        sound = (newest / name).read_bytes()
        (newest / name).write_bytes(content)
        with pytest.warns(UserWarning, match=re.escape(f"{newest / name}: ")):
            assert found_step(tmp_path) == 100
        (newest / name).write_bytes(sound)
        tried += 1
    assert tried == 400
    assert latest(tmp_path)[0] == 200


def test_a_missing_file_is_damage(tmp_path):
    for name in ("manifest.json", "state.json", "state.safetensors"):
        save(tmp_path, 1, state_of(1))
        (save(tmp_path, 2, state_of(2)) / name).unlink()
        with pytest.warns(UserWarning, match=f"step-00000002/{name}: "):
            assert found_step(tmp_path) == 1


def test_a_sound_folder_of_something_else_is_damage(tmp_path):
    save(tmp_path, 1, state_of(1))
    files.commit_folder(tmp_path / "step-00000002", lambda aside: (aside / "a").write_text("a"))
    with pytest.warns(UserWarning, match=r"manifest.json: state.json is not listed"):
        assert found_step(tmp_path) == 1


def test_where_all_are_damaged_nothing_begins_anew_by_itself(tmp_path):
    for step in (1, 2):
        (save(tmp_path, step, state_of(step)) / "state.json").write_text("{}")
    with (
        pytest.warns(UserWarning, match="damaged checkpoint"),
        pytest.raises(TilthError, match=r"every checkpoint .*step-00000002/state.json.*remove"),
    ):
        latest(tmp_path)


def test_a_newer_format_is_not_called_damage(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
        save(tmp_path, 1, state_of(1))
    with pytest.raises(UserError, match=r"checkpoint format 3.*reads format 2"):
        latest(tmp_path)


def test_after_a_fall_back_the_damaged_future_goes_and_the_new_stays(tmp_path):
    save(tmp_path, 100, state_of(100))
    (save(tmp_path, 200, state_of(200)) / "state.json").write_text("{}")
    with pytest.warns(UserWarning, match="damaged"):
        assert found_step(tmp_path) == 100
    save(tmp_path, 150, state_of(150), keep=1)
    assert steps(tmp_path) == [150] and found_step(tmp_path) == 150


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5, 8])
def test_killed_while_saving_and_resumed_ends_with_the_same_weights(
    tmp_path, monkeypatch, uninterrupted, at
):
    per_save = len(count(lambda: save(tmp_path / "probe", 1, state_of(1)), monkeypatch))
    faulty = FaultyDisk(("before", "torn", "after", "power")[at % 4], 3 * per_save + at)
    loop = make_loop(STEPS, [Checkpointer(tmp_path / "run", every_steps=1)])
    run_faulty(loop.fit, faulty, monkeypatch)
    assert faulty.dead
    again = make_loop(STEPS, [Checkpointer(tmp_path / "run", every_steps=1)])
    assert 2 <= resume(again, tmp_path / "run") <= 5
    again.fit()
    assert again.step == STEPS and weights_sha256(again) == uninterrupted


@pytest.mark.parametrize("step", range(1, STEPS))
def test_resumed_at_any_step_ends_with_the_same_weights(tmp_path, uninterrupted, step):
    class Die(BaseHook):
        def after_step(self, loop):
            if loop.step == step:
                raise Crash

    with pytest.raises(Crash):
        make_loop(STEPS, [Checkpointer(tmp_path, every_steps=1), Die()]).fit()
    loop = make_loop(STEPS, [Checkpointer(tmp_path, every_steps=1), Die()])
    assert resume(loop, tmp_path) == step
    loop.fit()
    assert weights_sha256(loop) == uninterrupted


def test_full_disk_costs_a_warning_not_the_training(tmp_path, monkeypatch, uninterrupted):
    full = False
    write = checkpoint.files.disk.write

    def fill(path, data):
        if full:
            write(path, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, data)

    monkeypatch.setattr(checkpoint.files.disk, "write", fill)

    class FullFrom3To5(BaseHook):
        def after_step(self, loop):
            nonlocal full
            full = 3 <= loop.step < 6

    loop = make_loop(STEPS, [FullFrom3To5(), Checkpointer(tmp_path, every_steps=1)])
    with pytest.warns(UserWarning) as warned:
        loop.fit()
    said = [str(warning.message) for warning in warned]
    assert len(said) == 3
    for step, message in zip((3, 4, 5), said, strict=True):
        assert f"checkpoint of step {step} could not be written" in message
        assert (
            "No space left on device" in message and "last good checkpoint is of step 2" in message
        )
    assert weights_sha256(loop) == uninterrupted
    assert names(tmp_path) == ["step-00000006", "step-00000007"]


@pytest.fixture
def small_disk(tmp_path):
    """Yield a folder on a file system of its own, of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = shutil.which("mount")
    mount = [command or "", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True) if command else None
    if done is None or done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip() if done else 'no mount'}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_real_full_disk(small_disk, uninterrupted):
    checkpoints = small_disk / "checkpoints"

    class Fill(BaseHook):
        def after_step(self, loop):
            if loop.step == 3:
                with (
                    pytest.raises(OSError, match="No space left"),
                    (small_disk / "big").open("wb", buffering=0) as file,
                ):
                    while file.write(bytes(1000)):
                        pass

    loop = make_loop(STEPS, [Fill(), Checkpointer(checkpoints, every_steps=1)])
    with pytest.warns(UserWarning, match="could not be written.*No space left.*of step 2"):
        loop.fit()
    assert weights_sha256(loop) == uninterrupted
    assert names(checkpoints) == ["step-00000001", "step-00000002"]
    assert latest(checkpoints)[0] == 2
    (small_disk / "big").unlink()
    again = make_loop(STEPS, [BaseHook(), Checkpointer(checkpoints, every_steps=1)])
    assert resume(again, checkpoints) == 2
    again.fit()
    assert weights_sha256(again) == uninterrupted
    assert names(checkpoints) == ["step-00000006", "step-00000007"]


class Clock:
    """Time that passes only when told."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(checkpoint.time, "monotonic", lambda: self.now)


class Tick(BaseHook):
    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def after_step(self, loop):
        self.clock.now += self.seconds


def saved_steps(monkeypatch, clock=None, seconds_a_save=0.0):
    """Return a list that grows by each step saved."""
    seen = []
    true = checkpoint.save

    def spy(folder, step, state, *, keep):
        seen.append(step)
        if clock:
            clock.now += seconds_a_save
        return true(folder, step, state, keep=keep)

    monkeypatch.setattr(checkpoint, "save", spy)
    return seen


def test_saves_by_the_clock_and_at_the_end(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    seen = saved_steps(monkeypatch)
    make_loop(10, [Tick(clock, 1.0), Checkpointer(tmp_path, every_seconds=3.0)]).fit()
    assert seen == [3, 6, 9, 10]


def test_slow_disk_takes_a_twentieth_of_the_time(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    seen = saved_steps(monkeypatch, clock, seconds_a_save=2.0)
    make_loop(100, [Tick(clock, 1.0), Checkpointer(tmp_path, every_seconds=5.0)]).fit()
    assert seen == [5, 45, 85, 100]


def test_saves_by_steps_only(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    seen = saved_steps(monkeypatch)
    hook = Checkpointer(tmp_path, every_seconds=None, every_steps=4)
    make_loop(10, [Tick(clock, 1e6), hook]).fit()
    assert seen == [4, 8, 10] and hook.saved == 10


def test_the_last_state_says_that_the_fit_ended(tmp_path):
    make_loop(4, [Checkpointer(tmp_path, every_steps=1)]).fit()
    assert latest(tmp_path)[1]["ended"] is True


def test_state_at_a_stop_is_saved_as_ended_and_does_not_train_on(tmp_path, monkeypatch):
    seen = saved_steps(monkeypatch)
    hooks = [StopAt(4, "good enough"), Checkpointer(tmp_path, every_steps=1)]
    make_loop(STEPS, hooks).fit()
    assert seen == [1, 2, 3, 4]
    again = make_loop(STEPS, hooks)
    assert resume(again, tmp_path) == 4
    again.fit()
    assert again.step == 4


def test_only_the_first_rank_saves(tmp_path):
    hook, loop = Checkpointer(tmp_path), make_loop(STEPS)
    loop.rank = 1
    hook.save(loop)
    assert names(tmp_path) == []
    loop.rank = 0
    assert hook.save(loop) and names(tmp_path) == ["step-00000000"]


def test_folder_that_is_ahead_is_refused(tmp_path):
    make_loop(STEPS, [Checkpointer(tmp_path)]).fit()
    fresh = make_loop(STEPS, [Checkpointer(tmp_path)])
    with pytest.raises(UserError, match=r"checkpoint of step 7, training is at 0.*resume"):
        fresh.fit()
    (tmp_path / "step-00000007" / "state.json").write_text("{}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh.fit()  # what is damaged is in nobody's way
    assert latest(tmp_path)[0] == STEPS


def test_state_that_cannot_be_written_is_refused_before_the_first_step(tmp_path):
    class Odd(BaseHook):
        def state_dict(self):
            return {"when": {1, 2}}

    loop = make_loop(STEPS, [Odd(), Checkpointer(tmp_path)])
    with pytest.raises(UserError, match=r"state/hooks/0/when is a builtins.set"):
        loop.fit()
    assert loop.step == 0


def test_non_finite_loss_leaves_the_last_good_checkpoint(tmp_path):
    class Poison(BaseHook):
        def after_step(self, loop):
            if loop.step == 4:
                next(loop.model.parameters()).data.fill_(float("nan"))

    loop = make_loop(STEPS, [Checkpointer(tmp_path, every_steps=2), Poison()])
    with pytest.raises(NonFiniteLoss, match="at step 4"):
        loop.fit()
    step, state = latest(tmp_path)
    assert step == 4
    assert all(value.isfinite().all() for value in state["model"].values())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"keep": 0}, "keep=0"),
        ({"every_steps": 0}, "every_steps=0"),
        ({"every_seconds": -1.0}, "every_seconds=-1.0"),
        ({"every_seconds": float("nan")}, "every_seconds=nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, arguments, named):
    with pytest.raises(UserError, match=named):
        Checkpointer(tmp_path, **arguments)
    with pytest.raises(UserError, match="keep=0"):
        save(tmp_path, 1, {}, keep=0)
