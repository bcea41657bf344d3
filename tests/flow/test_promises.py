"""The defaults on real data reach what docs/results.md promises; learning runs of minutes."""

import shutil

import pytest

from tilth.flow.settings import DataSettings, Settings
from tilth.flow.train import Job, train


def trained(folder, run, **data):
    settings = Settings(DataSettings(path=str(folder), **data))
    return train(Job(settings, run=run, quiet=True))[1]


@pytest.mark.slow
@pytest.mark.data
def test_mnist_with_every_default(data_folder, tmp_path):
    found = trained(data_folder / "mnist", tmp_path / "run")
    assert found["test_rows"] == 10_000
    assert found["test"]["accuracy"] >= 0.992


@pytest.mark.slow
@pytest.mark.data
def test_adult_beside_its_boosted_trees(data_folder, tmp_path):
    found = trained(data_folder / "adult" / "adult.data.gz", tmp_path / "run", target="Y")
    assert found["main_metric"] == "auc"
    assert found["test"]["auc"] >= 0.905
    baselines = {name: scores["auc"] for name, scores in found["baselines"].items()}
    assert found["baseline"]["auc"] == max(baselines.values()) > 0.915
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "boost" in report


@pytest.mark.slow
@pytest.mark.data
def test_cifar10_small_with_every_default(data_folder, tmp_path):
    (packed,) = (data_folder / "cifar10_small").glob("*.zip")
    shutil.unpack_archive(packed, tmp_path / "cifar10_small")
    found = trained(tmp_path / "cifar10_small", tmp_path / "run")
    assert found["test_rows"] == 2_000
    assert found["test"]["accuracy"] >= 0.80
