/**
 * A folded profile as a flame graph: one HTML page without external resources. Names come from the guest and are not
 * to be trusted: as in dump/html.ts, data is JSON without `<`, shown as text only, and the page may request nothing.
 */

import { scriptJson } from '../dump/html.ts';
import type { FlameNode } from './tree.ts';

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Children that take less of the whole are left out. */
const MIN_SHARE = 0.0002;

/** [name, microseconds, children] */
type Packed = readonly [string, number, readonly Packed[]];

function pack(node: FlameNode, least: number): Packed {
  const children = [...node.children.values()]
    .filter((c) => c.time >= least)
    .sort((a, b) => b.time - a.time)
    .map((c) => pack(c, least));
  return [node.name, Math.round(node.time), children];
}

const STYLE = `
body{font:13px/1.4 system-ui,sans-serif;margin:1em;color:#222;background:#fff}
h1{font-size:1.2em;margin:0 0 .3em}
nav{display:flex;gap:1em;align-items:center;margin:.5em 0}
#graph{position:relative}
#graph div{position:absolute;box-sizing:border-box;height:19px;overflow:hidden;white-space:nowrap;
border:1px solid #fff;border-radius:2px;padding:0 3px;font:11px/17px system-ui,sans-serif;cursor:pointer;color:#222}
#graph div.found{background:#d1f !important;color:#fff}
#graph div.above{opacity:.5}
@media (prefers-color-scheme:dark){body{color:#ddd;background:#181818}#graph div{border-color:#181818}}
`;

const SCRIPT = `
'use strict';
const root = JSON.parse(document.getElementById('data').textContent);
const graph = document.getElementById('graph');
const status = document.getElementById('status');
const find = document.getElementById('find');
let path = [root];
function colour(name) {
  let h = 0;
  for (let i = 0; i < name.length; i++) h = (h * 31 + name.charCodeAt(i)) >>> 0;
  return 'hsl(' + (h % 60) + ' 85% ' + (62 + (h >>> 8) % 14) + '%)';
}
function describe(node) {
  const share = (node[1] * 100 / root[1]).toFixed(1);
  return node[0] + ': ' + (node[1] / 1000).toFixed(1) + ' ms, ' + share + ' %';
}
function bar(node, trail, left, width, row, above) {
  const div = document.createElement('div');
  div.textContent = node[0];
  div.title = describe(node);
  div.style.left = left + '%';
  div.style.width = width + '%';
  div.style.top = row * 20 + 'px';
  div.style.background = colour(node[0]);
  if (above) div.className = 'above';
  if (find.value !== '' && node[0].toLowerCase().includes(find.value.toLowerCase())) div.className = 'found';
  div.addEventListener('click', () => { path = trail; draw(); });
  graph.append(div);
}
let rows = 0;
function place(node, trail, left, width, row) {
  if (width < 0.05) return;
  bar(node, trail, left, width, row, false);
  rows = Math.max(rows, row + 1);
  let at = left;
  for (const child of node[2]) {
    const w = node[1] === 0 ? 0 : width * child[1] / node[1];
    place(child, [...trail, child], at, w, row + 1);
    at += w;
  }
}
function draw() {
  graph.textContent = '';
  rows = 0;
  path.slice(0, -1).forEach((node, i) => bar(node, path.slice(0, i + 1), 0, 100, i, true));
  place(path[path.length - 1], path, 0, 100, path.length - 1);
  graph.style.height = rows * 20 + 'px';
  status.textContent = describe(path[path.length - 1]);
}
find.addEventListener('input', draw);
draw();
`;

/** @param title the command that ran */
export function flameGraph(root: FlameNode, title: string): string {
  const data = scriptJson(pack(root, root.time * MIN_SHARE));
  const text = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width">
<title>kevlar-jit profile</title>
<style>${STYLE}</style>
</head>
<body>
<h1>kevlar-jit profile: ${text}</h1>
<p>Host time by phase, then by guest function or system call, then by host functions; a click goes into a bar.</p>
<nav><input id="find" type="search" placeholder="highlight"><span id="status"></span></nav>
<div id="graph"></div>
<noscript>This page needs JavaScript to show its data.</noscript>
<script type="application/json" id="data">${data}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
