// Runs the clocks of embargoes down while the page is open. Without it they stand as they were when it was made.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function words(seconds) {
  let left = Math.max(Math.floor(seconds), 0);
  const found = [];
  for (const [word, size] of UNITS) {
    const number = Math.floor(left / size);
    left -= number * size;
    if (number || found.length) found.push([number, word]);
  }
  const shown = found.slice(0, 2).filter(([number]) => number).map((pair) => pair.join(" "));
  return shown.length ? `${shown.join(" ")} left` : "over: look again";
}

const clocks = [...document.querySelectorAll(".clock[data-until]")];
const run = () => {
  for (const clock of clocks) clock.textContent = words((Date.parse(clock.dataset.until) - Date.now()) / 1000);
};
if (clocks.length) setInterval(run, 1000);
