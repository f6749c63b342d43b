/**
 * What an agent's program wrote, line by line, around the line that decided something: for the person who asks why.
 * Shown as logs are, without secrets. What was read is given back to the disk in time; then only the deciding lines are
 * left, stored with their status changes.
 */
import { closeSync, readSync } from "node:fs";
import type { Actor } from "../agents/actor.ts";
import { shownFrame } from "../agents/cause-frame.ts";
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { object, optional } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { openAgentFile } from "../process/agent-file.ts";
import { runPaths } from "../process/paths.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import * as schemas from "./schemas.ts";

const READ_BYTES = 512 * 1024;
const LF = 0x0a;

export function frameRoutes(deps: ApiDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/projects/:name/agents/:id/frames",
      summary: "Lines of a process's output from a byte on, as far as they are still on disk (else 410)",
      query: object({
        run: optional(schemas.idText),
        offset: optional(schemas.idText),
        limit: optional(schemas.count(200)),
      }),
      handler({ params, query: { run, offset = 0, limit = 20 } }) {
        const actor = actorAt(deps, params);
        return json(readFrames(actor, run ?? actor.state().run, offset, limit));
      },
    }),
  ];
}

function readFrames(actor: Actor, run: number, offset: number, limit: number): unknown {
  const opened = openAgentFile(runPaths(actor.agentDir, run).out);
  if (opened.is !== "file") throw freed(`the output of run ${run} is not kept; the latest run is ${actor.state().run}`);
  const { fd, size } = opened;
  try {
    if (offset >= size) return { run, size, frames: [], next: null };
    const bytes = readAt(fd, offset, READ_BYTES);
    if (bytes[0] === 0)
      throw freed(`the output of run ${run} is freed up to byte ${firstKept(fd, size)}: ask from there on`);
    // From the middle of a line on nothing is a frame: the next one is.
    const inside = offset > 0 && readAt(fd, offset - 1, 1)[0] !== LF && readAt(fd, offset - 1, 1)[0] !== 0;
    let from = inside ? bytes.indexOf(LF) + 1 : 0;
    if (inside && from === 0) return { run, size, frames: [], next: offset + bytes.length };
    const frames: unknown[] = [];
    for (let end = bytes.indexOf(LF, from); end !== -1 && frames.length < limit; end = bytes.indexOf(LF, from)) {
      frames.push(frameAt(run, offset + from, bytes.subarray(from, end)));
      from = end + 1;
    }
    // A line that is longer than what was read is shown by its beginning.
    if (frames.length === 0) {
      frames.push(frameAt(run, offset + from, bytes.subarray(from)));
      from = bytes.length;
    }
    return { run, size, frames, next: offset + from < size ? offset + from : null };
  } finally {
    closeSync(fd);
  }
}

function frameAt(run: number, begin: number, bytes: Buffer): unknown {
  const raw = bytes.toString("utf8");
  const { offset, text, truncated } = shownFrame(run, begin, raw, parsed(raw));
  return { offset, text, truncated };
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw) as unknown;
  } catch {
    return undefined;
  }
}

function readAt(fd: number, position: number, max: number): Buffer {
  const bytes = Buffer.alloc(max);
  return bytes.subarray(0, readSync(fd, bytes, 0, max, position));
}

/** What was freed reads as zeros from the beginning on: where that ends is found by halving. */
function firstKept(fd: number, size: number): number {
  let [zeros, kept] = [0, size];
  while (zeros + 1 < kept) {
    const middle = Math.floor((zeros + kept) / 2);
    if (readAt(fd, middle, 1)[0] === 0) zeros = middle;
    else kept = middle;
  }
  return kept;
}

function freed(message: string): HarnessError {
  return new HarnessError("FRAMES_FREED", message);
}
