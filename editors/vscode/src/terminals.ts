/** What terminals are given, and what is typed into them. Knows nothing of VS Code. */

type Environment = Record<string, string | null | undefined>;

/** A terminal's settings as far as they are about its environment. */
export interface TerminalSettings {
  inheritEnv: boolean;
  env: Environment;
  profiles: Record<string, { env?: Environment } | null>;
}

/**
 * Whether terminals have the variable before we come: then we stand in front of what it holds, else we are all of it. In front
 * of nothing there would be a separator with nothing behind it, which for PYTHONPATH is the current folder.
 */
export function isSetInTerminals(name: string, { inheritEnv, env, profiles }: TerminalSettings, inherited: Environment): boolean {
  const resolved = (value: string) => value.replace(/\$\{env:(\w+)\}/g, (_, other: string) => inherited[other] ?? "");
  const sets = (given: Environment | undefined) => typeof given?.[name] === "string" && resolved(given[name]) !== "";
  if (Object.values(profiles).some((profile) => sets(profile?.env))) return true;
  return name in env ? sets(env) : inheritEnv && sets(inherited);
}

/** A word as the shells of Linux take it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The line that starts a script so that it can be patched. */
export function runLine(program: string, python: string | undefined, script: string): string {
  const words = [program, "run", ...(python === undefined ? [] : ["--python", python]), script.startsWith("-") ? `./${script}` : script];
  return words.map(shellWord).join(" ");
}
