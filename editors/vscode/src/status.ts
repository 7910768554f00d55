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
  code: string | null;
  message: string | null;
}

export interface Status {
  sessions: Session[];
  verdicts: Verdict[];
  patchOnSave: string;
}

/** A patch that went live in one file. */
export interface Patched {
  uri: string;
  ranges: { start: { line: number; character: number }; end: { line: number; character: number } }[];
  label: string;
  milliseconds: number;
  sessions: number;
}

export const nothing: Status = { sessions: [], verdicts: [], patchOnSave: "never" };

export function counted(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** The status bar: how many processes can be patched, and whether saving does it. */
export function statusBarText(status: Status): string {
  const refused = status.verdicts.filter((verdict) => verdict.verdict === "refused").length;
  const saving = status.patchOnSave === "never" ? "" : " $(save)";
  return `$(zap) ${status.sessions.length}${saving}${refused > 0 ? ` $(warning) ${refused}` : ""}`;
}

export function statusBarHint(status: Status): string {
  const lines = [`Hotsplice: ${counted(status.sessions.length, "process", "processes")} can be patched`];
  lines.push(...status.sessions.map((session) => `• ${session.name}`));
  lines.push(status.patchOnSave === "never" ? "Saving patches nothing" : `Patch on save: ${status.patchOnSave}`);
  return lines.join("\n");
}

export function functionHint(patched: PatchedFunction): string {
  const since = new Date(patched.since).toLocaleTimeString();
  const ran = patched.ran === null ? "" : patched.ran ? ", has run since" : ", not called since";
  return `v${patched.version}, patched ${since}${ran}`;
}

export function patchedMessage(patched: Patched): string {
  const where = counted(patched.sessions, "process", "processes");
  return `$(zap) ${patched.label} is live in ${where} (${patched.milliseconds.toFixed(1)} ms)`;
}

/** Puts a folder list in front of another, as PYTHONPATH is written, without doubling what is there already. */
export function joinPaths(first: string, second: string | undefined, separator: string): string {
  const wanted = first.split(separator);
  const rest = (second ?? "").split(separator).filter((path) => path !== "" && !wanted.includes(path));
  return [...wanted, ...rest].join(separator);
}
