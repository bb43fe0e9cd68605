/**
 * The dump as one HTML page without external resources. Names, paths and arguments in it come from the
 * guest and are not to be trusted: all data is JSON in a data block in which no `<` occurs, the script
 * shows it as text nodes only, and the page's policy allows no requests.
 */

import { PAGE_SCRIPT, PAGE_STYLE } from './page.ts';
import type { Report } from './report.ts';

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** JSON that can stand in a script element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

/** What the page shows: without the sources, which are files of their own. */
function shown(report: Report): object {
  return {
    ...report,
    regions: report.regions.map(({ source: _source, sourceMap: _map, ...rest }) => rest),
  };
}

export function htmlReport(report: Report): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width">
<title>kevlar-jit dump</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header><h1>kevlar-jit dump</h1><p id="summary"></p></header>
<nav><input id="filter" type="search" placeholder="filter by name or address"></nav>
<div id="table"></div>
<main id="detail"></main>
<noscript>This page needs JavaScript to show its data.</noscript>
<script type="application/json" id="data">${scriptJson(shown(report))}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
