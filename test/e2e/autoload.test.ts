/** A binary that is started inside an untrusted repository takes nothing from it: no variables, no code, no aliases. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const flags = /^COMPILE_FLAGS := ((?:.*\\\n)*.*)$/m
  .exec(readFileSync(join(ROOT, "Makefile"), "utf8"))?.[1]
  ?.split(/[\s\\]+/)
  .filter((flag) => flag !== "");

let scratch = "";
let hostile = "";
const marker = (): string => join(hostile, "the-repository-ran-code");

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "ah-autoload-"));
  hostile = mkdtempSync(join(tmpdir(), "ah-hostile-"));
  for (const name of [".env", ".env.local", ".env.production", ".env.development"]) {
    writeFileSync(join(hostile, name), "HOSTILE=1\nAH_LOG_LEVEL=hostile\nAH_RECEIVER_PORT=hostile\n");
  }
  writeFileSync(join(hostile, "bunfig.toml"), 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n');
  writeFileSync(
    join(hostile, "evil.ts"),
    `require("node:fs").writeFileSync(${JSON.stringify(marker())}, "x");\nexport {};\n`,
  );
  writeFileSync(
    join(hostile, "tsconfig.json"),
    '{"compilerOptions":{"baseUrl":".","paths":{"aliased":["./evil.ts"]}}}\n',
  );
  writeFileSync(
    join(hostile, "package.json"),
    '{"name":"hostile","main":"./evil.ts","exports":"./evil.ts","imports":{"#aliased":"./evil.ts"}}\n',
  );
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  rmSync(hostile, { recursive: true, force: true });
});

function runThere(
  program: string,
  args: readonly string[] = [],
  extra: Readonly<Record<string, string>> = {},
): { code: number; stdout: string; stderr: string } {
  rmSync(marker(), { force: true });
  const env = { PATH: process.env["PATH"] ?? "", HOME: scratch, XDG_STATE_HOME: scratch, ...extra };
  const done = Bun.spawnSync([program, ...args], { cwd: hostile, env, timeout: 20_000 });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

/** Prints what the folder could make it see. */
const PROBE = `
const tries = {};
for (const name of ["aliased", "#aliased", "hostile"]) {
  tries[name] = await import(name).then(() => "loaded", () => "refused");
}
console.log(JSON.stringify({ env: process.env.HOSTILE ?? null, tries }));
`;

function compileProbe(name: string, compileFlags: readonly string[]): string {
  const source = join(scratch, `${name}.ts`);
  const outfile = join(scratch, name);
  writeFileSync(source, PROBE);
  const built = Bun.spawnSync([process.execPath, "build", ...compileFlags, source, "--outfile", outfile], {
    cwd: scratch,
  });
  if (!existsSync(outfile)) throw new Error(`cannot compile the probe: ${built.stderr.toString()}`);
  return outfile;
}

describe("a program compiled with the flags of the Makefile", () => {
  test("takes nothing from the folder it is started in", () => {
    const probe = compileProbe("closed", flags ?? []);
    const { stdout } = runThere(probe);
    expect(JSON.parse(stdout)).toEqual({
      env: null,
      tries: { aliased: "refused", "#aliased": "refused", hostile: "refused" },
    });
    expect(existsSync(marker())).toBe(false);
  });

  test("without those flags the same folder does act, so the test above can fail", () => {
    const opened = (flags ?? []).filter((flag) => !flag.includes("autoload"));
    const { stdout } = runThere(compileProbe("open", opened));
    expect(existsSync(marker())).toBe(true);
    expect(JSON.parse(stdout)).toMatchObject({ env: "1" });
  });
});

describe.each(["agent-harness", "webhook-receiver"])("./%s", (name) => {
  const binary = join(ROOT, name);

  test.skipIf(!existsSync(binary))("prints its version there and runs no code of the folder", () => {
    const { code, stdout, stderr } = runThere(binary, ["version"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);
    expect(existsSync(marker())).toBe(false);
  });

  test.skipIf(!existsSync(binary))("takes no setting from a .env of the folder", () => {
    const [command, variable] = name === "agent-harness" ? ["config", "AH_LOG_LEVEL"] : ["check", "AH_RECEIVER_PORT"];
    const { stdout, stderr } = runThere(binary, [command]);
    expect(stdout + stderr).not.toContain("hostile");
    expect(existsSync(marker())).toBe(false);
    // The same value is refused by name when it comes from where it may come from.
    expect(runThere(binary, [command], { [variable]: "hostile" })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${variable}: got "hostile"`),
    });
  });
});
