// @ts-check
// What can be pointed at.

/**
 * Where an event is in a pane: fractions from its top and from its left. The border belongs to nothing that is in it.
 * @param {HTMLElement} pane
 * @param {{clientX: number, clientY: number}} event
 * @returns {[number, number]}
 */
export function placeIn(pane, { clientX, clientY }) {
  const { top, left } = pane.getBoundingClientRect();
  return [
    (clientY - top - pane.clientTop) / Math.max(1, pane.clientHeight),
    (clientX - left - pane.clientLeft) / Math.max(1, pane.clientWidth),
  ];
}
