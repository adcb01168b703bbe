// The console's page: sign in, ask, watch the answer fill up. It uses only the documented API, and puts every text that comes from
// elsewhere into the page as text (textContent), never as markup.

const $ = (id) => document.getElementById(id);
const SHOWN = 200;
let csrf = sessionStorage.getItem("csrf");
let stream = null;
let question = null;
let tables = [];
let drawing = false;

class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `the server answered ${status}`);
    this.status = status;
    this.details = error?.details;
  }
}

async function api(method, path, body) {
  const headers = {};
  if (csrf) headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  const reply = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await reply.text();
  const value = text ? JSON.parse(text) : null;
  if (!reply.ok) throw new Refused(reply.status, value?.error);
  return value;
}

function say(error) {
  let text = error?.message ?? error ?? "";
  const details = error?.details;
  if (details?.nearest?.length) text += `\nNearest: ${details.nearest.join(", ")}`;
  if (details?.expected?.length) text += `\nExpected: ${details.expected.join(", ")}`;
  $("message").textContent = text;
  if (details?.start !== undefined) {
    // Places are counted in characters; a browser selects by UTF-16 units.
    const units = (n) => Array.from($("text").value).slice(0, n).join("").length;
    $("text").focus();
    $("text").setSelectionRange(units(details.start), units(details.end));
  }
  if (error?.status === 401) show(null);
}

function show(me) {
  $("login").hidden = !!me;
  $("ask").hidden = !me?.permissions.includes("ask");
  $("logout").hidden = !me;
  $("who").textContent = me
    ? `${me.name}, ${me.role}${me.one_time_password ? " (one-time password: change it)" : ""}`
    : "";
  if (!me) leave();
}

function leave() {
  stream?.close();
  stream = null;
  question = null;
  tables = [];
  $("answer").hidden = true;
  $("cancel").hidden = true;
  $("tables").replaceChildren();
}

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function follow(asked) {
  leave();
  question = asked;
  $("canonical").textContent = asked.text;
  $("answer").hidden = false;
  $("cancel").hidden = false;
  $("downloads").replaceChildren();
  tables = asked.plan.tables.map((plan, number) => {
    const table = element("table");
    table.append(element("caption", plan.title || "Machines"), element("thead"), element("tbody"));
    const head = element("tr");
    head.append(element("th", "Count", "count"), ...plan.columns.map((c) => element("th", c.name)));
    table.tHead.append(head);
    $("tables").append(table);
    for (const format of ["csv", "json", "jsonl"]) {
      const link = element("a", `${plan.title || "table"} as ${format}`);
      link.href = `/api/v1/questions/${asked.id}/export?table=${number}&format=${format}`;
      $("downloads").append(" ", link);
    }
    return { body: table.tBodies[0], caption: table.caption, title: plan.title, rows: new Map(), total: 0 };
  });
  const mine = new EventSource(`/api/v1/questions/${asked.id}/events`);
  stream = mine;
  mine.addEventListener("changes", (event) => {
    if (stream === mine) take(JSON.parse(event.data)).catch(say);
  });
  mine.onerror = () => {
    if (stream === mine && mine.readyState === EventSource.CLOSED) say("The connection to the server was lost.");
  };
  cover(asked.coverage);
}

async function take(changes) {
  for (const changed of changes.tables) {
    for (const row of changed.rows) tables[changed.table]?.rows.set(row.row, row);
  }
  if (changes.done) {
    stream?.close();
    stream = null;
    $("cancel").hidden = true;
  }
  cover(changes.coverage, changes.rows_cut);
  if (!changes.complete) await fetchPages();
  draw();
}

// More changed than an event holds: the rows on top come as pages.
async function fetchPages() {
  const asked = question;
  const sort = $("order").value === "1" ? "count" : "-count";
  for (const [number, table] of tables.entries()) {
    const page = await api("GET", `/questions/${asked.id}/rows?table=${number}&sort=${sort}&limit=1000`);
    if (question !== asked) return;
    for (const row of page.rows) table.rows.set(row.row, row);
    table.total = page.total_rows;
  }
}

function cover(coverage, cut) {
  const entries = Object.entries(coverage).filter(([, n]) => n > 0);
  const all = entries.reduce((sum, [, n]) => sum + n, 0);
  const waiting = (coverage.pending ?? 0) + (coverage.offline ?? 0);
  $("progress").max = Math.max(all, 1);
  $("progress").value = all - waiting;
  const parts = entries.map(([state, n]) => `${n} ${state.replaceAll("_", " ")}`);
  if (cut) parts.push(`${cut} rows cut by limits`);
  $("coverage").textContent = parts.join(" · ") || "no endpoint was asked";
}

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const way = Number($("order").value);
    const needle = $("contains").value.toLowerCase();
    for (const table of tables) {
      const rows = [...table.rows.values()]
        .filter((row) => !needle || row.cells.some((cell) => cell.toLowerCase().includes(needle)))
        .sort((a, b) => way * (a.count - b.count) || a.row - b.row);
      table.body.replaceChildren(...rows.slice(0, SHOWN).map((row) => {
        const line = element("tr");
        line.append(element("td", row.count, "count"), ...row.cells.map((cell) => element("td", cell)));
        return line;
      }));
      const all = needle ? rows.length : Math.max(table.total, table.rows.size);
      const more = all > SHOWN ? `, ${SHOWN} of ${all} rows shown` : `, ${all} rows`;
      table.caption.textContent = `${table.title || "Machines"}${more}`;
    }
  });
}

function on(id, event, work) {
  $(id).addEventListener(event, async (happened) => {
    happened.preventDefault();
    say("");
    try {
      await work(happened.target);
    } catch (error) {
      say(error);
    }
  });
}

on("login", "submit", async (form) => {
  const given = { name: form.elements.name.value, password: form.elements.password.value };
  csrf = (await api("POST", "/login", given)).csrf;
  sessionStorage.setItem("csrf", csrf);
  form.reset();
  show(await api("GET", "/me"));
});

on("logout", "click", async () => {
  await api("POST", "/logout");
  sessionStorage.removeItem("csrf");
  csrf = null;
  show(null);
});

on("ask", "submit", async () => {
  let text = $("text").value;
  try {
    await api("POST", "/questions/parse", { text });
  } catch (error) {
    // Free words: the best reading goes into the field, and asking again asks it.
    const readings = error.status === 422 ? await api("POST", "/questions/interpret", { text }) : [];
    if (!readings.length) throw error;
    $("text").value = readings[0].canonical;
    say("Did you mean this? Ask again to ask it.");
    return;
  }
  follow(await api("POST", "/questions", { text }));
});

on("cancel", "click", () => api("DELETE", `/questions/${question.id}`));
$("order").addEventListener("change", async () => {
  if (tables.some((t) => t.total > t.rows.size)) await fetchPages().catch(say);
  draw();
});
$("contains").addEventListener("input", draw);

let typed = 0;
$("text").addEventListener("input", async () => {
  const turn = ++typed;
  const text = $("text").value;
  const cursor = Array.from(text.slice(0, $("text").selectionStart)).length;
  try {
    const found = await api("POST", "/questions/complete", { text, cursor });
    if (turn !== typed) return;
    const letters = Array.from(text);
    const before = letters.slice(0, found.start).join("");
    const after = letters.slice(found.end).join("");
    $("offers").replaceChildren(...found.items.slice(0, 12).map((item) => {
      const option = element("option", item.detail);
      option.value = before + item.text + after;
      return option;
    }));
  } catch {
    // Completion is a help; without it the question can still be typed.
  }
});

api("GET", "/me").then((me) => {
  csrf = me.csrf ?? csrf;
  show(me);
}, () => show(null));
