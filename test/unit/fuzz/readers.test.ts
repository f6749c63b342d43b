// file-timeout: 14400 s
/**
 * Everything that reads bytes of others, with bytes that are almost right: never a throw, never more than its limits,
 * and what a simple reference says where there is one.
 */
import { expect, test } from "bun:test";
import { newAgent, newInput, newProject, agentPatch, projectPatch, decision } from "../../../src/api/schemas.ts";
import { readEvent as readStreamEvent } from "../../../src/cli/stream.ts";
import { check } from "../../../src/lib/check.ts";
import { parseJson, toJson, tryJson } from "../../../src/lib/json.ts";
import { createLineSplitter } from "../../../src/lib/ndjson.ts";
import { sign, verify } from "../../../src/lib/signature.ts";
import { readEvent } from "../../../src/receiver/event.ts";
import { discordMessage, plainDiscordMessage } from "../../../src/receiver/sinks/discord-message.ts";
import { LINE_MAX, openclawLine } from "../../../src/receiver/sinks/openclaw-line.ts";
import type { Random } from "../../support/fuzz.ts";
import { ODD_TEXTS, anyValue, everyCase, mangled, mutated, pick, upTo } from "../../support/fuzz.ts";

const LONG_MS = 3_600_000;

/** Bytes in which line feeds, halves of characters and long lines are likely. */
function stream(next: Random): Uint8Array {
  const parts = Array.from({ length: upTo(next, 6) }, () =>
    pick(next, ["\n", "\n\n", "a", "é", "😀", "\r\n", '{"a":1}\n', "x".repeat(upTo(next, 90)), pick(next, ODD_TEXTS)]),
  );
  return mangled(next, Buffer.from(parts.join("")));
}

test(
  "the line splitter gives what a split of the whole gives, however it is cut",
  async () => {
    const maxLineBytes = 64;
    await everyCase((next) => {
      const bytes = stream(next);
      const splitter = createLineSplitter({ offset: 7, maxLineBytes });
      const got: string[] = [];
      for (let at = 0; at < bytes.length;) {
        const size = 1 + upTo(next, 20);
        for (const line of splitter.push(bytes.subarray(at, at + size)))
          got.push(line.type === "line" ? `${line.end} ${line.text}` : `${line.end} skipped ${line.bytes}`);
        at += size;
      }
      const wanted: string[] = [];
      let begin = 0;
      for (let at = 0; at < bytes.length; at++) {
        if (bytes[at] !== 0x0a) continue;
        const line = bytes.subarray(begin, at);
        const end = 7 + at + 1;
        wanted.push(
          line.length > maxLineBytes ? `${end} skipped ${line.length}` : `${end} ${Buffer.from(line).toString()}`,
        );
        begin = at + 1;
      }
      expect(got).toEqual(wanted);
      expect([splitter.offset, splitter.pendingBytes]).toEqual([7 + begin, bytes.length - begin]);
    });
  },
  LONG_MS,
);

test(
  "the checker takes what it gave, and says of everything else where it is wrong, in a few words",
  async () => {
    const good: readonly (readonly [Parameters<typeof check>[0], unknown])[] = [
      [
        newProject,
        { name: "p", cwd: "/x", trusted: true, webhook: { url: "http://127.0.0.1/" }, defaults: { model: "m" } },
      ],
      [projectPatch, { defaults: { provider: null }, cwd: "/y", webhook: null }],
      [newAgent, { provider: "x", task: "t", env: { A: "b" }, metadata: { k: "v" }, permissions: "ask" }],
      [agentPatch, { name: "bob", metadata: { k: null }, model: null }],
      [newInput, { text: "x", mode: "queue", raw: false }],
      [decision, { decision: "allow", answers: { q: ["a", "b"] } }],
    ];
    await everyCase((next) => {
      const [schema, value] = pick(next, good);
      const checked = check(schema, next() < 0.9 ? mutated(next, value) : anyValue(next));
      if (checked.ok) {
        const again = check(schema, checked.value);
        expect(again).toEqual({ ok: true, value: checked.value });
      } else {
        expect(checked.issues.length).toBeGreaterThan(0);
        for (const { path, message } of checked.issues)
          if (path.length + message.length > 2000) throw new Error(message);
      }
    });
  },
  LONG_MS,
);

test(
  "JSON that is almost JSON is refused with a place in it, and what is read is well-formed",
  async () => {
    await everyCase((next) => {
      const text = Buffer.from(mangled(next, Buffer.from(JSON.stringify(anyValue(next, 4)) ?? "null"))).toString();
      const result = parseJson(text);
      if (result.ok) {
        if (!toJson(result.value).isWellFormed()) throw new Error("not well-formed");
        expect(tryJson(text)).toEqual(result.value as never);
      } else {
        const lines = text.split("\n");
        expect(result.line).toBeLessThanOrEqual(lines.length);
        expect(result.column).toBeLessThanOrEqual((lines[result.line - 1]?.length ?? 0) + 1);
      }
    });
  },
  LONG_MS,
);

test(
  "a signature is right for its own bytes, and for none that differ",
  async () => {
    const nowMs = 1_800_000_000_000;
    await everyCase((next) => {
      const key = Uint8Array.from({ length: 24 + upTo(next, 41) }, () => upTo(next, 256));
      const id = next().toString(36);
      const body = stream(next);
      const timestampSeconds = nowMs / 1000 + upTo(next, 600) - 300;
      const headers = { id, timestamp: String(timestampSeconds), signature: sign(key, { id, timestampSeconds, body }) };
      expect(verify(key, headers, body, { nowMs })).toBe("valid");
      const which = upTo(next, 4);
      const odd = pick(next, ODD_TEXTS);
      const bad =
        which === 0
          ? { ...headers, id: id + odd + "x" }
          : which === 1
            ? { ...headers, timestamp: String(timestampSeconds + 1) }
            : { ...headers, signature: pick(next, [odd, `v1,${odd}`, `v2,${headers.signature.slice(3)}`, ""]) };
      const other = which === 3 ? Buffer.concat([body, Buffer.from("x")]) : body;
      expect(verify(key, which === 3 ? headers : bad, other, { nowMs })).not.toBe("valid");
    });
  },
  LONG_MS,
);

test(
  "a block of our own stream that is none is left out, never thrown at",
  async () => {
    const block = 'id: 12\nevent: message\ndata: {"id":12,"type":"message","data":{"message":{"text":"x"}}}';
    await everyCase((next) => {
      const read = readStreamEvent(Buffer.from(mangled(next, Buffer.from(block))).toString());
      if (read !== null && typeof read !== "object") throw new Error(`got ${String(read)}`);
    });
  },
  LONG_MS,
);

test(
  "a webhook that is almost one is refused, or makes posts within the limits of those who get them",
  async () => {
    const good = {
      event: "agent_error",
      project: "lumen",
      agentId: "a3f2b1c0",
      provider: "claude-code",
      status: "error",
      lastMessage: "**done** @everyone",
      timestamp: "2026-02-18T10:00:00.000Z",
      error: { code: "X", message: "y" },
      turns: [{ id: "t", startedAt: "2026-02-18T09:00:00.000Z", endedAt: "2026-02-18T10:00:00.000Z" }],
      permission: { title: "t", tool: "Bash" },
      metadata: { k: "v" },
    };
    await everyCase((next) => {
      const read = readEvent(JSON.parse(toJson(mutated(next, good))));
      if (!read.ok) return expect(read.issues.length).toBeGreaterThan(0);
      for (const { payload } of [discordMessage(read.event, "d1"), plainDiscordMessage(read.event, "d1")])
        if (JSON.stringify(payload).length > 64 * 1024) throw new Error("a post beyond all limits");
      expect(openclawLine([{ event: read.event, deliveryId: "d1" } as never]).length).toBeLessThanOrEqual(LINE_MAX);
    });
  },
  LONG_MS,
);
