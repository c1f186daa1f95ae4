// Asks while a page is looked at whether its case, or the lines of its queue, changed. Without this module a page shows
// what was so when it was loaded, and a decision on what changed since is refused by the server all the same.

const EVERY = 5000;

async function asked(address, kind) {
  const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
  if (answer.status === 401) throw new Error("signed out");
  return answer.ok ? answer[kind]() : null;
}

function repeat(look) {
  const again = () => setTimeout(round, EVERY);
  async function round() {
    if (document.hidden) return again();
    try {
      await look();
    } catch (error) {
      if (error.message === "signed out") return;
    }
    again();
  }
  again();
}

const news = document.querySelector("[data-case-news]");
if (news) {
  repeat(async () => {
    const found = await asked(news.dataset.caseNews, "json");
    if (!found || String(found.version) === news.dataset.version) return;
    news.querySelector("[data-words]").textContent = found.words;
    news.hidden = false;
  });
}

function shown(lines, fresh, since) {
  const made = new DOMParser().parseFromString(fresh, "text/html").getElementById("queue-rows");
  if (!made) return lines;
  made.dataset.since = since;
  lines.replaceWith(document.importNode(made, true));
  return document.getElementById("queue-rows");
}

let lines = document.querySelector("[data-queue-news]");
if (lines) {
  repeat(async () => {
    const { queueNews, queueRows, since } = lines.dataset;
    const found = await asked(`${queueNews}${queueNews.endsWith("?") ? "" : "&"}since=${since}`, "json");
    if (!found || !found.changed) return;
    // Whoever is at a line with the keyboard keeps it; the lines come when they move on.
    if (lines.contains(document.activeElement)) return;
    const fresh = await asked(queueRows, "text");
    if (fresh) lines = shown(lines, fresh, String(found.now));
    const told = lines.querySelector("[data-live]");
    told.textContent = `${found.changed} case${found.changed === 1 ? "" : "s"} changed a moment ago.`;
    told.hidden = false;
  });
}
