// @ts-nocheck: it is what loads TypeScript, and the syntax tree that it walks has no types here.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parse } from "@babel/parser";
import { transform } from "esbuild";
import MagicString from "magic-string";

/* Node's hook that loads TypeScript: types are taken away, and in `src` each branch calls `reachBranch(ITS NUMBER)`. */

const source = new URL("../../src/", import.meta.url).href;
let branches = 0;

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);
  const text = await readFile(fileURLToPath(url), "utf8");
  const { code } = await transform(text, { loader: "ts", target: "node20", sourcefile: url });
  const counted = url.startsWith(source) ? withCounters(code) : code;
  return { format: "module", source: counted, shortCircuit: true };
}

function withCounters(code) {
  const text = new MagicString(code);
  const count = () => `reachBranch(${(branches += 1)})`;
  const block = (node) => text.appendRight(node.start + 1, `${count()};`);
  const expression = (node) => {
    text.appendRight(node.start, `(${count()},`);
    text.appendLeft(node.end, ")");
  };
  const statement = (node) => {
    if (node === null) return;
    if (node.type === "BlockStatement") return void block(node);
    text.appendRight(node.start, `{${count()};`);
    text.appendLeft(node.end, "}");
  };
  const counters = {
    FunctionDeclaration: ({ body }) => block(body),
    FunctionExpression: ({ body }) => block(body),
    ObjectMethod: ({ body }) => block(body),
    ClassMethod: ({ body }) => block(body),
    ClassPrivateMethod: ({ body }) => block(body),
    ArrowFunctionExpression: ({ body }) =>
      body.type === "BlockStatement" ? block(body) : expression(body),
    IfStatement: ({ consequent, alternate }) => {
      statement(consequent);
      if (alternate?.type !== "IfStatement") statement(alternate ?? null);
    },
    ForStatement: ({ body }) => statement(body),
    ForOfStatement: ({ body }) => statement(body),
    ForInStatement: ({ body }) => statement(body),
    WhileStatement: ({ body }) => statement(body),
    CatchClause: ({ body }) => block(body),
    SwitchCase: ({ consequent: [first] }) => {
      if (first !== undefined) text.appendRight(first.start, `${count()};`);
    },
    ConditionalExpression: ({ consequent, alternate }) => {
      expression(consequent);
      expression(alternate);
    },
    LogicalExpression: ({ right }) => expression(right),
  };
  walk(parse(code, { sourceType: "module" }).program, (node) => counters[node.type]?.(node));
  return text.toString();
}

/** From the outside in, so that what is put in front of an inner one stands behind what is put before the outer one. */
function walk(node, enter) {
  enter(node);
  for (const value of Object.values(node)) {
    for (const part of Array.isArray(value) ? value : [value]) {
      if (typeof part?.type === "string" && typeof part.start === "number") walk(part, enter);
    }
  }
}
