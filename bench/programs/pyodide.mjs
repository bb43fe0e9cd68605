/** Runs Python code in Pyodide as `python3` would: pyodide.mjs PYODIDE.MJS -c CODE | FILE ARG... */

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [where, ...argv] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(where).href);
const python = await loadPyodide({ stdout: (line) => console.log(line) });
const code = argv[0] === '-c' ? argv[1] : readFileSync(argv[0], 'utf8');
python.globals.set('arguments_of_host', argv[0] === '-c' ? ['-c'] : argv);
python.runPython('import sys; sys.argv = list(arguments_of_host)');
await python.runPythonAsync(code);
