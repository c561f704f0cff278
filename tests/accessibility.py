"""What axe-core says of a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def serious_issues(page: Page) -> list[tuple[str, str]]:
    """Rule and first element of each serious or critical issue."""
    response = Axe().run(page).response
    assert len(response["passes"]) > 10, "axe has looked at nothing"
    issues: list[tuple[str, str]] = []
    for issue in response["violations"]:
        if issue["impact"] in {"serious", "critical"}:
            issues.append((issue["id"], issue["nodes"][0]["html"]))
    return issues
