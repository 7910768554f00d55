// Bundles the extension into one file; with --unit, the unit tests.
import { build } from "esbuild";

const unit = process.argv.includes("--unit");
await build({
  entryPoints: [unit ? "src/unit.test.ts" : "src/extension.ts"],
  outfile: unit ? "dist/unit.js" : "dist/extension.js",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: !unit,
  sourcemap: false,
  external: ["vscode"],
  logLevel: "warning",
});
