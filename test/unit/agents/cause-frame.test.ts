/** The line that decided a status: readable, without secrets, never more than 8 KiB. */
import { expect, test } from "bun:test";
import { shownFrame } from "../../../src/agents/cause-frame.ts";

const shown = (value: unknown) => {
  const raw = typeof value === "string" ? value : JSON.stringify(value);
  let json: unknown;
  try {
    json = JSON.parse(raw);
  } catch {
    json = undefined;
  }
  return shownFrame(3, 17, raw, json);
};

test("a short frame is shown as it came", () => {
  const frame = { type: "result", subtype: "success", usage: { input_tokens: 5 } };
  expect(shown(frame)).toEqual({ run: 3, offset: 17, text: JSON.stringify(frame), truncated: false });
  expect(shown("plain words")).toMatchObject({ text: "plain words", truncated: false });
});

test("a long one is cut at 8 KiB, and never within a character", () => {
  for (const text of ["ä".repeat(10_000), `a${"😀".repeat(5000)}`, "x".repeat(8193), "y".repeat(20_000_000)]) {
    for (const value of [text, { text }]) {
      const { text: cut, truncated } = shown(value);
      expect(Buffer.byteLength(cut)).toBeWithin(8000, 8193);
      expect([truncated, cut.isWellFormed(), cut.includes("\uFFFD")]).toEqual([true, true, false]);
    }
  }
});

test("secrets are cut out by the name of their key, also where the line is no JSON, torn, or too long to be parsed", () => {
  const secret = { type: "init", apiKey: "sk-123", headers: { Authorization: "Bearer abc.def" }, note: "bearer xyz" };
  const whole = JSON.stringify(secret);
  for (const value of [secret, `log: ${whole}`, whole.slice(0, -40), { ...secret, long: "x".repeat(1_000_000) }]) {
    const { text } = shown(value);
    expect(text).toContain("[redacted]");
    expect(text).not.toMatch(/sk-123|abc\.def|xyz/);
  }
});
