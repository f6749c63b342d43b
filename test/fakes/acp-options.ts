/** In which of the ways that ACP agents differ in the fake behaves: `FAKE_ACP`, as JSON. */

export interface Options {
  readonly protocolVersion?: number;
  /** false: takes no pictures. */
  readonly images?: boolean;
  /** How an earlier session comes back. Default "load". */
  readonly resume?: "load" | "resume" | "none";
  /** Chunks carry a messageId. Default true. */
  readonly messageIds?: boolean;
  /** "login": no session without one. "prompt": the login has run out when the first prompt comes. */
  readonly auth?: "login" | "prompt";
  /** How a model is chosen. Default "config". */
  readonly models?: "config" | "set_model" | "none";
  /** Tools are announced pending and without their input first (OpenCode); else in progress (Gemini). */
  readonly pendingFirst?: boolean;
  /** What a cancelled prompt is answered with. Default "cancelled"; OpenCode's retry wait answers "end_turn". */
  readonly cancelled?: "cancelled" | "end_turn" | "error";
  /** Only a grant for ever and a refusal are offered. */
  readonly grantsOnly?: boolean;
  /** Modes are offered; this is the one it begins in. In "yolo" nothing is asked. */
  readonly mode?: "default" | "yolo";
  /** The second half of every text comes so many ms behind the answer to its prompt. */
  readonly lateMs?: number;
}

// Tests write the variable; a wrong one is seen in their first assertion.
export const options: Options = JSON.parse(process.env["FAKE_ACP"] ?? "{}");

/** Of the fake, as it says when it opens a session. */
export const MODES = [
  { id: "default", name: "Default" },
  { id: "yolo", name: "Yolo" },
];
