import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parents[1] / ".ci"
TSC = CI / "node_modules/typescript/bin/tsc"
TWICE = "/** @param {number} x */\nexport function twice(x) {\n  return 2 * x;\n}\n"
WRONG = {
    "TS2345": 'twice("2");',  # a text where JSDoc says number
    "TS7006": "export const four = (x) => twice(x);",  # a parameter without a type
    "TS6133": "const five = 5;",  # a name that nothing uses
    "TS2531": 'document.querySelector("p").remove();',  # there may be no such element
    "TS2591": "process.exit();",  # Node's, and no browser's
}

pytestmark = pytest.mark.skipif(not TSC.exists(), reason="TypeScript isn't installed: `make check` does it")


def check(folder: Path, view: str) -> subprocess.CompletedProcess[str]:
    """Check a `view` that may import `twice` in `folder`, under a copy of our own settings."""
    (folder / ".ci").mkdir()
    shutil.copy(CI / "tsconfig.json", folder / ".ci")
    widgets = folder / "wam_widgets/widgets"
    (widgets / "shared").mkdir(parents=True)
    (widgets / "shared/twice.js").write_text(TWICE)
    (widgets / "view.js").write_text(f'import {{ twice }} from "./shared/twice.js";\n{view}\n')
    command = [str(Path(sys.executable).with_name("node")), str(TSC), "--project", str(folder / ".ci")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_typescript_accepts_what_is_right(tmp_path: Path) -> None:
    found = check(tmp_path, "document.title = String(twice(2));")
    assert found.returncode == 0, found.stdout + found.stderr


def test_typescript_names_what_is_wrong(tmp_path: Path) -> None:
    found = check(tmp_path, "\n".join(WRONG.values()))
    assert found.returncode != 0
    assert re.findall(r"error (TS\d+)", found.stdout) == list(WRONG)
