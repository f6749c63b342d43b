/**
 * The README's first agent with the real Claude Code: asked, allowed, aborted, and resumed after kill -9 of daemon and
 * program.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { firstAgent, newReader, storyIn } from "../support/readme-shell.ts";
import { real } from "./claude-live.ts";
import { installClaude } from "./claude.install.ts";
import { digestAnswer, startAnthropicStub } from "./stub-anthropic.ts";
import { quietPort } from "../support/hook.ts";

const installed = await installClaude(process.env);

real("the README's first agent, with the real Claude Code", () => {
  const reader = newReader();
  const file = join(reader.home, "hello/hello.txt");
  const stub = startAnthropicStub({
    "Make a file hello.txt with one friendly line in it.": [
      { tools: [{ name: "Write", input: { file_path: file, content: "Hello, friend.\n" } }] },
      { text: "hello.txt is there." },
    ],
    "Count to a million, one number a line.": [{ text: "1\n2\n3\n4\n", chunks: 4, gate: join(reader.dir, "never") }],
  });
  afterAll(async () => {
    await stub.close();
    reader.close();
  });

  test("every line does what the page says", async () => {
    reader.program("claude", `exec '${"skip" in installed ? "" : installed.path}' "$@"`);
    const output = await reader.paste(firstAgent(), {
      AH_PORT: String(await quietPort()),
      ANTHROPIC_BASE_URL: stub.url,
      ANTHROPIC_API_KEY: "key-of-the-user",
    });
    const { statuses, said } = storyIn(output);
    expect(`${statuses.join(" ").replace("processing", "starting")}\n${output}`).toStartWith(
      "starting waiting_input idle idle idle\n",
    );
    expect(existsSync(file) && readFileSync(file, "utf8")).toBe("Hello, friend.\n");
    expect(said).toEqual(["hello.txt is there.", digestAnswer("What did you write into hello.txt?")]);
    expect(stub.requests.at(-1)?.conversation).toContain("Make a file hello.txt");
    expect(output).not.toContain('"error":');
  });
});
