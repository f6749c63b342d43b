/**
 * The systemd units of both programs, as text: every line beyond the obvious with its reason above it. Pure; used by
 * `agent-harness systemd`, by the release archives and by the tests that start them under a real systemd.
 * What must never stand in the daemon's unit: PrivateTmp, DynamicUser, a RuntimeDirectory that is not preserved (they
 * take folders away from agents that outlive a restart), UMask (agents make files with it), RestrictNamespaces (their
 * own sandboxes need user namespaces), ProtectHome (their logins live there).
 */
import { join } from "node:path";

export interface UnitOptions {
  readonly program: "agent-harness" | "webhook-receiver";
  /** For `systemctl --user`: no account, no credentials, state below the user's home. */
  readonly user: boolean;
  /** The folder that both names of the program lie in. */
  readonly binDir: string;
}

export interface Unit {
  /** Where it belongs. */
  readonly path: string;
  readonly text: string;
  /** Commands that bring it to life, in order; a line that begins with `#` explains. */
  readonly steps: readonly string[];
}

/** [assignment, why]; several assignments may share a reason. */
type Line = readonly [assignments: string | readonly string[], why?: string];

export function unitOf({ program, user, binDir }: UnitOptions): Unit {
  const command = join(binDir, program);
  const isDaemon = program === "agent-harness";
  const description = isDaemon ? "Coding agents behind one HTTP API" : "agent-harness webhooks to Discord and OpenClaw";
  const service = isDaemon ? daemonLines(command, user) : receiverLines(command, user);
  const path = user ? `~/.config/systemd/user/${program}.service` : `/etc/systemd/system/${program}.service`;
  const text = [
    `# ${path}`,
    "[Unit]",
    `Description=${description}`,
    ...print([
      [
        user ? "After=network.target" : ["Wants=network-online.target", "After=network-online.target"],
        "A bind address may come up late; binding is tried again for a while all the same.",
      ],
      [
        "StartLimitIntervalSec=0",
        "Never given up: what stops a start at 3 o'clock (an address, a disk) is often gone at 4.",
      ],
    ]),
    "",
    "[Service]",
    ...print(service),
    "",
    "[Install]",
    `WantedBy=${user ? "default.target" : "multi-user.target"}`,
    "",
  ].join("\n");
  return { path, text, steps: user ? userSteps(program) : isDaemon ? daemonSteps(binDir) : receiverSteps() };
}

const print = (lines: readonly Line[]): string[] =>
  lines.flatMap(([assignments, why]) => [...(why === undefined ? [] : comment(why)), ...[assignments].flat()]);

const COMMENT_WIDTH = 100;

function comment(why: string): string[] {
  const lines = ["#"];
  for (const word of why.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last.length + word.length >= COMMENT_WIDTH) lines.push(`# ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

const RESTARTING: readonly Line[] = [
  [
    ["Restart=always", "RestartSec=5"],
    "Back after a crash or a kill, with a pause that a full disk or a missing address can use.",
  ],
  ["RestartPreventExitStatus=2", "A wrong config does not mend itself: 2 waits for a person."],
];

function daemonLines(command: string, user: boolean): readonly Line[] {
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return [
    ["Type=notify", "`systemctl start` returns when requests are answered; `systemctl status` shows the agents."],
    [`ExecStart=${command} serve`],
    ...(user
      ? ([] as Line[])
      : ([
          ["User=agents", "Whoever may call the API may run code as this user. The coding agents are logged in as it."],
          [
            ["StateDirectory=agent-harness", "StateDirectoryMode=0700", "Environment=AH_STATE_DIR=%S/agent-harness"],
            "Agents' words and their environment are stored here: nobody else reads them.",
          ],
          [
            "LoadCredential=token:/etc/agent-harness/token",
            'The API token: harness.json says {"auth": {"tokenFile": "$CREDENTIALS_DIRECTORY/token"}}.',
          ],
        ] as Line[])),
    [
      `Environment=PATH=${user ? "%h/.local/bin:%h/bin:" : ""}${path}`,
      "Where the coding agents, git and their tools are looked for.",
    ],
    ["KillMode=process", "Agents outlive the daemon: a restart or an upgrade ends nobody's turn."],
    [
      ["Delegate=yes", "DelegateSubgroup=main"],
      "A control group of its own for each run, so that nothing of it survives its end. The daemon itself must be in a " +
        "sub-group (systemd 254 or newer), or no restart works once limits are set; older ones ignore the second line.",
    ],
    ["OOMPolicy=continue", "One agent out of memory ends that agent, not the service."],
    ["WatchdogSec=120", "A daemon whose event loop hangs is started anew; agents do not notice."],
    ["LimitNOFILE=65536", "Each agent and each client holds descriptors; some distributions start at 1024."],
    ...RESTARTING,
    ...(user ? ([] as Line[]) : DAEMON_HARDENING),
  ];
}

const DAEMON_HARDENING: readonly Line[] = [
  [
    ["NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictSUIDSGID=yes"],
    "No way up from this user. Takes sudo from agents: remove these three where they need it.",
  ],
  ["ProtectSystem=full", "/usr, /boot and /etc cannot be written; projects live elsewhere."],
  [
    [
      "ProtectClock=yes",
      "ProtectHostname=yes",
      "ProtectKernelLogs=yes",
      "ProtectKernelModules=yes",
      "ProtectKernelTunables=yes",
    ],
    "The machine is not the agents' to change.",
  ],
  [["RestrictRealtime=yes", "LockPersonality=yes"], "Nothing here needs them."],
  ["SystemCallArchitectures=native", "No 32-bit programs: a way around filters."],
];

function receiverLines(command: string, user: boolean): readonly Line[] {
  return [
    ["Type=notify", "`systemctl start` returns when webhooks are taken."],
    [`ExecStart=${command} serve`],
    ...(user
      ? ([] as Line[])
      : ([
          [
            ["DynamicUser=yes", "StateDirectory=webhook-receiver", "StateDirectoryMode=0700"],
            "No account to make. Transport `cli` to OpenClaw needs its user instead: User=, and no DynamicUser.",
          ],
          ["Environment=AH_RECEIVER_STATE_DIR=%S/webhook-receiver"],
          [
            [
              "LoadCredential=token:/etc/agent-harness/webhook-token",
              "LoadCredential=discord:/etc/agent-harness/discord",
            ],
            'In receiver.json: {"tokenFile": "$CREDENTIALS_DIRECTORY/token", "discord": {"webhookUrlFile": ' +
              '"$CREDENTIALS_DIRECTORY/discord"}}. Leave out what you do not use.',
          ],
        ] as Line[])),
    ["WatchdogSec=120", "A receiver whose event loop hangs is started anew; its inbox is on disk."],
    ["LimitNOFILE=16384", "Some distributions start at 1024."],
    ...RESTARTING,
    ...(user ? ([] as Line[]) : RECEIVER_HARDENING),
  ];
}

const RECEIVER_HARDENING: readonly Line[] = [
  ["UMask=0077", "Its files are its own."],
  [
    [
      "ProtectSystem=strict",
      "ProtectHome=yes",
      "PrivateTmp=yes",
      "PrivateDevices=yes",
      "PrivateMounts=yes",
      "PrivateUsers=yes",
    ],
    "It reads its config and writes its state; it needs nothing else of this machine.",
  ],
  [
    [
      "ProtectClock=yes",
      "ProtectHostname=yes",
      "ProtectKernelLogs=yes",
      "ProtectKernelModules=yes",
      "ProtectKernelTunables=yes",
      "ProtectControlGroups=yes",
      "ProtectProc=invisible",
      "ProcSubset=pid",
    ],
    "Nor does it look at, or change, the system and the processes of others.",
  ],
  ["RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "HTTP in, HTTP out, and the service manager."],
  [
    [
      "RestrictNamespaces=yes",
      "RestrictRealtime=yes",
      "RestrictSUIDSGID=yes",
      "LockPersonality=yes",
      "RemoveIPC=yes",
      "NoNewPrivileges=yes",
      "CapabilityBoundingSet=",
    ],
    "No way up, no way out.",
  ],
  [
    ["SystemCallArchitectures=native", "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources"],
    "What a service calls, and no more.",
  ],
];

const TOKEN = "head -c 24 /dev/urandom | base64 | tr -d '\\n' >";

const daemonSteps = (binDir: string): string[] => [
  "# as root; agents' programs must be installed for, and logged in as, the user `agents`",
  "useradd --system --create-home --shell /bin/bash agents",
  `install -d -m 0755 /etc/agent-harness && (umask 077; ${TOKEN} /etc/agent-harness/token)`,
  `echo '{"auth": {"tokenFile": "$CREDENTIALS_DIRECTORY/token"}}' > /etc/agent-harness/harness.json`,
  `${join(binDir, "agent-harness")} systemd > /etc/systemd/system/agent-harness.service`,
  "systemctl daemon-reload && systemctl enable --now agent-harness",
];

const receiverSteps = (): string[] => [
  "# as root",
  `install -d -m 0755 /etc/agent-harness && (umask 077; ${TOKEN} /etc/agent-harness/webhook-token)`,
  "(umask 077; cat > /etc/agent-harness/discord)   # paste Discord's webhook URL, then Ctrl-D",
  `echo '{"tokenFile": "$CREDENTIALS_DIRECTORY/token", "discord": {"webhookUrlFile": "$CREDENTIALS_DIRECTORY/discord"}}' > /etc/agent-harness/receiver.json`,
  "agent-harness systemd --receiver > /etc/systemd/system/webhook-receiver.service",
  "systemctl daemon-reload && systemctl enable --now webhook-receiver",
];

const userSteps = (program: string): string[] => [
  "mkdir -p ~/.config/systemd/user",
  `agent-harness systemd --user${program === "webhook-receiver" ? " --receiver" : ""} > ~/.config/systemd/user/${program}.service`,
  `systemctl --user daemon-reload && systemctl --user enable --now ${program}`,
  "loginctl enable-linger   # it runs without a session, too",
];
