/**
 * A program without descriptors lives on. Looked for what the runtime itself does with none or one left: `Bun.spawn`,
 * `Bun.spawnSync`, `fs.watch`, `Bun.file`, `Bun.dns` and `import` throw or do without; the first `fetch` of a program
 * ends it (both of ours ask first with a webhook or a post, which a flood of strangers may precede).
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

const REQUEST = JSON.stringify(join(import.meta.dir, "../../../src/lib/request.ts"));
const DESCRIPTORS = JSON.stringify(join(import.meta.dir, "../../../src/lib/descriptors.ts"));
const CLOCK = JSON.stringify(join(import.meta.dir, "../../../src/lib/clock.ts"));

/** `left` of 64 are free at the first request, `held` put by for us. `rush`: others take them when it is begun. */
function askWith(left: number, held: number, rush = false): string {
  const script = `
    const { closeSync, openSync } = require("node:fs");
    const { request } = await import(${REQUEST});
    const { holdSpareDescriptors } = await import(${DESCRIPTORS});
    const { systemClock } = await import(${CLOCK});
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("here") });
    holdSpareDescriptors(systemClock, ${held});
    const taken = [];
    const takeAll = () => { try { for (;;) taken.push(openSync("/dev/null", "r")); } catch {} };
    takeAll();
    for (let n = 0; n < ${left}; n++) closeSync(taken.pop());
    const ask = () => request("http://127.0.0.1:" + server.port).then((it) => it.text(), (error) => error.code);
    const asked = ask();
    if (${rush}) takeAll();
    const giveAll = () => taken.splice(0).forEach((fd) => closeSync(fd));
    if (${rush}) setTimeout(giveAll, 20); // the server is one of them: it lets nobody in meanwhile
    const answers = [await asked];
    giveAll();
    answers.push(await ask());
    console.log(answers.join());
    process.exit(0);
  `;
  const argv = ["/bin/sh", "-c", 'ulimit -n 64; exec "$0" -e "$1"', process.execPath, script];
  const done = Bun.spawnSync(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  return done.stdout.toString().trim() || `ended with ${done.exitCode}: ${done.stderr.toString().slice(0, 200)}`;
}

test.each([0, 1, 2, 3])("with %d left the first request is refused, and the next is answered", (left) => {
  expect(askWith(left, 0)).toBe("EMFILE,here");
});

test("what is put by is for the first request, too", () => {
  expect(askWith(0, 16)).toBe("here,here");
});

test("those that come behind the first request take nothing that its thread needs to live", () => {
  for (let n = 0; n < 10; n++) expect(askWith(8, 0, true)).toEndWith(",here");
});
