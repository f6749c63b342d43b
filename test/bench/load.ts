/**
 * Requests over keep-alive connections, as many as the server answers: by `wrk` where it is installed, else from here.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

export interface Load {
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  readonly post?: Post;
}

export interface Post {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Prefix of the `webhook-id` that each request has for itself. */
  readonly idPrefix: string;
}

/** Good answers (2xx) per second. */
export async function requestsPerSecond(world: World, load: Load): Promise<number> {
  return Bun.which("wrk") === null ? await fromHere(load) : await byWrk(world, load);
}

export const generator = (): string => (Bun.which("wrk") === null ? "in-process client" : "wrk");

async function byWrk(world: World, { url, seconds, connections, post }: Load): Promise<number> {
  const script = join(world.dir, "load.lua");
  writeFileSync(script, `${post === undefined ? "" : luaPost(new URL(url).pathname, post)}${LUA_DONE}`);
  const child = Bun.spawn(["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  const [, good, took] = /^good (\d+) in (\d+) us$/m.exec(text) ?? [];
  if (good === undefined || took === undefined) throw new Error(`wrk: ${text}`);
  return (Number(good) / Number(took)) * 1e6;
}

const LUA_DONE = `
done = function(summary)
  io.write(string.format("good %d in %d us\\n", summary.requests - summary.errors.status, summary.duration))
end
`;

function luaPost(path: string, { body, headers, idPrefix }: Post): string {
  const quoted = Object.entries(headers).map(([name, value]) => `[${JSON.stringify(name)}] = ${JSON.stringify(value)}`);
  return `
local n = 0
local headers = { ${quoted.join(", ")} }
request = function()
  n = n + 1
  headers["webhook-id"] = ${JSON.stringify(idPrefix)} .. n
  return wrk.format("POST", ${JSON.stringify(path)}, headers, ${JSON.stringify(body)})
end
`;
}

async function fromHere({ url, seconds, connections, post }: Load): Promise<number> {
  let [n, good] = [0, 0];
  const startMs = performance.now();
  const one = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1000) {
      const init =
        post === undefined
          ? {}
          : { method: "POST", body: post.body, headers: { ...post.headers, "webhook-id": `${post.idPrefix}${n++}` } };
      const response = await fetch(url, init);
      await response.bytes();
      if (response.ok) good++;
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  return (good / (performance.now() - startMs)) * 1000;
}
