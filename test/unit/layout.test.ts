/** The shape of the tree: short files, arrows that point downwards, nothing at run time but the runtime. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const files = [...new Bun.Glob("{src,test}/**/*.{ts,css,html}").scanSync(ROOT)].sort();
const sources = files.filter((file) => file.startsWith("src/") && file.endsWith(".ts"));
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/**
 * The folders of src/, from the ground up, and what each may take from the ones below it, beside itself. Types count
 * like code: who needs to know of another's shapes depends on it.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  words: [],
  lib: ["words"],
  http: ["words", "lib"],
  process: ["words", "lib"],
  store: ["words", "lib"],
  providers: ["words", "lib"],
  bridge: ["words", "lib", "process", "providers"],
  config: ["words", "lib"],
  webhook: ["words", "lib", "store"],
  agents: ["words", "lib", "process", "store", "providers", "webhook"],
  workspaces: ["words", "lib", "process", "store", "agents"],
  night: ["words", "lib", "process", "store", "providers", "agents"],
  receiver: ["words", "lib", "http", "process", "store", "config", "webhook"],
  inspector: [],
  api: ["words", "lib", "http", "process", "store", "providers", "config", "webhook", "agents", "workspaces", "night"],
  fleet: [
    ...["words", "lib", "http", "process", "store", "providers", "config", "webhook", "agents", "workspaces", "api"],
  ],
  cli: ["words", "lib", "http", "process", "providers", "bridge", "config", "agents", "api", "fleet", "(the top)"],
};

/** What a file names, statically or when it runs: relative targets and packages. */
function importsOf(file: string): { inside: string[]; outside: string[] } {
  const statements = read(file).matchAll(/^(?:import|export)\s+(?:[^"';]*?from\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm);
  const specifiers = [...statements].map(([, statically, dynamically]) => statically ?? dynamically ?? "");
  return {
    inside: specifiers.filter((name) => name.startsWith(".")).map((name) => normalize(join(dirname(file), name))),
    outside: specifiers.filter((name) => !name.startsWith(".")),
  };
}

/** Files that need each other, directly or over others: the strongly connected parts of more than one file. */
function circles(): string[] {
  const reached = (from: string): ReadonlySet<string> => {
    const seen = new Set<string>();
    const open = [from];
    for (let file = open.pop(); file !== undefined; file = open.pop())
      for (const next of needs.get(file) ?? []) if (!seen.has(next)) (seen.add(next), open.push(next));
    return seen;
  };
  const needs = new Map(sources.map((file) => [file, importsOf(file).inside]));
  const reach = new Map(sources.map((file) => [file, reached(file)]));
  const inCircle = sources.filter((file) => reach.get(file)?.has(file));
  const parts = inCircle.map((file) =>
    inCircle.filter((other) => reach.get(file)?.has(other) && reach.get(other)?.has(file)).join(" "),
  );
  return [...new Set(parts)];
}

const folderOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];

test("no file is longer than 400 lines", () => {
  const long = files
    .map((file) => [file, read(file).split("\n").length - 1] as const)
    .filter(([, lines]) => lines > 400);
  expect(long).toEqual([]);
});

test("nothing is imported at run time but the runtime itself", () => {
  const foreign = sources.flatMap((file) =>
    importsOf(file)
      .outside.filter((name) => !/^(node:|bun$|bun:)/.test(name))
      .map((name) => `${file}: ${name}`),
  );
  expect(foreign).toEqual([]);
  const { dependencies, devDependencies } = JSON.parse(read("package.json"));
  expect(dependencies).toBeUndefined();
  expect(Object.keys(devDependencies)).toEqual(["bun-types", "typescript"]);
});

describe("arrows point downwards", () => {
  test.each(Object.entries(MAY_IMPORT))("src/%s", (folder, allowed) => {
    const upward = sources
      .filter((file) => folderOf(file) === folder)
      .flatMap((file) => importsOf(file).inside.map((target) => [file, target] as const))
      .filter(([, target]) => target.startsWith("src/"))
      .filter(([, target]) => folderOf(target) !== folder && !allowed.includes(folderOf(target) ?? "(the top)"))
      .map(([file, target]) => `${file} → ${target}`);
    expect(upward).toEqual([]);
  });

  test("every folder takes only from folders that stand below it", () => {
    const order = Object.keys(MAY_IMPORT);
    const upward = order.flatMap((folder, i) =>
      (MAY_IMPORT[folder] ?? [])
        .filter((other) => other !== "(the top)" && order.indexOf(other) >= i)
        .map((other) => `${folder} → ${other}`),
    );
    expect(upward).toEqual([]);
  });

  test("no files need each other in a circle, types counted", () => {
    expect(circles()).toEqual([]);
  });

  test("every folder of src/ has its place in the order", () => {
    const folders = new Set(sources.map(folderOf).filter((folder) => folder !== undefined));
    expect([...folders].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });
});

test("no lock file or source names a registry", () => {
  expect(read("bun.lock")).not.toMatch(/https?:/);
});
