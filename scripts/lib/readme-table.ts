/** The benchmark's table in the README, between two comments. */

const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

/** The README with another table. */
export function withTable(readme: string, table: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the README has no ${BEGIN} … ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${table.trim()}\n\n${readme.slice(end)}`;
}
