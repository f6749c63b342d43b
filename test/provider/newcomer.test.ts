/**
 * CONTRIBUTING.md says how a provider is added, and what fails first. Here somebody follows it to the letter, on a copy
 * of the tree: a folder, a kind, a fake; the compiler names every other place, which is then filled in; and the new
 * provider runs its turns under the suite of all providers.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

setDefaultTimeout(300_000);

const ROOT = join(import.meta.dir, "..", "..");
const copy = mkdtempSync(join(tmpdir(), "newcomer-"));
for (const name of ["src", "test", "nix", "tsconfig.json", "package.json"])
  cpSync(join(ROOT, name), join(copy, name), { recursive: true });
symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const text = (file: string): string => readFileSync(join(copy, file), "utf8");
const edit = (file: string, from: string, to: string): void => {
  if (text(file).split(from).length !== 2)
    throw new Error(`${file} holds no or several ${from}: this test has to follow`);
  writeFileSync(
    join(copy, file),
    text(file).replace(from, () => to),
  );
};
const bring = (fixture: string, file: string): void =>
  cpSync(join(ROOT, "test/fixtures/newcomer", fixture), join(copy, file));

const bun = (...words: readonly string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, ...words], { cwd: copy });
  return { exitCode, said: `${stdout}\n${stderr}` };
};
/** Files that the compiler complains about. */
const stops = (): readonly string[] => {
  const { said } = bun("node_modules/typescript/bin/tsc", "--noEmit", "-p", "tsconfig.json");
  return [...new Set([...said.matchAll(/^(\S+?)\(\d+,\d+\): error/gm)].map(([, file = ""]) => file))].sort();
};

/** The row of the guide: what is made, and what the compiler names then. */
function guide(): { readonly made: readonly string[]; readonly named: readonly string[] } {
  const row = /^\| a provider \| (.*) \| (.*) \|$/m.exec(readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8"));
  const [made = "", named = ""] = [row?.[1], row?.[2]?.split("; then")[0]];
  const places = (words: string): readonly string[] =>
    [...words.matchAll(/`([^` ]+\/[^`]*)`/g)].map(([, at = ""]) => at);
  return { made: places(made), named: places(named) };
}

test("a provider is added by what the guide names, and by nothing else", () => {
  const { made, named } = guide();
  expect(made).toEqual(["src/providers/", "src/words/kinds.ts", "test/fakes/"]);

  mkdirSync(join(copy, "src/providers/toy"));
  bring("codec.ts.txt", "src/providers/toy/codec.ts");
  edit(
    "src/words/kinds.ts",
    '"command"] as const;\nexport type ProviderKind',
    '"command", "toy"] as const;\nexport type ProviderKind',
  );
  bring("fake.ts.txt", "test/fakes/toy.ts");
  expect(stops()).toEqual([...named].sort());

  const codec = '  toy: () => seal(import("./toy/codec.ts").then(({ toyCodec }) => toyCodec)),\n';
  const abilities = text("test/provider/abilities.ts").matchAll(/^  readonly (\w+): boolean;$/gm);
  const cannot = [...abilities].map(([, name]) => `${name}: false`).join(", ");
  const first = "  codex: ";
  edit("src/providers/index.ts", first, `${codec}${first}`);
  edit("src/night/identity.ts", "  codex(", '  toy: () => "toy",\n  codex(');
  edit("src/providers/screens.ts", first, `  toy: null,\n${first}`);
  edit("test/provider/abilities.ts", first, `  toy: { ${cannot} },\n${first}`);
  edit(
    "test/provider/capabilities.ts",
    '  codex: "codex",\n  opencode',
    '  toy: "toy",\n  codex: "codex",\n  opencode',
  );
  edit("test/unit/providers/record.ts", first, `  toy: "toy.ts",\n${first}`);
  expect(stops()).toEqual([]);

  const suite = text("test/provider/acp.test.ts");
  writeFileSync(join(copy, "test/provider/toy.test.ts"), suite.replaceAll("acp", "toy"));
  const cases = [
    "a simple turn: starting or processing at once, idle at the end, the exact text",
    "a second turn goes on with the conversation",
    "input while busy is queued and runs right after, without idle in between",
    "the daemon is restarted in the middle of a turn: nothing is lost and nothing comes twice",
  ];
  const filter = cases.map((name) => RegExp.escape(name)).join("|");
  const { exitCode, said } = bun("test", "--timeout", "60000", "./test/provider/toy.test.ts", "-t", filter);
  expect(`${exitCode} ${said.match(/^ *\d+ (pass|fail)$/gm)?.join(",") ?? said}`).toMatch(/^0 +4 pass, +0 fail$/);
});
