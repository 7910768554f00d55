// Bundles the extension, and apart from it the client, which is most of the code and not needed for activation; with --unit,
// the unit tests.
import { build } from "esbuild";

const unit = process.argv.includes("--unit");
await build({
  entryPoints: unit ? { unit: "src/unit.test.ts" } : { extension: "src/extension.ts", client: "src/client.ts" },
  outdir: "dist",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: !unit,
  sourcemap: false,
  external: ["vscode", "./client.js"],
  logLevel: "warning",
});
