/** An agent's changes: read by turn and whole, as text alone; brought back and merged after that was told. */
// file-timeout: 900 s
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { put, repository, user } from "../unit/workspaces/ground.ts";
import { describeInBrowser } from "./describe.ts";
import type { Stage } from "./stage.ts";
import { openPage, openStage, sent } from "./stage.ts";

const SCREENS = join(import.meta.dir, "../../.build/screens");
const HOSTILE = "<img src=x onerror=alert(1)>.txt";
const MANY = 3000;
/** The first turn of the agent; its lines are numbered, so that one can be found. */
const FIRST = `printf 'one\\nTWO\\n-- three\\n' > a; rm b; echo '<script>alert(1)</script>' > '${HOSTILE}'; seq ${MANY} > many`;

describeInBrowser("what an agent changed", (browser) => {
  let stage: Stage;
  let cwd = "";
  let id = "";
  let plain = "";
  const folder = (): string => join(stage.box.stateDir, "workspaces", "shop", id);

  /** While this is there, git takes no new files. */
  let hold = "";
  let tools = "";

  beforeAll(async () => {
    tools = mkdtempSync(join(tmpdir(), "ah-slow-git-"));
    hold = join(tools, "hold");
    const waits = `case "$*" in *update-index*) while [ -e '${hold}' ]; do sleep 0.1; done;; esac`;
    put(tools, { git: `#!/bin/sh\n${waits}\nexec '${Bun.which("git")}' "$@"\n` });
    chmodSync(join(tools, "git"), 0o755);
    const env = { PATH: `${tools}${delimiter}${process.env["PATH"]}` };
    stage = await openStage({ providers: { sh: { kind: "command", command: ["/bin/sh"] } } }, { env });
    cwd = repository(join(stage.box.cwd, "shop"), { a: "one\ntwo\n-- gone\n", b: "2\n" });
    const api = stage.box.api();
    await api.post("/projects", { name: "shop", cwd });
    const made = await api.post("/projects/shop/agents", {
      provider: "sh",
      name: "tries",
      task: FIRST,
      workspace: { kind: "worktree" },
    });
    id = String(made.agent?.["id"]);
    plain = String((await api.post("/projects/shop/agents", { provider: "sh", name: "plain" })).agent?.["id"]);
    await stage.status("shop", id, "idle");
    await api.post(`/projects/shop/agents/${id}/input`, { text: "echo second > c" });
    await stage.status("shop", id, "idle");
    const ended = await api.get(`/projects/shop/agents/${id}/wait?timeout=60`);
    expect(String(ended["reached"])).toBe("true");
  });
  afterAll(async () => {
    await stage.box.api().call("DELETE", `/projects/shop/agents/${id}?discard=1`);
    await stage.close();
    rmSync(tools, { recursive: true, force: true });
  });

  test("an agent in the project's folder of which nothing is kept has no such tab", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${plain}`);
    await tab.see(".tabs a", "Timeline");
    expect(await tab.look(`document.querySelector('[data-tab="changes"]').checkVisibility()`)).toBe(false);
    await tab.look(`location.hash = "#/a/shop/${plain}/changes"`);
    await tab.see(".work .empty, .work .problem");
  });

  test("the whole and a turn are shown as files with figures, their lines as text, long ones cut and said so", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}`);
    await tab.click('[data-tab="changes"]');
    await tab.see(".work .num", "5 files");
    const names = `[...document.querySelectorAll(".files details")].map((each) => each.dataset.path)`;
    expect(await tab.look(names)).toEqual([HOSTILE, "a", "b", "c", "many"]);
    await tab.see('[data-path="a"] .file-figures', "+2 −2");
    await tab.click('[data-path="a"] summary');
    await tab.see('[data-path="a"] .d', "-- gone");
    await tab.see('[data-path="a"] .a', "-- three");
    await tab.click(`[data-path^="<img"] summary`);
    await tab.see(`[data-path^="<img"] .a`, "<script>alert(1)</script>");
    expect(await tab.look(`document.querySelectorAll(".work img, .work script").length`)).toBe(0);
    await tab.click('[data-path="many"] summary');
    await tab.see('[data-path="many"] .cut-here', "Truncated");
    expect(await tab.look(`document.querySelectorAll('[data-path="many"] .diff span.a').length`)).toBeLessThan(MANY);
    for (const [name, width, height] of [
      ["laptop", 1280, 800],
      ["phone", 360, 740],
    ] as const) {
      await tab.viewport(width, height, { mobile: name === "phone" });
      await tab.look(`document.querySelector(".work").scrollTop = 0`);
      expect(await tab.look(`document.documentElement.scrollWidth <= innerWidth`)).toBe(true);
      await tab.screenshot(join(SCREENS, `changes-${name}-light.png`));
    }
    await tab.viewport(1280, 800);
    await tab.look(`{
      const of = document.querySelector(".work select");
      of.value = "2";
      of.dispatchEvent(new Event("change"));
    }`);
    await tab.see(".work .num", "1 file +1 −0");
    expect(await tab.look(names)).toEqual(["c"]);
    await tab.click(".work button", "Open all files");
    await tab.see('[data-path="c"] .a', "second");
    expect(tab.complaints).toEqual([]);
  });

  test("a merge says before what it will do, refuses what is checked out, and does what it said", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}/changes`);
    await tab.see(".work .num", "5 files");
    await tab.click(".work button", "Merge …");
    await tab.see(".dialog .preview .problem", "main is checked out");
    const submit = `document.querySelector('.dialog [type="submit"]')`;
    expect(await tab.look(`${submit}.disabled`)).toBe(true);
    await tab.click(".dialog input");
    await tab.type("review");
    await tab.see(".dialog .preview", "Without conflict: review");
    await tab.see(".dialog .preview", "5 files that it did not commit go along");
    await tab.until(`!${submit}.disabled`);
    await tab.screenshot(join(SCREENS, "merge-laptop-light.png"));
    expect(user(cwd, ["branch", "--list", "review"])).toBe("");
    await tab.click(".dialog button", "Merge");
    await tab.see(".work [role=status]", "review has its work now");
    expect(user(cwd, ["show", "review:c"])).toBe("second\n");
    expect(readFileSync(join(cwd, "a"), "utf8")).toBe("one\ntwo\n-- gone\n");
    expect(tab.complaints).toEqual([]);
  });

  test("a restore names the files first, asks, and can be taken back", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}/changes`);
    await tab.see(".work .num", "5 files");
    await tab.click(".work button", "Restore …");
    await tab.see(".dialog");
    await tab.look(`{
      const to = document.querySelector(".dialog select");
      to.value = "1";
      to.dispatchEvent(new Event("change", { bubbles: true }));
    }`);
    await tab.see(".dialog .named", "deletes c");
    expect(await tab.text(".dialog .preview")).toContain("0 files are written and 1 deleted");
    await tab.viewport(360, 740, { mobile: true });
    await tab.screenshot(join(SCREENS, "restore-phone-light.png"));
    expect(sent(tab).filter(({ what }) => what.includes("restore"))).toEqual([]);
    expect(existsSync(join(folder(), "c"))).toBe(true);
    await tab.click(".dialog button", "Restore");
    await tab.see(".work [role=status]", "1 deleted");
    expect(existsSync(join(folder(), "c"))).toBe(false);
    const before = /kept as (r\d+)/.exec(await tab.text(".work [role=status]"))?.[1] ?? "";
    await tab.until(`document.querySelector('.work option[value="${before}"]') !== null`);
    await tab.viewport(1280, 800);
    expect(tab.complaints).toEqual([]);
  });

  test("what is still being kept is said to be missing, and comes by itself", async () => {
    const tab = await openPage(await browser(), stage, `#/a/shop/${id}/changes`);
    await tab.see(".work .num", "files");
    expect(await tab.look(`document.querySelector(".work .saving").checkVisibility()`)).toBe(false);
    writeFileSync(hold, "");
    await stage.box.api().post(`/projects/shop/agents/${id}/input`, { text: "echo late > late" });
    await tab.see(".work .saving", "still being kept: these are the changes up to the turn before");
    await stage.status("shop", id, "idle");
    const { workspaces } = await stage.box.api().get("/workspaces");
    expect([...(workspaces ?? [])].map((each) => [each["id"], each["pending"]] as unknown)).toEqual([[id, true]]);
    expect(await tab.look(`document.querySelector('[data-path="late"]')`)).toBe(null);
    for (const [name, width, height] of [
      ["phone", 360, 740],
      ["laptop", 1280, 800],
    ] as const) {
      await tab.viewport(width, height, { mobile: name === "phone" });
      await tab.look(`document.querySelector(".work").scrollTop = 0`);
      await tab.screenshot(join(SCREENS, `saving-${name}-light.png`));
    }
    rmSync(hold);
    await tab.see('[data-path="late"] .file-figures', "+1 −0");
    expect(await tab.look(`document.querySelector(".work .saving").checkVisibility()`)).toBe(false);
    expect(tab.complaints).toEqual([]);
  });
});
