/**
 * Proves of a piece of generated code that it can only do what we mean it to: it names nothing but its
 * parameters, its own locals, allow-listed helpers and `Math`; it touches properties only by the
 * allow-listed methods and by numeric index; it uses a small set of syntax.
 */

import { parse } from 'acorn';
import { EMIT_PARAMS } from '../../src/backend-js/emit-region.ts';

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const STATEMENTS = new Set([
  'Program',
  'ReturnStatement',
  'FunctionExpression',
  'BlockStatement',
  'VariableDeclaration',
  'VariableDeclarator',
  'ExpressionStatement',
  'IfStatement',
  'ForStatement',
  'SwitchStatement',
  'SwitchCase',
  'LabeledStatement',
  'BreakStatement',
  'ContinueStatement',
  'EmptyStatement',
]);
const EXPRESSIONS = new Set([
  'Literal',
  'Identifier',
  'MemberExpression',
  'CallExpression',
  'BinaryExpression',
  'LogicalExpression',
  'UnaryExpression',
  'ConditionalExpression',
  'AssignmentExpression',
  'SequenceExpression',
]);
const METHODS: Readonly<Record<string, RegExp>> = {
  Math: /^(imul|clz32|floor|trunc|abs|fround|sqrt|min|max)$/,
  D: /^[gs]et(Int|Uint)(16|32)$|^getFloat64$/,
  m: /^(read|write8|write16|write32|write64|writeBytes|raise)$/,
};
const VIEWS = new Set(['I32', 'U8', 'F32', 'F64', 'T', 'W']);
/** Local names of parameters. */
const ALIASES: Readonly<Record<string, string>> = {
  I32: 'i32',
  U8: 'u8',
  F32: 'f32',
  F64: 'f64',
  D: 'd',
  m: 'mem',
};
/** Indexed once, at the top of the factory. */
const TABLES = new Set(['H', 'S']);

/** Throws an Error that says what the source does that it may not. */
export function checkEmitted(source: string): void {
  const program = parse(source, {
    ecmaVersion: 2022,
    sourceType: 'script',
    allowReturnOutsideFunction: true,
  }) as unknown as Node;
  new Checker().visit(program);
}

class Checker {
  private readonly scopes: Set<string>[] = [new Set([...EMIT_PARAMS, 'Math'])];

  visit(node: Node): void {
    if (!STATEMENTS.has(node.type) && !EXPRESSIONS.has(node.type)) fail(`syntax ${node.type}`);
    switch (node.type) {
      case 'Identifier':
        this.name(node.name as string);
        return;
      case 'MemberExpression':
        this.member(node);
        return;
      case 'CallExpression':
        this.call(node);
        return;
      case 'AssignmentExpression':
        this.assignment(node);
        return;
      case 'VariableDeclarator':
        if (node.init !== null) this.visit(node.init as Node);
        this.declare((node.id as Node).name as string, node.init as Node | null);
        return;
      case 'Literal':
        if (typeof node.value !== 'number' && node.value !== 'use strict') fail('literal');
        return;
      case 'LabeledStatement':
        this.visit(node.body as Node);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
        return;
      case 'BlockStatement':
      case 'FunctionExpression':
        this.scopes.push(new Set());
        if (node.type === 'FunctionExpression') {
          if ((node.params as Node[]).length > 0) fail('parameters');
          this.visit(node.body as Node);
        } else this.children(node);
        this.scopes.pop();
        return;
      default:
        this.children(node);
    }
  }

  private children(node: Node): void {
    for (const value of Object.values(node)) {
      if (Array.isArray(value))
        for (const v of value as (Node | null)[]) v !== null && this.visit(v);
      else if (value !== null && typeof value === 'object' && 'type' in value) {
        this.visit(value as Node);
      }
    }
  }

  private declare(name: string, value: Node | null): void {
    const parameter = ALIASES[name];
    if (parameter !== undefined) {
      if (value?.name !== parameter) fail(`${name} other than ${parameter}`);
    } else if (!/^(_?[a-z]\w*|[a-z])$/.test(name)) fail(`local ${name}`);
    this.scopes[this.scopes.length - 1]!.add(name);
  }

  private name(name: string): void {
    if (!this.scopes.some((s) => s.has(name))) fail(`name ${name}`);
  }

  /** view[index], or a table in the prologue; methods are handled by their calls. */
  private member(node: Node): void {
    const object = node.object as Node;
    const name = object.type === 'Identifier' ? (object.name as string) : '';
    if (node.computed !== true || (!VIEWS.has(name) && !TABLES.has(name)))
      fail(`member of ${name}`);
    if (TABLES.has(name) && (node.property as Node).type !== 'Literal') fail('table index');
    this.visit(node.property as Node);
  }

  private call(node: Node): void {
    const callee = node.callee as Node;
    if (callee.type === 'Identifier') {
      if (!/^([hv]\d+|accept)$/.test(callee.name as string)) fail(`call of ${callee.name}`);
      this.name(callee.name as string);
    } else {
      const object = (callee.object as Node | undefined)?.name as string;
      const method = (callee.property as Node | undefined)?.name as string;
      if (callee.computed === true || METHODS[object]?.test(method) !== true) {
        fail(`call of ${object}.${method}`);
      }
    }
    for (const a of node.arguments as Node[]) {
      // `true` is the little-endian argument of DataView methods.
      if (a.type === 'Literal' && a.value === true) continue;
      this.visit(a);
    }
  }

  private assignment(node: Node): void {
    const left = node.left as Node;
    if (left.type === 'Identifier') {
      const name = left.name as string;
      if ((EMIT_PARAMS as readonly string[]).includes(name) || name in ALIASES)
        fail('assigns a parameter');
    } else if (left.type !== 'MemberExpression') fail(`assignment to ${left.type}`);
    this.visit(left);
    this.visit(node.right as Node);
  }
}

function fail(what: string): never {
  throw new Error(`emitted code: ${what} is not allowed`);
}
