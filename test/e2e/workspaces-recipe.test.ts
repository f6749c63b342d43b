/** The README's recipe for workspaces, run as it stands: five agents on one task, compared, the best one merged. */
import { expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { BINARY, makeBox } from "../support/binary.ts";
import { shellOf } from "../support/readme-shell.ts";
import { repository, user } from "../unit/workspaces/ground.ts";

/** Each does it in a way of its own. */
const TASK = 'cat > task; echo "as $AH_AGENT_ID does it" > search; rm slow; echo done';

test("five agents on one task are compared, the best one is merged, and all are let go of", async () => {
  const script = shellOf("## Workspaces: work that is not lost", "## Permissions and trust");
  expect(script).toContain("agent-harness merge try-3 --into faster");
  const off = { enabled: false };
  const box = await makeBox({
    providers: {
      sh: { kind: "command", command: ["/bin/sh", "-c", TASK] },
      ...{ "claude-code": off, codex: off, opencode: off, pi: off },
    },
  });
  repository(box.cwd, { search: "slow\n", slow: "1\n" });
  try {
    await box.start();
    symlinkSync(BINARY, join(box.dir, "agent-harness"));
    const paste = async (what: string) => {
      const child = Bun.spawn(["bash", "-e", "-c", what], {
        cwd: box.cwd,
        env: { ...box.env, AH_URL: box.api().url, PATH: `${box.dir}:${box.env["PATH"] ?? ""}` },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { code: await child.exited, out, err };
    };
    const done = await paste(script);
    expect(done).toMatchObject({ code: 0 });
    // What each of the five has changed is compared, and one of them shown line by line.
    expect(done.out.match(/^modified\t1\t1\tsearch$/gm)).toHaveLength(5);
    expect(done.out).toContain("--- a/search\n+++ b/search\n@@ -1 +1 @@\n-slow\n+as ");
    const listed = user(box.cwd, ["ls-tree", "-r", "--name-only", "faster"]);
    expect(listed).toBe("search\ntask\n");
    const { workspaces } = await box.api().get("/workspaces");
    const best = [...(workspaces ?? [])].find((each) => String(each["name"]) === "try-3");
    expect(user(box.cwd, ["show", "faster:search"])).toBe(`as ${String(best?.["id"])} does it\n`);
    // The others' work is let go of as it was said, and kept for its time.
    expect([...(workspaces ?? [])].map((each) => String(each["state"]))).toEqual(
      Array.from({ length: 5 }, () => "kept"),
    );
    expect((await box.api().get("/agents"))["agents"] as unknown).toEqual([]);
    expect(user(box.cwd, ["status", "--porcelain"])).toBe("");
    expect(user(box.cwd, ["worktree", "list"]).trim().split("\n")).toHaveLength(1);
  } finally {
    await box.close();
  }
}, 120_000);
