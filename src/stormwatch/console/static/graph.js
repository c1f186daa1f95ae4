// Makes the link graph one tab stop: arrow keys move to the nearest node in that direction, Enter follows its link.
// Without this module the graph is a picture, and the table of links beside it holds everything.

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function nearest(nodes, from, [dx, dy]) {
  let best = null;
  let least = Infinity;
  for (const node of nodes) {
    const x = Number(node.dataset.x) - Number(from.dataset.x);
    const y = Number(node.dataset.y) - Number(from.dataset.y);
    const along = x * dx + y * dy;
    if (node === from || along <= 0) continue;
    const cost = along + 2 * Math.abs(x * dy - y * dx);
    if (cost < least) [best, least] = [node, cost];
  }
  return best;
}

for (const group of document.querySelectorAll("[data-roving]")) {
  const nodes = [...group.querySelectorAll("a.node")];
  group.addEventListener("keydown", (event) => {
    const direction = DIRECTIONS[event.key];
    const from = event.target.closest("a.node");
    const next = direction && from && nearest(nodes, from, direction);
    if (!next) return;
    event.preventDefault();
    from.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
