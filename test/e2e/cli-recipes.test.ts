/** The README's recipes, run as they stand against the compiled program and a fake Claude Code. */
import { expect, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import { cliOf } from "../support/cli.ts";
import { README } from "../support/readme.ts";

const SCRIPTS = {
  "bump the dependencies": [{ say: "bumped" }],
  "fix the failing test": [{ ask: "Bash", input: { command: "bun test" }, result: "ok" }, { say: "fixed" }],
  "review this folder": [{ say: "a fine folder" }],
};

test("cron, CI with an answer from elsewhere, ten agents, a screen, five folders", async () => {
  const readme = readFileSync(README, "utf8");
  const page = readme.slice(readme.indexOf("### Recipes"), readme.indexOf("## HTTP API"));
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, body = ""]) => body);
  const [cron = "", ci = "", answer = "", watch = "", screen = "", folders = ""] = blocks;
  expect(blocks.length).toBe(6);
  const box = await makeBox({
    providers: {
      "claude-code": {
        command: [process.execPath, join(FAKES, "claude.ts")],
        env: { FAKE_SCRIPTS: join("/tmp", `ah-recipes-${process.pid}.json`) },
      },
      codex: { enabled: false },
      opencode: { enabled: false },
      pi: { enabled: false },
    },
  });
  writeFileSync(join("/tmp", `ah-recipes-${process.pid}.json`), JSON.stringify(SCRIPTS));
  try {
    await box.start();
    symlinkSync(BINARY, join(box.dir, "agent-harness"));
    const cli = cliOf(box);
    const paste = async (script: string) => {
      const child = Bun.spawn(["bash", "-c", script], {
        cwd: box.cwd,
        env: { ...box.env, AH_URL: box.api().url, PATH: `${box.dir}:${box.env["PATH"] ?? ""}` },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { code: await child.exited, out, err };
    };
    const file = (name: string): string => readFileSync(join(box.cwd, name), "utf8");

    expect(await paste(cron)).toMatchObject({ code: 0, out: "" });
    expect(file("bump.txt")).toBe("bumped\n");

    const step = paste(ci);
    await eventually("it waits", async () => (await cli("permissions")).out !== "");
    expect((await paste(answer)).out).toMatch(/^project\/ci\tp1\tpending\tBash\t.*\tbun test\n$/);
    expect((await step).code).toBe(0);
    expect(file("answer.txt")).toBe("fixed\n");

    const watching = paste(
      // Until it was seen: who follows may begin to only behind the end of the first one.
      `${watch}for i in $(seq 30); do agent-harness run -q "bump the dependencies" > /dev/null; ! grep -q "turn completed" changes.txt || break; sleep 0.3; done; kill $!`,
    );
    expect((await watching).err).toBe("");
    expect(file("changes.txt")).toMatch(/\tproject\/[0-9a-f]{8}\tprocessing\tidle\tturn completed$/m);

    expect((await paste(screen)).out).toContain("--permission-mode default");

    expect(await paste(folders)).toMatchObject({ code: 0, out: "" });
    for (const name of ["one", "two", "three", "four", "five"]) expect(file(`${name}.md`)).toBe("a fine folder\n");
  } finally {
    await box.close();
  }
}, 90_000);
