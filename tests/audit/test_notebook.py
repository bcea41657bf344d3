from tests.audit.test_report import Page, harmless
from tilth.audit.notebook import run_html

RECORDS = [
    {"phase": 0, "step": s, "epoch": e, "seconds": e, "train/loss": 1 / e, "valid/loss": 2 / e}
    for e, s in ((1, 10), (2, 20), (3, 30))
]
DONE = {
    "steps": 1200,
    "samples": 34567,
    "seconds": 61.0,
    "best_step": 20,
    "stopped": "planned end",
    "peak_bytes": 3 * 2**20,
    "valid/accuracy": 0.98765,
}


def shown(**changes):
    given = {"folder": "a <b>run", "status": "done", "outcome": DONE, "records": RECORDS}
    page = run_html(**{**given, "audit": None, **changes})
    return page, " ".join(Page("<meta http-equiv=x content=\"default-src 'none'\">" + page).words)


def test_a_run_is_shown_in_words_with_its_curve():
    page, text = shown()
    harmless(Page("<meta http-equiv=x content=\"default-src 'none'\">" + page))
    for said in ("a <b>run", "1,200 steps, 34,567 samples, 1 min 1 s", "3.0 MiB", "98.77 %"):
        assert said in text
    assert "weights of step 20 kept" in text
    assert page.count("<svg") == 1 and "Loss by epoch" in text


def test_the_result_and_its_metric_are_shown_once_they_are_known():
    records = [
        {**one, "valid/accuracy": a} for one, a in zip(RECORDS, (0.5, 0.7, 0.6), strict=True)
    ]
    audit = {
        "headline": "It is right.",
        "main_metric": "accuracy",
        "metrics": {"accuracy": {"mode": "max"}},
        "target": {"kind": "classes", "name": "kind"},
    }
    page, text = shown(records=records, audit=audit)
    assert page.count("<svg") == 2
    assert "It is right." in text and "Accuracy by epoch" in text


def test_a_run_that_has_just_begun_or_failed_is_shown():
    page, text = shown(status="failed", outcome={"message": "the disk is full"}, records=[])
    assert "the disk is full" in text and "<svg" not in page
    assert "unfinished" in shown(outcome={}, records=[], status="unfinished")[1]
