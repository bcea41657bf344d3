"""A page of the review in Debian's own Chromium, driven by Playwright; no browser is downloaded."""

import contextlib
import shutil
import threading

import pytest

from tilth.audit.review.server import ReviewServer


@contextlib.contextmanager
def page_of(session, *, width: int = 1280, height: int = 800):
    """Open a session's page; skip where there is no Chromium; fail on an error of a script."""
    place = shutil.which("chromium")
    if place is None:
        pytest.skip("no chromium is installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright is installed")
    with ReviewServer(session) as server, sync_api.sync_playwright() as driver:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        browser = driver.chromium.launch(
            executable_path=place, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on(
                "console",
                lambda line: problems.append(line.text) if line.type == "error" else None,
            )
            page.goto(server.address)
            page.wait_for_selector("body[data-ready]")
            yield page
            if problems:
                pytest.fail(f"the page says: {problems}")
        finally:
            browser.close()
            server.shutdown()
            thread.join()
