/** One line of the doctor: what was looked at, how it stands, and the step that mends it. */
export interface Check {
  readonly level: "ok" | "warn" | "FAIL";
  readonly name: string;
  readonly text: string;
  readonly mend?: string;
}

export const ok = (name: string, text: string): Check => ({ level: "ok", name, text });
export const warn = (name: string, text: string, mend: string): Check => ({ level: "warn", name, text, mend });
export const fail = (name: string, text: string, mend: string): Check => ({ level: "FAIL", name, text, mend });
