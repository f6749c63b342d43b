/** The sixteen colours of every terminal. They help the eye and never carry a meaning alone. */
import type { Output } from "./io.ts";

const CODES = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", blue: "34", cyan: "36" } as const;
export type Style = keyof typeof CODES;
export type Paint = (style: Style | undefined, text: string) => string;

export function painter({ colours }: Pick<Output, "colours">): Paint {
  return (style, text) => (style === undefined || !colours ? text : `\u001b[${CODES[style]}m${text}\u001b[0m`);
}

const BY_STATUS: Readonly<Record<string, Style>> = {
  processing: "blue",
  starting: "blue",
  waiting_input: "yellow",
  limited: "yellow",
  error: "red",
  exited: "cyan",
  idle: "green",
};

export const statusStyle = (status: string): Style | undefined => BY_STATUS[status];
