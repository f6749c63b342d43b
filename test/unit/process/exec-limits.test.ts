/**
 * What the API takes must be what a program can be started with. Looked for: `env` of an agent, a `command`
 * whose prompt is an argument, `args` and `env` of the config. All of them end here, before the spawn; the schema of
 * `env` says the same sooner. A system prompt is no argument of any program.
 */
import { describe, expect, test } from "bun:test";
import { MAX_STRING_BYTES, MAX_TOTAL_BYTES, execProblem } from "../../../src/process/exec-limits.ts";

describe("execProblem", () => {
  test("the limit for one string is the kernel's own, to the byte", () => {
    const fits = "x".repeat(MAX_STRING_BYTES - 1);
    expect(execProblem(["/bin/true", fits], {})).toBeNull();
    expect(Bun.spawnSync(["/bin/true", fits]).exitCode).toBe(0);
    expect(execProblem(["/bin/true", `${fits}x`], {})).toContain("argument 1 has 131072 bytes");
    expect(() => Bun.spawnSync(["/bin/true", `${fits}x`])).toThrow();
  });

  test("a variable counts with its name, in bytes, and is named without its value", () => {
    const value = "ä".repeat((MAX_STRING_BYTES - "TOKEN=".length - 2) / 2);
    expect(execProblem(["a"], { TOKEN: value })).toBeNull();
    const problem = execProblem(["a"], { TOKEN: `${value}ä` });
    expect(problem).toContain("the variable TOKEN has");
    expect(problem).not.toContain("ä");
  });

  test("an argument behind a flag is named by it", () => {
    expect(execProblem(["claude", "--append-system-prompt", "x".repeat(200_000)], {})).toContain(
      "behind --append-system-prompt",
    );
  });

  test("many that fit alone do not fit together", () => {
    const env = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`V${i}`, "x".repeat(120_000)]));
    expect(execProblem(["a"], env)).toContain(`at most ${MAX_TOTAL_BYTES}`);
    expect(execProblem(["a"], Object.fromEntries(Object.entries(env).slice(0, 16)))).toBeNull();
  });
});
