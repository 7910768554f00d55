/** What the server tells without being asked (docs/lsp.md), and how it is put into words. Knows nothing of VS Code. */

export interface PatchedFunction {
  name: string;
  /** From 0. */
  line: number;
  version: number;
  /** Milliseconds since 1970. */
  since: number;
  /** Whether the new code has run; null where that can't be observed. */
  ran: boolean | null;
}

export interface PatchedFile {
  uri: string;
  functions: PatchedFunction[];
}

export interface Session {
  id: string;
  pid: number;
  name: string;
  command: string[];
  cwd: string;
  python: string;
  files: PatchedFile[];
}

export interface Verdict {
  uri: string;
  definition: string;
  line: number;
  verdict: "applied" | "caveat" | "refused" | "unneeded";
  /** As the protocol counts: 1 is an error. */
  severity: number;
  code: string | null;
  message: string | null;
}

/** A call that has failed and waits for an answer. */
export interface Hold {
  /** Its name. */
  hold: string;
  function: string;
  uri: string | null;
  /** From 0. */
  line: number;
  /** Something went live since it failed. */
  patched: boolean;
  /** What a person is told. */
  message: string;
}

export interface Status {
  sessions: Session[];
  verdicts: Verdict[];
  holds: Hold[];
  patchOnSave: string;
  /** Why no process can be found at all. */
  trouble: string | null;
}

/** A Python process that runs already and can't be patched yet, as `hotsplice attach --list` gives it. */
export interface Process {
  pid: number;
  command: string[];
  cwd: string;
  /** Why it can't be attached to, as far as is known. */
  obstacle: string | null;
}

/** A patch that went live; a file without ranges had nothing to change. */
export interface Patched {
  /** What a person is told. */
  message: string;
  files: {
    uri: string;
    ranges: { start: { line: number; character: number }; end: { line: number; character: number } }[];
  }[];
  label: string;
  milliseconds: number;
  sessions: number;
}

export const nothing: Status = { sessions: [], verdicts: [], holds: [], patchOnSave: "never", trouble: null };

/** The status bar before the server has told anything: a number would be a guess. */
export const starting = { text: "$(zap) $(loading~spin)", hint: "Hotsplice: the server starts" };

/** The status bar while there is no server, and why. */
export function failed(hint: string): { text: string; hint: string } {
  return { text: "$(zap) $(error)", hint };
}

export function counted(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** The status bar: how many processes can be patched, and whether saving does it. */
export function statusBarText(status: Status): string {
  if (status.trouble !== null) return "$(zap) $(error)";
  // What only waits for another edit is nothing to warn of.
  const refused = status.verdicts.filter((verdict) => verdict.severity === 1).length;
  const saving = status.patchOnSave === "never" ? "" : " $(save)";
  const held = status.holds.length > 0 ? ` $(debug-pause) ${status.holds.length}` : "";
  return `$(zap) ${status.sessions.length}${saving}${refused > 0 ? ` $(warning) ${refused}` : ""}${held}`;
}

export function statusBarHint(status: Status): string {
  if (status.trouble !== null) return `Hotsplice finds no process: ${status.trouble}`;
  const lines = [`Hotsplice: ${counted(status.sessions.length, "process", "processes")} can be patched`];
  lines.push(...status.sessions.map((session) => `• ${session.name}`));
  if (status.sessions.length === 0) lines.push("Click to see how a program becomes one");
  lines.push(...status.holds.map((hold) => `■ ${hold.message}`));
  lines.push(status.patchOnSave === "never" ? "Saving patches nothing" : `Patch on save: ${status.patchOnSave}`);
  return lines.join("\n");
}

/** Longer commands are cut in the view: what tells processes apart has to be seen beside them. */
const LONGEST_LABEL = 24;

/** A process in the view: its command, and beside it what tells it from others; the tooltip has all of it. */
export function sessionLabel(session: Session): { label: string; description: string } {
  const pid = ` · pid ${session.pid}`;
  const [command = "", ports = ""] = session.name.split(pid);
  const label = command.length > LONGEST_LABEL ? `${command.slice(0, LONGEST_LABEL - 1)}…` : command;
  return { label, description: `pid ${session.pid}${ports}` };
}

/** What a process does, without the path of its Python. */
export function processLabel({ command }: Process): string {
  const [program = "", ...others] = command;
  const name = program.slice(program.lastIndexOf("/") + 1);
  return [name, ...others].join(" ").replace(/\s+/g, " ").trim();
}

/** Processes as they are offered: those of the workspace first. */
export function groups(processes: Process[], folders: string[]): { name: string; processes: (Process & { label: string })[] }[] {
  const isHere = ({ cwd }: Process) => folders.some((folder) => cwd === folder || cwd.startsWith(`${folder}/`));
  const all = processes.map((process) => ({ ...process, label: processLabel(process) }));
  return [
    { name: "in this workspace", processes: all.filter(isHere) },
    { name: "elsewhere", processes: all.filter((process) => !isHere(process)) },
  ].filter((group) => group.processes.length > 0);
}

export function functionHint(patched: PatchedFunction): string {
  const since = new Date(patched.since).toLocaleTimeString();
  const ran = patched.ran === null ? "" : patched.ran ? ", has run since" : ", not called since";
  return `v${patched.version}, patched ${since}${ran}`;
}

/** Why there is no server, and what to do; `own` is the one that the extension brings. */
export function missingMessage(program: string, own: boolean, platform: string, error: { code?: unknown; message: string }): string {
  const reasons: Record<string, string> = {
    ENOENT: "is not there",
    EACCES: "may not be run",
    ENOEXEC: "is made for another kind of machine",
  };
  // The C library has a shell try what the system can't start: that then ends with a number.
  const code = typeof error.code === "number" ? "ENOEXEC" : String(error.code);
  const reason = reasons[code] ?? `does not run: ${error.message}`;
  return own
    ? `The Hotsplice server in this extension ${reason} (${platform}). ` +
        "Install the extension for this platform, or Hotsplice with pip, and set hotsplice.server.path to its program."
    : `hotsplice.server.path is ${program}, which ${reason} (${platform}).`;
}

/** Puts a folder list in front of another, as PYTHONPATH is written, without doubling what is there already. */
export function joinPaths(first: string, second: string | undefined, separator: string): string {
  const wanted = first.split(separator);
  const rest = (second ?? "").split(separator).filter((path) => path !== "" && !wanted.includes(path));
  return [...wanted, ...rest].join(separator);
}
