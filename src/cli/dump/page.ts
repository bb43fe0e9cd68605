/** Style and script of the dump's page. The script builds everything with text nodes: see html.ts. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #8884; --head: #8881; --mark: #fd06; --weak: #888; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 0; }
header, nav, main { padding: 0 16px; }
h1 { font-size: 18px; margin: 12px 0 4px; } h2 { font-size: 16px; margin: 16px 0 4px; }
p { margin: 4px 0; color: var(--weak); }
input { font: inherit; width: 24em; padding: 2px 6px; }
#table { max-height: 34vh; overflow: auto; margin: 8px 16px; border: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 2px 8px; text-align: right; white-space: nowrap; }
th { position: sticky; top: 0; background: Canvas; border-bottom: 1px solid var(--line); cursor: pointer; }
th:last-child, td:last-child { text-align: left; width: 100%; }
tbody tr { cursor: pointer; } tbody tr:hover, tbody tr.on { background: var(--mark); }
td, pre { font: 12px/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { margin: 0; padding: 4px 8px; overflow-x: auto; white-space: pre; }
.row { display: grid; grid-template-columns: 22fr 24fr 22fr 32fr; border: 1px solid var(--line); border-top: 0; }
.row > * { min-width: 0; border-left: 1px solid var(--line); } .row > :first-child { border-left: 0; }
.row.names { border-top: 1px solid var(--line); background: var(--head); position: sticky; top: 0; padding: 0; }
.row.names > * { padding: 2px 8px; font-weight: 600; background: Canvas; }
.bar { padding: 2px 8px; background: var(--head); border: 1px solid var(--line); border-top: 0; }
.bar b { font-family: ui-monospace, Menlo, monospace; }
.exits { display: flex; flex-wrap: wrap; gap: 4px 16px; font: 12px ui-monospace, Menlo, monospace; margin: 6px 0; }
@media (max-width: 900px) { .row { grid-template-columns: 1fr; } .row.names { display: none; } }
`;

export const PAGE_SCRIPT = `'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const number = (n) => n.toLocaleString('en-US');
const percent = (x) => (x * 100).toFixed(1) + ' %';
function element(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  for (const c of children) e.append(c);
  return e;
}
const pre = (lines) => element('pre', '', lines.join('\\n'));
const asm = (b) => pre(b.asm.map((a) => a.address.slice(2).padStart(8) + '  ' + a.text));

const share = data.instructions === 0 ? 0 : data.inRegions / data.instructions;
document.getElementById('summary').textContent =
  data.program.join(' ') + '  (engine ' + data.engine + '): ' + number(data.instructions) +
  ' instructions, ' + percent(share) + ' of them in ' + number(data.regionsCompiled) + ' regions (' +
  number(data.regions.length) + ' shown); ' +
  number(data.blocksTranslated) + ' blocks translated';

const weight = (b) => b.executions * b.asm.length;
const other = (label, instructions, show) =>
  ({ name: label, address: '', instructions, share: instructions / (data.instructions || 1),
     entries: 0, blocks: [], show });
const rows = data.regions.map((r) => ({ ...r, show: () => showRegion(r) }));
if (data.blocks.length > 0) {
  rows.push(other('hottest blocks in the interpreter',
    data.blocks.reduce((n, b) => n + weight(b), 0), showBlocks));
}
rows.push(other('invalidations', 0, showInvalidations));

const COLUMNS = [
  ['instructions', (r) => r.instructions, number],
  ['share', (r) => r.share, percent],
  ['entries', (r) => r.entries, number],
  ['blocks', (r) => r.blocks.length, number],
  ['region', (r) => r.name, String],
];
let order = 0, down = true, selected = rows[0];

function showTable() {
  const text = document.getElementById('filter').value.toLowerCase();
  const [, key] = COLUMNS[order];
  const compare = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (down ? -1 : 1);
  const list = rows
    .filter((r) => (r.name + ' ' + r.address + ' ' + (r.symbol || '')).toLowerCase().includes(text))
    .sort(compare);
  const head = element('tr', '', ...COLUMNS.map(([name], i) => {
    const th = element('th', '', name + (i === order ? (down ? ' \\u25be' : ' \\u25b4') : ''));
    th.onclick = () => { down = i === order ? !down : true; order = i; showTable(); };
    return th;
  }));
  const body = element('tbody', '', ...list.map((r) => {
    const tr = element('tr', r === selected ? 'on' : '',
      ...COLUMNS.map(([, of, format]) => element('td', '', format(of(r)))));
    tr.onclick = () => { selected = r; showTable(); showDetail(); };
    return tr;
  }));
  document.getElementById('table').replaceChildren(
    element('table', '', element('thead', '', head), body));
}

const NAMES = () => element('div', 'row names',
  ...['guest', 'IR before', 'IR after', 'JavaScript'].map((t) => element('div', '', t)));

function bar(b) {
  const name = element('b', '', b.address + (b.symbol ? ' ' + b.symbol : ''));
  return element('div', 'bar', name, '  executed ' + number(b.executions) + ' times');
}

function showRegion(r) {
  const exits = element('div', 'exits', ...r.exits.map((e) =>
    element('span', '', e.kind + ' ' + (e.to === null ? 'computed' : e.to) + ': ' + number(e.count))));
  const out = [
    element('h2', '', r.name),
    element('p', '', (r.symbol ? r.symbol + ', ' : '') + number(r.instructions) + ' instructions (' +
      percent(r.share) + '), entered ' + number(r.entries) + ' times' +
      (r.alive ? '' : '; invalidated')),
    element('p', '', r.exits.length === 0 ? 'never left' : 'left by'), exits, NAMES(),
  ];
  const shown = new Set();
  for (const chunk of r.javascript) {
    const b = r.blocks[chunk.block];
    const first = b !== undefined && !shown.has(b);
    if (first) out.push(bar(b));
    shown.add(b);
    out.push(element('div', 'row',
      ...(first ? [asm(b), pre(b.irBefore), pre(b.irAfter)] : [pre([]), pre([]), pre([])]),
      pre(chunk.lines)));
  }
  return out;
}

function showBlocks() {
  const out = [element('h2', '', 'Hottest blocks in the interpreter'), NAMES()];
  for (const b of data.blocks) {
    out.push(bar(b), element('div', 'row', asm(b), pre(b.irBefore), pre(b.irAfter), pre([])));
  }
  return out;
}

function showInvalidations() {
  const lines = data.invalidations.map((i) => number(i.count).padStart(10) + '  ' + i.reason);
  const log = data.log.map((e) => e.address + ' ' + e.symbol + ': ' + e.reason);
  return [element('h2', '', 'Invalidations'),
    pre(lines.length === 0 ? ['none'] : lines), pre(log)];
}

function showDetail() {
  document.getElementById('detail').replaceChildren(...(selected ? selected.show() : []));
}
document.getElementById('filter').oninput = showTable;
showTable();
showDetail();
`;
