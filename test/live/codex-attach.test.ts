// file-timeout: 1800 s
/** The real Codex's own screen, taken over and given back. */
import { afterAll } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SLOW_MS, attachSuite } from "./attach-suite.ts";
import { writeCodexSettings } from "./codex-home.ts";
import { installCodex } from "./codex.install.ts";
import { startResponsesStub } from "./stub-responses.ts";

const installed = await installCodex(process.env);
const stub = startResponsesStub();
afterAll(() => stub.stop());

attachSuite({
  title: "Codex",
  name: "codex",
  installed,
  settings: { command: "path" in installed ? installed.path : "codex" },
  env: { STUB_KEY: "stub-key" },
  prepare(box) {
    writeCodexSettings(join(box.home, ".codex"), stub.url);
    mkdirSync(join(box.home, "tmp"));
  },
  async enter(pane) {
    await pane.sees("Open restricted", SLOW_MS);
    // Drawn before it listens: a key may come too early.
    for (let n = 0; n < 60 && pane.screen().includes("Open restricted"); n += 1) {
      pane.key("Enter");
      await Bun.sleep(1000);
    }
  },
  listens: /›[\s\S]*stub-model/,
  async leave(pane) {
    pane.type("/quit");
    await pane.sees("/quit");
    await Bun.sleep(1500);
    pane.key("Enter");
  },
  answerTo: (prompt) => `echo: ${prompt}`,
  lastRequest: () => JSON.stringify(stub.requests.at(-1)?.body),
});
