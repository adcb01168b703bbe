// The console's page: sign in, ask, watch the answer fill up. It uses only the documented API, and puts every text that comes from
// elsewhere into the page as text (textContent), never as markup, and without what hides or turns the direction of writing.

const $ = (id) => document.getElementById(id);
const STEP = 200;
let csrf = null;
let stream = null;
let question = null;
let tables = [];
let drawing = false;

// The same characters as in terminals and CSV (question::cell); a test of the server compares. Line breaks and tabs are blanks here.
const HIDDEN = /[\u{0}-\u{8}\u{b}-\u{1f}\u{7f}-\u{9f}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}-\u{180f}\u{200b}-\u{200f}\u{2028}-\u{202f}\u{2060}-\u{206f}\u{2800}\u{3164}\u{fe00}-\u{fe0f}\u{feff}\u{ffa0}\u{fff0}-\u{fffb}\u{13430}-\u{1345f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

function visible(text) {
  return String(text).replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16).toUpperCase()}}`);
}

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
  $("message").textContent = visible(text);
  if (details?.start !== undefined) {
    // Places are counted in characters; a browser selects by UTF-16 units.
    const units = (n) => Array.from($("text").value).slice(0, n).join("").length;
    $("text").focus();
    $("text").setSelectionRange(units(details.start), units(details.end));
  }
  if (error?.status === 401) show(null);
}

function show(me) {
  csrf = me?.csrf ?? null;
  $("login").hidden = !!me;
  $("password").hidden = !me?.one_time_password;
  $("password").elements.username.value = me?.name ?? "";
  $("ask").hidden = !me?.permissions.includes("ask");
  $("logout").hidden = !me;
  $("who").textContent = me ? `${me.name}, ${me.role}` : "";
  if (!me) leave();
  (me ? $("text") : $("login").elements.name).focus();
}

function leave() {
  stream?.close();
  stream = null;
  question = null;
  tables = [];
  $("answer").hidden = true;
  $("readings").hidden = true;
  $("cancel").hidden = true;
  $("tables").replaceChildren();
}

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = visible(text);
  if (kind) made.className = kind;
  return made;
}

function button(text, kind, work) {
  const made = element("button", text, kind);
  made.type = "button";
  made.addEventListener("click", () => Promise.resolve(work()).catch(say));
  return made;
}

async function follow(asked) {
  leave();
  question = asked;
  history.replaceState(null, "", `#question/${asked.id}`);
  $("canonical").textContent = visible(asked.text);
  $("answer").hidden = false;
  $("contains").value = "";
  $("by").value = asked.tail.by.map(columnName).join(", ");
  $("count").value = asked.tail.count ?? "";
  const names = new Set(asked.plan.tables.flatMap((table) => table.columns.map((column) => column.name)));
  $("columns").replaceChildren(...[...names].map((name) => {
    const option = element("option");
    option.value = columnName({ table: null, column: name });
    return option;
  }));
  $("cancel").hidden = asked.closed || asked.cancelled;
  cover(asked.coverage, asked.rows_cut);
  trouble(asked.trouble);
  await watch();
}

// A column as a question names it.
function columnName({ table, column }) {
  const quoted = (name) => (/^[\p{L}\p{N}_.\/%#-]+( [\p{L}\p{N}_.\/%#-]+)*$/u.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
  return table === null ? quoted(column) : `${quoted(table)}:${quoted(column)}`;
}

// How rows are counted and which are shown, as the server is asked for them. Empty means whole rows, and all of them.
function shown() {
  return new URLSearchParams({ by: $("by").value.trim(), count: $("count").value.trim() });
}

let turns = 0;

// Watches the answer anew, as it is to be shown now.
async function watch() {
  const turn = ++turns;
  const asked = question;
  const wanted = shown();
  let heads = asked.plan.tables;
  if (wanted.get("by") || wanted.get("count")) {
    // Which columns are left, or why none are.
    const page = (_, number) => api("GET", `/questions/${asked.id}/rows?table=${number}&limit=0&${wanted}`);
    heads = await Promise.all(heads.map(page));
  }
  if (turn !== turns || question !== asked) return;
  stream?.close();
  tables = asked.plan.tables.map((plan, number) => newTable(asked, plan, number, heads[number].columns, wanted));
  $("tables").replaceChildren(...tables.map((table) => table.box));
  const mine = new EventSource(`/api/v1/questions/${asked.id}/events?${wanted}`);
  stream = mine;
  mine.addEventListener("changes", (event) => {
    if (stream === mine) take(JSON.parse(event.data)).catch(say);
  });
  mine.onerror = () => {
    if (stream === mine && mine.readyState === EventSource.CLOSED) say("The connection to the server was lost.");
  };
}

function newTable(asked, plan, number, columns, wanted) {
  const [box, head, table] = [element("section", undefined, "table"), element("header"), element("table")];
  const [info, scroll] = [element("span"), element("div", undefined, "scroll")];
  head.append(element("h3", plan.columns.length ? plan.title : "Machines"), info);
  for (const [format, name] of [["csv", "CSV"], ["json", "JSON"], ["jsonl", "JSON lines"]]) {
    const link = element("a", name);
    link.href = `/api/v1/questions/${asked.id}/export?table=${number}&format=${format}&${wanted}`;
    link.download = "";
    head.append(link);
  }
  table.append(element("thead"), element("tbody"));
  const names = element("tr");
  names.append(element("th", "Count", "count"), ...columns.map((c) => element("th", c.name)));
  table.tHead.append(names);
  scroll.append(table);
  // Times, digests and the like are read as one word; texts may take several lines.
  const kinds = columns.map((c) => (["text", "version"].includes(c.value_type) ? "" : "word"));
  const made = { number, kinds, box, info, body: table.tBodies[0], rows: new Map(), total: 0, shown: STEP, whole: true, open: new Map() };
  made.more = button("Show more rows", "quiet more", async () => {
    made.shown += STEP;
    await refresh();
  });
  box.append(head, scroll, made.more);
  return made;
}

async function take(changes) {
  for (const changed of changes.tables) {
    const table = tables[changed.table];
    if (!table?.whole) continue;
    for (const row of changed.rows) table.rows.set(row.row, row);
    for (const row of changed.gone ?? []) table.rows.delete(row);
  }
  // What did not fit into events is with the server alone: from then on it sorts and searches.
  if (!changes.complete) for (const table of tables) table.whole = false;
  if (changes.done) {
    stream?.close();
    stream = null;
    $("cancel").hidden = true;
  }
  cover(changes.coverage, changes.rows_cut);
  trouble(changes.trouble);
  await refresh();
}

let refreshing = null;
let again = false;

// One look at the server at a time; what happens meanwhile leads to one more.
async function refresh() {
  if (refreshing) {
    again = true;
    return refreshing;
  }
  refreshing = (async () => {
    do {
      again = false;
      const asked = question;
      for (const table of tables.filter((t) => !t.whole)) if (question === asked) await fetchPage(asked, table);
    } while (again);
  })();
  try {
    await refreshing;
  } finally {
    refreshing = null;
  }
  draw();
}

async function fetchPage(asked, table) {
  const wanted = shown();
  const page = { table: table.number, sort: $("order").value, limit: Math.min(table.shown, 10000) };
  for (const [name, value] of Object.entries(page)) wanted.set(name, value);
  if ($("contains").value) wanted.set("contains", $("contains").value);
  const found = await api("GET", `/questions/${asked.id}/rows?${wanted}`);
  if (question !== asked || !tables.includes(table)) return;
  table.rows = new Map(found.rows.map((row) => [row.row, row]));
  table.total = found.total_rows;
}

function cover(coverage, cut) {
  const order = ["answered", "empty", "not_concerned", "pending", "not_reached", "offline", "revoked"];
  const place = (state) => (order.indexOf(state) + order.length + 1) % (order.length + 1);
  const entries = Object.entries(coverage).filter(([, n]) => n > 0).sort(([a], [b]) => place(a) - place(b));
  const all = entries.reduce((sum, [, n]) => sum + n, 0);
  const waiting = (coverage.pending ?? 0) + (coverage.not_reached ?? 0) + (coverage.offline ?? 0);
  $("progress").max = Math.max(all, 1);
  $("progress").value = all - waiting;
  const parts = entries.map(([state, n]) => `${n.toLocaleString("en")} ${state.replaceAll("_", " ")}`);
  if (cut) parts.push(`${cut.toLocaleString("en")} rows cut by limits`);
  const share = all ? `${(all - waiting).toLocaleString("en")} of ${all.toLocaleString("en")} machines: ` : "";
  $("coverage").textContent = share + (parts.join(" · ") || "no machine was asked");
  unanswered = ["pending", "not_reached", "offline", "cancelled", "refused", "disk_full"].reduce((sum, state) => sum + (coverage[state] ?? 0), 0);
  warn();
}

// Why the server does not keep what is shown, while it does not.
function trouble(why) {
  $("trouble").hidden = !why;
  $("trouble").textContent = visible(why ?? "");
}

let unanswered = 0;

// What few machines gave may be what many give, until all have answered.
function warn() {
  const rare = $("order").value === "count" || /^\s*[^>\s]/.test($("count").value);
  $("rarity").hidden = !(rare && unanswered);
  const machines = unanswered === 1 ? "1 machine has" : `${unanswered.toLocaleString("en")} machines have`;
  $("rarity").textContent = `${machines} not answered yet: what is rare now may be common when they have.`;
}

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const way = $("order").value === "count" ? 1 : -1;
    const needle = $("contains").value.toLowerCase();
    for (const table of tables) {
      let rows = [...table.rows.values()];
      if (table.whole) {
        rows = rows
          .filter((row) => row.count && (!needle || row.cells.some((cell) => cell.toLowerCase().includes(needle))))
          .sort((a, b) => way * (a.count - b.count) || a.row - b.row);
        table.total = rows.length;
      }
      const shown = rows.slice(0, table.shown);
      table.body.replaceChildren(...shown.flatMap((row) => lines(table, row)));
      table.info.textContent = count(table.total, shown.length, needle);
      table.more.hidden = shown.length >= table.total;
    }
  });
}

function count(total, shown, needle) {
  const all = `${total.toLocaleString("en")} ${total === 1 ? "row" : "rows"}${needle ? " found" : ""}`;
  return shown < total ? `${all}, ${shown.toLocaleString("en")} shown` : all;
}

// A row, and below it its machines, when somebody asked for them.
function lines(table, row) {
  const line = element("tr");
  const machines = element("td", undefined, "count");
  const number = button(row.count.toLocaleString("en"), "link", () => members(table, row));
  number.title = "Show the machines";
  machines.append(number);
  line.append(machines, ...row.cells.map((cell, at) => element("td", cell, cell.length < 80 ? table.kinds[at] : "")));
  const open = table.open.get(row.row);
  if (open === undefined) return [line];
  const below = element("tr");
  const cell = element("td", open, "members");
  cell.colSpan = row.cells.length + 1;
  below.append(cell);
  return [line, below];
}

async function members(table, row) {
  if (table.open.delete(row.row)) return draw();
  const most = 100;
  const found = await api("GET", `/questions/${question.id}/rows/${table.number}/${row.row}/endpoints?limit=${most}&by=${encodeURIComponent($("by").value.trim())}`);
  const rest = row.count > found.length ? ` and ${(row.count - found.length).toLocaleString("en")} more` : "";
  table.open.set(row.row, found.map((one) => one.hostname || one.id || one.ordinal).join(", ") + rest);
  draw();
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

// What the address names: `#question/5`.
async function reopen() {
  const id = /^#question\/(\d+)$/.exec(location.hash)?.[1];
  if (!id || Number(id) === question?.id) return;
  const asked = await api("GET", `/questions/${id}`);
  $("text").value = asked.text;
  await follow(asked);
}

on("login", "submit", async (form) => {
  const given = { name: form.elements.name.value, password: form.elements.password.value };
  csrf = (await api("POST", "/login", given)).csrf;
  form.reset();
  const me = await api("GET", "/me");
  show(me);
  if (!me.one_time_password) await reopen();
});

on("logout", "click", async () => {
  await api("POST", "/logout");
  history.replaceState(null, "", location.pathname);
  show(null);
});

on("password", "submit", async (form) => {
  await api("POST", "/me/password", { current: form.elements.current.value, new: form.elements.new.value });
  form.reset();
  show(await api("GET", "/me"));
  await reopen();
});

on("ask", "submit", async () => {
  const text = $("text").value;
  let asked;
  try {
    asked = await api("POST", "/questions", { text });
  } catch (error) {
    // Free words: what they may mean, to choose from. Nothing is asked before.
    const readings = error.status === 422 ? await api("POST", "/questions/interpret", { text }) : [];
    if (!readings.length) throw error;
    offer(readings);
    if (/^\s*get\b/i.test(text)) throw error;
    return;
  }
  await follow(asked);
});

function offer(readings) {
  leave();
  $("readings").hidden = false;
  $("readings").querySelector("ul").replaceChildren(...readings.map((reading) => {
    const item = element("li");
    item.append(button(reading.canonical, "link", () => {
      $("text").value = reading.canonical;
      $("ask").requestSubmit();
    }));
    return item;
  }));
}

on("cancel", "click", () => api("DELETE", `/questions/${question.id}`));
on("order", "change", async () => {
  warn();
  await refresh();
});
for (const id of ["by", "count"]) {
  on(id, "change", async () => {
    warn();
    if (question) await watch();
  });
}
let pause;
$("contains").addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => refresh().catch(say), 150);
});
window.addEventListener("hashchange", () => reopen().catch(say));

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
  show(me);
  return me.one_time_password ? null : reopen();
}).catch((error) => (error.status === 401 ? show(null) : say(error)));
