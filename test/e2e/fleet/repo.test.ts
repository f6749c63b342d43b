/** A task may bring its project: a box that lacks it fetches the repository, and runs nothing of it. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import { makeBox } from "../../support/binary.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

describe.skipIf(POSTGRES === null)("a task with a repository", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let box: TestDaemon;
  let url: string;
  let first: string;
  const git = (cwd: string, ...args: string[]): string => {
    const who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"];
    const { exitCode, stdout, stderr } = Bun.spawnSync(["git", ...who, ...args], { cwd });
    if (exitCode !== 0) throw new Error(stderr.toString());
    return stdout.toString().trim();
  };
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    // `tells` says what lies in its folder, and where the folder is.
    const providers = {
      tells: { kind: "command", command: ["sh", "-c", "cat > /dev/null; cat said; pwd -P; git branch"] },
    };
    box = await fleet.node("box", {}, { providers });
    const source = join(box.dir, "source");
    mkdirSync(source);
    git(source, "init", "--quiet");
    // What a repository can bring, with an owner whose config knows such a filter.
    writeFileSync(join(source, ".gitattributes"), "said filter=evil\n");
    writeFileSync(
      join(box.home, ".gitconfig"),
      `[filter "evil"]\n\tsmudge = "touch ${box.dir}/ran; cat"\n\trequired\n`,
    );
    writeFileSync(join(source, "said"), "first\n");
    git(source, "add", ".");
    git(source, "commit", "--quiet", "-m", "one");
    first = git(source, "rev-parse", "HEAD");
    writeFileSync(join(source, "said"), "main\n");
    git(source, "commit", "--quiet", "-am", "two");
    git(source, "tag", "v2");
    git(source, "checkout", "--quiet", "-b", "topic/x");
    writeFileSync(join(source, "said"), "topic\n");
    git(source, "commit", "--quiet", "-am", "three");
    git(source, "checkout", "--quiet", "main");
    url = `file://${source}`;
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  const put = async (project: string, repo: object): Promise<string> => {
    const body = { project, provider: "tells", task: "t", repo };
    return String((await box.api().post("/fleet/tasks", body))["task"]?.["id"]);
  };
  const over = (id: string, is: (task: Json) => boolean): Promise<Json> =>
    eventually(
      "it is over",
      async () => {
        const { task } = await box.api().get(`/fleet/tasks/${id}`);
        return task !== undefined && is(task) && task;
      },
      30_000,
    );
  const done = (task: Json): boolean => ["done", "failed"].includes(String(task["state"]));
  const saidBy = async (project: string, repo: object): Promise<string[]> => {
    const { agent } = await over(await put(project, repo), done);
    const { message } = await box.api().get(`/projects/${project}/agents/${String(agent)}/messages/last`);
    return String(message?.["text"]).trim().split("\n");
  };

  test("runs in a checkout that its box makes, of the branch, tag or commit that it names", async () => {
    const place = (project: string): string => join(box.dir, "state", "checkouts", project);
    expect(await saidBy("plain", { url })).toEqual(["main", place("plain"), "* main"]);
    expect(await saidBy("branch", { url, ref: "topic/x" })).toEqual([
      ...["topic", place("branch"), "  main", "* topic/x"],
    ]);
    expect((await saidBy("tag", { url, ref: "v2" }))[0]).toBe("main");
    expect((await saidBy("commit", { url, ref: first }))[0]).toBe("first");
    const { project } = await box.api().get("/projects/plain");
    expect([project?.["cwd"], project?.["trusted"]] as unknown).toEqual([place("plain"), false]);
    expect(existsSync(join(box.dir, "ran"))).toBe(false); // the owner's filter is nothing that a repository may pick
    expect(readdirSync(join(box.dir, "state", "checkouts")).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("uses the project that a box has, whatever it holds, if it is the owner's", async () => {
    await box.api().post("/projects", { name: "mine", cwd: box.cwd });
    writeFileSync(join(box.cwd, "said"), "mine\n");
    expect((await saidBy("mine", { url: "https://127.0.0.1:1/nowhere" }))[0]).toBe("mine");
  });

  test("is given back with the reason when the repository cannot be had, or the name is another one's", async () => {
    const why = async (project: string, repo: object): Promise<string> => {
      const id = await put(project, repo);
      const task = await over(id, (each) => String(each["blockedBy"] ?? "").includes("gave it back"));
      await box.api().post(`/fleet/tasks/${id}/cancel`);
      return String(task["blockedBy"]);
    };
    expect(await why("gone", { url: `${url}-not-there` })).toContain("does not appear to be a git repository");
    expect(await why("noref", { url, ref: "nope" })).toContain('no branch, tag or commit "nope"');
    expect(await why("plain", { url: `${url}/` })).toContain("checkout of another repository");
    expect(readdirSync(join(box.dir, "state", "checkouts")).sort()).toEqual(["branch", "commit", "plain", "tag"]);
  });

  test("is fetched again where that failed, after a while that the task tells of", async () => {
    const late = join(box.dir, "late");
    const id = await put("late", { url: `file://${late}` });
    const waits = await over(id, (task) => String(task["blockedBy"] ?? "").includes("tries again soon"));
    expect(String(waits["blockedBy"])).toMatch(/gave it back: .*does not appear to be a git repository.*node "box"/);
    git(box.dir, "clone", "--quiet", "--bare", url, late);
    expect(String((await over(id, done))["state"])).toBe("done");
  });

  test("that is killed in the middle of fetching begins anew, and half of it is nobody's project", async () => {
    const bare = join(box.dir, "served.git");
    const source = join(box.dir, "large");
    git(box.dir, "clone", "--quiet", url, source);
    writeFileSync(join(source, "large"), crypto.getRandomValues(new Uint8Array(400_000)).toBase64());
    git(source, "add", ".");
    git(source, "commit", "--quiet", "-m", "large");
    git(box.dir, "clone", "--quiet", "--bare", source, bare);
    git(bare, "repack", "-adq");
    git(bare, "update-server-info");
    let half = Promise.withResolvers<void>();
    let stalls = true;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(req) {
        const file = Bun.file(join(bare, new URL(req.url).pathname));
        if (!(await file.exists())) return new Response("", { status: 404 });
        if (!stalls || !req.url.endsWith(".pack")) return new Response(file);
        const bytes = await file.bytes();
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            controller.enqueue(bytes.subarray(0, bytes.length / 2));
            half.resolve();
          },
        });
        return new Response(body, { headers: { "content-length": String(bytes.length) } });
      },
    });
    const joins = { url: postgres.url, schema: fleet.schema, node: "killed", capacity: 2 };
    const tells = { kind: "command", command: ["sh", "-c", "cat > /dev/null; wc -c < large; git status --short"] };
    const killed = await makeBox({ providers: { large: tells }, fleet: joins });
    const checkouts = join(killed.stateDir, "checkouts");
    try {
      await killed.start();
      const repo = { url: `http://127.0.0.1:${server.port}/` };
      const body = { project: "large", provider: "large", task: "t", repo };
      const id = String((await box.api().post("/fleet/tasks", body))["task"]?.["id"]);
      await half.promise;
      expect(readdirSync(checkouts).map((name) => name.slice(0, 5))).toEqual([".new-"]);
      await killed.kill();
      [half, stalls] = [Promise.withResolvers<void>(), false];
      await killed.start();
      expect(await killed.api().call("GET", "/projects/large")).toMatchObject({ status: 404 });
      const { agent } = await over(id, done);
      const { message } = await killed.api().get(`/projects/large/agents/${String(agent)}/messages/last`);
      expect(String(message?.["text"]).trim()).toBe(String(Math.ceil(400_000 / 3) * 4)); // whole, and clean
      expect(readdirSync(checkouts)).toEqual(["large"]);
    } finally {
      await killed.close();
      await server.stop(true);
    }
  });

  test.each([
    ["a transport that runs a program", { url: "ext::sh -c touch% /tmp/x" }],
    ["an option", { url: "--upload-pack=x" }],
    ["a host that is an option", { url: "ssh://-oProxyCommand=x/y" }],
    ["a password", { url: "https://me:secret-word@host.example/x" }],
    ["a ref that is an option", { url: "https://host.example/x", ref: "--force" }],
    ["a ref that climbs", { url: "https://host.example/x", ref: "a..b" }],
  ])("refuses %s, and does not repeat it", async (_, repo) => {
    const body = { project: "p", provider: "tells", task: "t", repo };
    const answer = await box.api().call("POST", "/fleet/tasks", body);
    expect([answer.status, String(answer.body["issues"]?.[0]?.["path"])]).toEqual([
      400,
      "ref" in repo ? "repo.ref" : "repo.url",
    ]);
    expect(JSON.stringify(answer.body)).not.toContain("secret-word");
  });
});
