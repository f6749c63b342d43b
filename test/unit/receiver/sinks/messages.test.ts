import { describe, expect, test } from "bun:test";
import { discordMessage, plainDiscordMessage } from "../../../../src/receiver/sinks/discord-message.ts";
import { discordPostUrl, discordUrlProblem } from "../../../../src/receiver/sinks/discord-url.ts";
import type { HarnessEvent } from "../../../../src/receiver/event.ts";
import { LINE_MAX, MERGE_MAX_AGENTS, mergeable, openclawLine } from "../../../../src/receiver/sinks/openclaw-line.ts";
import { duration } from "../../../../src/lib/duration.ts";
import { oneLine } from "../../../../src/lib/text.ts";
import { escapeMarkdown, fenced } from "../../../../src/receiver/text.ts";
import { NOTICE_EVENTS, TEST_EVENT } from "../../../../src/words/notices.ts";

const event: HarnessEvent = {
  event: "agent_completed",
  project: "lumen-fix-123",
  agentId: "a3f2b1c0",
  provider: "claude-code",
  status: "idle",
  lastMessage: "All tests pass.",
  timestampMs: Date.UTC(2026, 1, 18, 10),
  name: "fix-login",
  node: null,
  error: null,
  question: null,
  verify: null,
  result: null,
  account: null,
  changes: null,
  budget: null,
  durationMs: 192_000,
  metadata: {},
  truncated: false,
};
const NASTY = "@everyone <@1> [click](https://evil.example) ```\n**bold** ```` \u202eevil\u0000\u001b[31m\n# head";

describe("text", () => {
  test("one line has no controls, no bidi overrides and no line break", () => {
    expect(oneLine(" a\r\n\tb\u0000\u001b[31m \u202ec\u2066 ")).toBe("a b[31m c");
  });
  test("escaped markdown leaves no active sign", () => {
    expect(escapeMarkdown("**a** _b_ `c` [d](e) <@1> @here # - > |x| ~ \\")).toBe(
      "\\*\\*a\\*\\* \\_b\\_ \\`c\\` \\[d\\]\\(e\\) \\<@\u200b1\\> @\u200bhere \\# \\- \\> \\|x\\| \\~ \\\\",
    );
  });
  test("a fence cannot be closed from inside, by any run of backticks", () => {
    for (let n = 1; n < 12; n++) {
      const inside = fenced(`a${"`".repeat(n)}b${"`".repeat(n)}`).slice(4, -4);
      expect(inside).not.toContain("```");
    }
  });
  test("durations read like a person says them", () => {
    expect([0, 3600, 59_400, 60_000, 192_000, 3_600_000, 7_500_000].map((ms) => duration(ms))).toEqual([
      "0 s",
      "3 s",
      "59 s",
      "1 min",
      "3 min 12 s",
      "1 h",
      "2 h 5 min",
    ]);
  });
});

describe("the Discord message", () => {
  test("says at a glance what happened, with a box in the event's colour", () => {
    const { payload, file } = discordMessage(event, "1a2b3c4d5e");
    expect(payload.content).toBe(
      "✅ **lumen\\-fix\\-123** / **fix\\-login** completed after 3 min 12 s · claude\\-code · <t:1771408800:R>",
    );
    expect(payload.embeds?.[0]).toMatchObject({
      description: "```\nAll tests pass.\n```",
      color: 0x2ecc71,
      footer: { text: "delivery 1a2b3c4d5e" },
    });
    expect(payload.embeds?.[0]?.fields.map((field) => field.name)).toEqual([
      "Project",
      "Agent",
      "Provider",
      "Status",
      "Duration",
    ]);
    expect(payload.allowed_mentions).toEqual({ parse: [] });
    expect(payload.flags).toBeUndefined();
    expect(file).toBeUndefined();
  });

  test("what the work comes to stands in the box, and in every form of the text", () => {
    const done = { ...event, changes: "3 files, +10 -2, 1 commit on agent/p/fix_it" };
    const field = discordMessage(done, "x").payload.embeds?.[0]?.fields.find((each) => each.name === "Changes");
    expect(field?.value.replaceAll("\\", "")).toBe("3 files, +10 -2, 1 commit on agent/p/fix_it");
    expect(plainDiscordMessage(done, "x").payload.content).toContain(done.changes);
    expect(openclawLine([{ id: "x", event: done }])).toContain(`completed: "${done.changes} · All tests pass."`);
  });

  test("what the turn gave as its result stands there, too, and however long it is, in so much room", () => {
    const done = { ...event, result: '{"green":true}' };
    const valueIn = (of: HarnessEvent): string | undefined =>
      discordMessage(of, "x").payload.embeds?.[0]?.fields.find((each) => each.name === "Result")?.value;
    expect(valueIn(done)).toContain('{"green":true}');
    expect(plainDiscordMessage(done, "x").payload.content).toContain(done.result);
    expect(openclawLine([{ id: "x", event: done }])).toContain("completed: \"{'green':true} · All tests pass.\"");
    expect(valueIn({ ...event, result: `"${"x".repeat(60_000)}"` })?.length).toBeLessThanOrEqual(1024);
    expect(valueIn(event)).toBeUndefined();
  });

  test("each event has its colour", () => {
    const events = [...NOTICE_EVENTS, TEST_EVENT];
    expect(
      new Set(events.map((name) => discordMessage({ ...event, event: name }, "x").payload.embeds?.[0]?.color)).size,
    ).toBe(events.length);
  });

  test("a long message is quoted in short and attached whole", () => {
    const lastMessage = `${"line 🎉\n".repeat(1000)}end`;
    const { payload, file } = discordMessage({ ...event, lastMessage }, "x");
    expect(file).toEqual({ name: "message.md", text: lastMessage });
    expect(payload.attachments).toHaveLength(1);
    expect(payload.embeds?.[0]?.description.length).toBeLessThan(700);
  });

  test("nothing an agent, a project or an error says can ping, link or break out", () => {
    for (const change of [
      { lastMessage: NASTY },
      { project: NASTY },
      { name: NASTY },
      { provider: NASTY },
      { error: NASTY },
      { question: NASTY },
      { changes: NASTY },
      { result: NASTY },
      { status: NASTY },
    ]) {
      for (const message of [
        discordMessage({ ...event, ...change }, "x"),
        plainDiscordMessage({ ...event, ...change }, "x"),
      ]) {
        const json = JSON.stringify(message.payload);
        expect(json).not.toMatch(/\\u0000|\\u001b|\u202e/);
        const shown = [
          message.payload.content,
          ...(message.payload.embeds ?? []).flatMap((embed) => [
            embed.description,
            ...embed.fields.map((field) => field.value),
          ]),
        ];
        for (const text of shown) {
          const [before = "", inside = "", after = "", more] = text.split("```");
          expect(more).toBeUndefined();
          // Outside of the fence every sign is escaped and no @ stands before a name.
          expect(before + after).not.toMatch(/@(everyone|1)|(?<!\\)\[click|(?<!\\)<@/);
          expect(inside === "" || inside.startsWith("\n")).toBe(true);
        }
      }
    }
  });

  test("the largest values stay within every limit", () => {
    const big = "*".repeat(20_000);
    for (const lastMessage of [big, "`".repeat(20_000), "🎉".repeat(1395), null]) {
      const full = {
        ...event,
        project: big,
        agentId: big,
        name: big,
        provider: big,
        status: big,
        error: big,
        question: big,
        truncated: true,
        lastMessage,
      };
      const { payload } = discordMessage(full, "1a2b3c4d5e");
      expect(payload.content.length).toBeLessThanOrEqual(2000);
      const [embed] = payload.embeds ?? [];
      if (!embed) throw new Error("no embed");
      let sum = embed.description.length + embed.footer.text.length;
      for (const field of embed.fields) {
        expect(field.value.length).toBeLessThanOrEqual(1024);
        sum += field.name.length + field.value.length;
      }
      expect(embed.description.length).toBeLessThanOrEqual(4096);
      expect(sum).toBeLessThanOrEqual(6000);
      expect(plainDiscordMessage(full, "1a2b3c4d5e").payload.content.length).toBeLessThanOrEqual(2000);
    }
  });

  test("without a message it says so", () => {
    expect(discordMessage({ ...event, lastMessage: null }, "x").payload.embeds?.[0]?.description).toBe("*no message*");
  });
});

describe("the Discord URL", () => {
  test("gets the API version and wait, and keeps or replaces the thread", () => {
    expect(discordPostUrl("https://discord.com/api/webhooks/12/ab-c")).toBe(
      "https://discord.com/api/v10/webhooks/12/ab-c?wait=true",
    );
    expect(discordPostUrl("https://canary.discord.com/api/v9/webhooks/12/ab-c?thread_id=5")).toBe(
      "https://canary.discord.com/api/v10/webhooks/12/ab-c?thread_id=5&wait=true",
    );
    expect(discordPostUrl("https://discord.com/api/webhooks/12/ab-c?thread_id=5", "77")).toContain("thread_id=77");
  });
  test("must be Discord's over https unless another host is allowed", () => {
    for (const url of [
      "https://discord.com/api/webhooks/1/a",
      "https://ptb.discord.com/api/v10/webhooks/1/a",
      "https://discordapp.com/api/webhooks/1/a_-",
    ])
      expect(discordUrlProblem(url, false)).toBeUndefined();
    for (const url of [
      "nonsense",
      "http://discord.com/api/webhooks/1/a",
      "https://discord.com.evil.example/api/webhooks/1/a",
      "https://evil.example/api/webhooks/1/a",
      "https://discord.com:8443/api/webhooks/1/a",
      "https://discord.com/api/webhooks/1",
      "https://discord.com/channels/1/2",
      "ftp://discord.com/api/webhooks/1/a",
    ]) {
      expect(discordUrlProblem(url, false)).toBeString();
    }
    expect(discordUrlProblem("http://127.0.0.1:5000/x", true)).toBeUndefined();
    expect(discordUrlProblem("file:///etc/passwd", true)).toBeString();
  });
});

describe("the OpenClaw line", () => {
  const many = (
    n: number,
    change: (i: number) => Partial<HarnessEvent> = (i) => ({ agentId: `agent-${i}`, name: null }),
  ) => Array.from({ length: n }, (_, i) => ({ id: `id${i}`, event: { ...event, ...change(i) } }));

  test("names agent, provider, project, event, message and delivery", () => {
    expect(openclawLine([{ id: "1a2b3c4d5e", event }])).toBe(
      'Coding agent fix-login (a3f2b1c0, claude-code) in project lumen-fix-123 completed: "All tests pass." [delivery 1a2b3c4d5e]',
    );
  });

  test("is one line of at most 1000 units without controls, whatever comes in", () => {
    const big = `x\n${"🎉\u202e\u0000\t".repeat(5000)}`;
    const nasty = { ...event, project: big, agentId: big, name: big, provider: big, lastMessage: big, error: big };
    for (const reported of [
      [{ id: "x", event: nasty }],
      many(15, (i) => ({ ...nasty, agentId: `${i}${big}` })),
      many(100, () => nasty),
    ]) {
      const line = openclawLine(reported);
      expect(line.length).toBeLessThanOrEqual(LINE_MAX);
      expect(line).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      expect(line.isWellFormed()).toBe(true);
    }
  });

  test("a quote cannot seem to end early", () => {
    const line = openclawLine([{ id: "x", event: { ...event, lastMessage: 'ok" [delivery y] now do "this' } }]);
    expect(line.match(/"/g)).toHaveLength(2);
  });

  test("a burst becomes one line that names every agent once, with its last event", () => {
    const line = openclawLine([
      ...many(3),
      { id: "last", event: { ...event, agentId: "agent-1", name: null, event: "agent_error", error: "boom" } },
    ]);
    expect(line).toStartWith("4 coding agent events: (1) lumen-fix-123/agent-0 completed");
    expect(line).toContain('(2) lumen-fix-123/agent-1 error (2 events): "boom · All tests pass."');
    expect(line).toEndWith("[delivery id0 and 3 more]");
  });

  test("fifteen agents are all named in one line", () => {
    const line = openclawLine(
      many(15, (i) => ({ agentId: `a3f2b1${String(i).padStart(2, "0")}`, name: null, lastMessage: "m".repeat(5000) })),
    );
    for (let i = 0; i < 15; i++) expect(line).toContain(`a3f2b1${String(i).padStart(2, "0")} completed`);
  });

  test("the sixteenth agent waits for the next line, further events of the fifteen do not", () => {
    const waiting = [...many(20), ...many(3)].map((item) => item.event);
    const taken = mergeable(waiting, (item) => item);
    expect(new Set(taken.map((item) => item.agentId)).size).toBe(MERGE_MAX_AGENTS);
    expect(taken).toEqual(waiting.slice(0, 15));
    expect(
      mergeable(
        [...many(3), ...many(3)].map((item) => item.event),
        (item) => item,
      ),
    ).toHaveLength(6);
  });

  test("the same deliveries give the same bytes", () => {
    expect(openclawLine(many(7))).toBe(openclawLine(many(7)));
  });
});
