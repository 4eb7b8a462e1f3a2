"""A player in JupyterLab drives its Python traits, and is driven by them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.listening import EARS

from .jupyter import PREPARED, Cell, Notebook, Server

PLAYER = """
    from tests.lab.models import Listener, humming
    listener = Listener()
    grid = wam.Grid(("time",), (1 / 8000,), ("s",))
    player = wam.show(wam.explain(listener, humming(), 0, level=3, samples=9, grid=grid), model=listener)
    player
"""


@pytest.fixture
def listening(notebook: Notebook) -> Notebook:
    """A notebook whose page keeps the contexts that are made."""
    if not notebook.page.evaluate("'heard' in window"):
        notebook.page.evaluate(EARS)
    notebook.page.evaluate("window.heard.splice(0)")
    return notebook


def contexts(notebook: Notebook) -> list[str]:
    """Return the states of all contexts that were made."""
    states: list[str] = notebook.page.evaluate("window.heard.map(({ context }) => context.state)")
    return states


def become(notebook: Notebook, *states: str) -> None:
    notebook.page.wait_for_function(
        "(states) => window.heard.map(({ context }) => context.state).join() === states", arg=",".join(states)
    )


def play(cell: Cell) -> None:
    cell.view.get_by_role("button", name="play", exact=True).click()
    expect(cell.view.get_by_role("button", name="pause")).to_be_visible()


def test_what_the_browser_plays_and_sets_python_reads(listening: Notebook) -> None:
    cell = listening.show(PLAYER)
    play(cell)
    listening.until("player.playing and player.position > 0.4")
    cell.view.get_by_role("button", name="pause").click()
    listening.until("not player.playing")
    there = listening.value("player.position")
    expect(cell.view.get_by_text(re.compile(rf"^{there:.2f} s of 2\.00 s$"))).to_be_visible()
    cell.view.locator("[data-weight='1']").fill("0.4")
    cell.view.get_by_role("radio", name="only the rest").check()
    cell.view.get_by_role("slider", name="coefficients kept").press("Home")
    pane = cell.view.get_by_role("application")
    box = pane.bounding_box()
    assert box is not None
    mouse, height = listening.page.mouse, box["y"] + 30
    mouse.move(box["x"] + 0.25 * box["width"], height)
    mouse.down()
    mouse.move(box["x"] + 0.75 * box["width"], height, steps=3)
    mouse.up()
    listening.until("player.gains == [1, 0.4, 1, 1] and player.heard == 'rest' and player.fraction == 0.001")
    listening.until("player.loop")
    assert listening.value("player.loop") == pytest.approx([0.5, 1.5], abs=0.02)


def test_what_python_sets_the_browser_plays_and_shows(listening: Notebook) -> None:
    cell = listening.show(PLAYER)
    cell.view.locator(".wam-title").click()
    listening.run(
        "player.gains, player.loop = [0, 1.5, 1, 0.25], [0.5, 1.0]\nplayer.heard, player.fraction = 'kept', 0.2"
    )
    for scale, gain in enumerate(("0", "1.5", "1", "0.25")):
        expect(cell.view.locator(f"[data-weight='{scale}']")).to_have_value(gain)
    expect(cell.view.get_by_role("radio", name="only what mattered")).to_be_checked()
    expect(cell.view.get_by_role("slider", name="coefficients kept")).to_have_attribute("aria-valuetext", "20 %")
    expect(cell.view.locator(".wam-region")).to_be_visible()
    listening.run("player.position, player.playing = 0.75, True")
    expect(cell.view.get_by_role("button", name="pause")).to_be_visible()
    listening.until("player.position != 0.75")
    assert 0.5 <= listening.value("player.position") <= 1.0
    become(listening, "running")
    listening.run("player.loop, player.position = [], 1.2")
    listening.until("1.2 < player.position < 2")
    listening.run("player.playing = False")
    expect(cell.view.get_by_role("button", name="play", exact=True)).to_be_visible()
    become(listening, "suspended")


def test_a_sound_that_ends_tells_python(listening: Notebook) -> None:
    cell = listening.show(PLAYER)
    listening.run("player.position = 1.6")
    play(cell)
    listening.until("player.playing")
    listening.until("not player.playing and player.position == 0")
    become(listening, "suspended")


def test_the_model_answers_about_the_mix(notebook: Notebook) -> None:
    cell = notebook.show(PLAYER)
    mix = cell.view.locator(".wam-verdict tr > :last-child")
    expect(mix.first).to_have_text("your mix")
    expect(mix.nth(1)).to_have_text(re.compile("%"))
    before = mix.all_inner_texts()
    cell.view.get_by_role("button", name="mute approximation").click()
    notebook.until("player.gains[0] == 0")
    notebook.run("player.wait()")
    probabilities: Any = notebook.value("player._mix['probabilities']")
    whole = [float(f"{100 * each:.2g}") for each in probabilities]
    for row, percent in enumerate(whole):
        expect(mix.nth(row + 1)).to_have_text(re.compile(r"^[<>]?\s*[\d.]+ %$"))
        shown = float(re.findall(r"[\d.]+", mix.nth(row + 1).inner_text())[0])
        assert shown == pytest.approx(percent, rel=0.1, abs=1)
    assert mix.all_inner_texts() != before
    cell.view.get_by_role("checkbox", name="denoised").check()
    notebook.until("player._mix.get('denoised')")
    expect(mix.nth(1)).to_have_text(re.compile("%"))


def test_keys_of_the_player_do_not_reach_the_notebook(listening: Notebook) -> None:
    cell = listening.show(PLAYER)
    state = "() => [wam.panel().content.widgets.length, wam.panel().content.activeCellIndex, wam.panel().content.mode]"
    pane = cell.view.get_by_role("application")
    pane.click(position={"x": 20, "y": 20})
    before = listening.page.evaluate(state)
    count = listening.value("get_ipython().execution_count")
    for key in ("ArrowRight", "ArrowDown", "Home", "b", "a", "Enter", "Shift+Enter", "Space"):
        pane.press(key)
    expect(cell.view.get_by_role("button", name="pause")).to_be_visible()
    listening.until("player.playing")
    pane.press("Space")
    listening.until("not player.playing")
    assert listening.page.evaluate(state) == before
    assert listening.value("get_ipython().execution_count") == count


def test_running_the_cell_again_ends_the_sound_of_the_last(listening: Notebook) -> None:
    cell = listening.show(PLAYER)
    play(cell)
    become(listening, "running")
    listening.page.evaluate("(id) => wam.run(id)", cell.name)
    become(listening, "closed")
    cell.view.wait_for()
    play(cell)
    become(listening, "closed", "running")
    listening.run("player.close()")
    become(listening, "closed", "closed")


def test_a_kernel_that_restarts_leaves_the_sound_playing(browser: Browser, server: Server) -> None:
    notebook = server.open(browser, "silent", init=EARS)
    cell = notebook.show(PLAYER)
    cell.view.get_by_role("button", name="mute detail 1").click()
    notebook.run("player.loop = [0.2, 0.9]")
    play(cell)
    notebook.until("player.position > 0.3")
    notebook.page.evaluate("() => wam.kernel().restart()")
    expect(cell.view.get_by_text("The kernel is gone")).to_be_visible()
    clock = cell.view.locator(".wam-transport .wam-number")
    for _ in range(2):
        expect(clock).not_to_have_text(clock.inner_text())
    assert contexts(notebook) == ["running"]
    cell.view.get_by_role("button", name="mute detail 2").click()
    cell.view.get_by_role("radio", name="only what mattered").check()
    expect(cell.view.get_by_text("Played")).to_be_visible()
    expect(cell.place.get_by_role("alert")).to_be_hidden()
    cell.view.get_by_role("button", name="pause").click()
    become(notebook, "suspended")
    notebook.run(PREPARED)
    play(notebook.show(PLAYER))
    notebook.until("player.position > 0.2")
    assert not notebook.complaints
    notebook.page.close()
