from pathlib import Path

import pytest

from wam_widgets import ScaleSliders
from wam_widgets.widgets import base
from wam_widgets.widgets.explorers import ImageExplorer
from wam_widgets.widgets.image_view import ImageView

from .cases import explanation

FOLDER = Path(base.__file__).parent


def test_a_module_is_joined_with_what_it_imports_once_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { c } from "./c.js";\nexport function a() { return c; }\n')
    (tmp_path / "b.js").write_text(
        'import { a } from "./a.js";\nimport { c } from "./c.js";\nexport default { render: () => a() + c };\n'
    )
    (tmp_path / "c.js").write_text("export const c = 1;\n")
    assert base.joined(tmp_path / "b.js") == (
        "const c = 1;\n\nfunction a() { return c; }\n\nexport default { render: () => a() + c };\n"
    )


@pytest.mark.parametrize("trio", [ScaleSliders, ImageView])
def test_what_the_browser_gets_imports_nothing_and_asks_for_nothing(trio: type[base.Widget]) -> None:
    code, style = str(trio._esm), str(trio._css)
    assert "\nimport " not in code
    assert code.count("export ") == 1
    assert "://" not in code.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert "url(" not in style
    assert "@import" not in style


def test_every_module_beside_a_widget_belongs_to_a_trio() -> None:
    names = {path.stem for path in FOLDER.glob("*.js")}
    for name in names:
        assert (FOLDER / f"{name}.py").exists()
        assert (FOLDER / f"{name}.css").exists()


def test_a_widget_has_a_short_text_that_is_the_same_every_time() -> None:
    one, other = (ImageExplorer(explanation()) for _ in range(2))
    assert repr(one) == repr(other)
    assert len(repr(one)) < 100


def test_what_the_browser_sends_wrongly_is_shown_there_and_changes_nothing() -> None:
    sliders = ScaleSliders(["a", "b"])
    sliders.set_state({"weights": [1, -1]})
    assert sliders.weights == [1, 1]
    assert "`weights` must be between 0 and 2; got -1 for 'b'" in sliders._problem
    sliders.set_state({"weights": [1, 0.5]})
    assert sliders.weights == [1, 0.5]
    assert sliders._problem == ""
