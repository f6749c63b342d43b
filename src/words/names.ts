/** What a name may look like, and how a rule about it is said to a person. Imports nothing, like all of this folder. */

/** Projects, agents and providers. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const NAME_WORDS =
  "a name of 1 to 64 letters, digits, dots, dashes or underscores that begins with a letter or digit";

/** An agent's id; no agent may have a name that looks like one. */
export const AGENT_ID = /^[0-9a-f]{8}$/;

/** A variable of a process's environment. */
export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that begin with this are set by the harness alone. */
export const OUR_VARIABLES = "AH_";
