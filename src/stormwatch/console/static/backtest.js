// Follows a backtest while its page is looked at, and shows its report once it ended. Without this module the page says
// how far it was when it was loaded, and has a link to look again.

const EVERY = 1500;
const shown = document.querySelector("[data-backtest]");

async function look() {
  const answer = await fetch(shown.dataset.backtest, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) return false;
  const found = await answer.json();
  if (found.state !== "running") {
    location.reload();
    return false;
  }
  if (found.total) {
    const bar = shown.querySelector("progress");
    bar.max = found.total;
    bar.value = found.done;
    shown.querySelector("[data-words]").textContent = `${found.step}: ${found.done} of ${found.total} parts`;
  }
  return true;
}

function again() {
  setTimeout(async () => {
    const goOn = document.hidden || (await look().catch(() => true));
    if (goOn) again();
  }, EVERY);
}

if (shown) again();
