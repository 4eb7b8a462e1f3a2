"""`python -m tests.site [FOLDER]`: look at every page of a site that was made before, by default dist/site."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def main() -> int:
    """Run the tests of pages on all of a site."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "dist" / "site"
    if not (folder / "index.html").exists():
        print(f"There is no site in {folder}. Make one: make site", file=sys.stderr)  # noqa: T201  # a command
        return 1
    os.environ["WAM_SITE"] = str(folder.resolve())
    return int(pytest.main([str(HERE / "test_pages.py"), "-q"]))


if __name__ == "__main__":
    sys.exit(main())
