/** The shape of the tree: short files, arrows that point downwards, nothing at run time but the runtime. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const files = [...new Bun.Glob("{src,test}/**/*.{ts,css,html}").scanSync(ROOT)].sort();
const sources = files.filter((file) => file.startsWith("src/") && file.endsWith(".ts"));
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/**
 * The folders of src/ that each folder may take code from, beside itself. Types are exempt: they vanish, and
 * `agents/model.ts` and `providers/provider.ts` are the words that everybody speaks.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  words: [],
  lib: ["words"],
  http: ["words", "lib"],
  store: ["words", "lib"],
  process: ["words", "lib"],
  providers: ["words", "lib"],
  bridge: ["words", "lib", "providers", "process"],
  webhook: ["words", "lib", "store"],
  config: ["words", "lib", "webhook"],
  agents: ["words", "lib", "providers", "process", "store", "webhook"],
  api: ["words", "lib", "http", "providers", "process", "store", "webhook", "agents"],
  cli: [
    "words",
    "lib",
    "http",
    "providers",
    "process",
    "store",
    "webhook",
    "config",
    "agents",
    "api",
    "bridge",
    "(the top)",
  ],
  receiver: ["words", "lib", "http", "store", "process", "webhook", "config"],
  inspector: [],
};

/** What a file needs when it runs: relative targets and packages. */
function importsOf(file: string): { inside: string[]; outside: string[] } {
  const statements = read(file).matchAll(
    /^(?:import|export)\s+(?!type\b)([^"';]*?from\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  const specifiers = [...statements]
    .filter(([, names = ""]) => !/^\{\s*(type\s+\w+(\s+as\s+\w+)?\s*,?\s*)+\}\s*from\s+$/.test(names))
    .map(([, , statically, dynamically]) => statically ?? dynamically ?? "");
  return {
    inside: specifiers.filter((name) => name.startsWith(".")).map((name) => normalize(join(dirname(file), name))),
    outside: specifiers.filter((name) => !name.startsWith(".")),
  };
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

  test("every folder of src/ has its place in the order", () => {
    const folders = new Set(sources.map(folderOf).filter((folder) => folder !== undefined));
    expect([...folders].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });
});

test("no lock file or source names a registry", () => {
  expect(read("bun.lock")).not.toMatch(/https?:/);
});
