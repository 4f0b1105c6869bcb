// Checks the layers of src with dependency-cruiser, then plants one violation
// for every rule in turn and expects the same check to fail. It prints how
// many modules were read: a check that reads nothing passes everything.
import { spawnSync } from "node:child_process";
import {
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
// Fewer than this were never in the page: a smaller number means that the tool is blind.
const FEWEST_MODULES = 30;

const planted = [
	{ rule: "domain-imports-downwards", file: "src/domain/planted.ts", text: 'import "../store/store";\n' },
	{ rule: "wire-imports-downwards", file: "src/wire/planted.ts", text: 'import "../store/store";\n' },
	{ rule: "store-imports-downwards", file: "src/store/planted.ts", text: 'import "../app/main";\n' },
	{
		rule: "surface-imports-downwards",
		file: "src/surface/planted.ts",
		text: 'import "../feature/details/Details";\n',
	},
	{
		rule: "features-are-strangers",
		file: "src/feature/events/planted.ts",
		text: 'import "../details/Details";\n',
	},
	{
		rule: "gen-belongs-to-wire",
		file: "src/app/planted.ts",
		text: 'import "../wire/gen/atelier/v1/words_pb";\n',
	},
	{ rule: "react-stays-out-below-ui", file: "src/store/planted.ts", text: 'import "react";\n' },
];

function cruise(folder) {
	const bin = join(root, "node_modules", ".bin", "depcruise");
	const run = spawnSync(bin, ["src", "--output-type", "json", "--config", ".dependency-cruiser.cjs"], {
		cwd: folder,
		encoding: "utf8",
		maxBuffer: 256 << 20,
	});
	if (!run.stdout) throw new Error(`dependency-cruiser said nothing: ${run.stderr}`);
	const report = JSON.parse(run.stdout);
	const own = report.modules.filter((m) => m.source.startsWith("src/")).length;
	return { own, violations: report.summary.violations };
}

const real = cruise(root);
for (const v of real.violations) console.error(`layers: ${v.rule.name}: ${v.from} -> ${v.to}`);
let failed = real.violations.length > 0 || real.own < FEWEST_MODULES;
if (real.own < FEWEST_MODULES) console.error(`layers: only ${real.own} modules read`);

const scratch = mkdtempSync(join(tmpdir(), "layers"));
try {
	for (const name of [".dependency-cruiser.cjs", "tsconfig.json", "package.json"]) {
		writeFileSync(join(scratch, name), readFileSync(join(root, name)));
	}
	symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"));
	cpSync(join(root, "src"), join(scratch, "src"), { recursive: true });
	for (const plant of planted) {
		const file = join(scratch, plant.file);
		if (existsSync(file)) throw new Error(`${plant.file} exists`);
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(file, plant.text);
		const found = cruise(scratch).violations.some((v) => v.rule.name === plant.rule);
		if (!found) console.error(`layers: a planted violation of ${plant.rule} was not found`);
		failed ||= !found;
		rmSync(file);
	}
} finally {
	rmSync(scratch, { recursive: true, force: true });
}

console.log(
	`layers: ${real.own} modules read, ${real.violations.length} violations, ${planted.length} planted`,
);
process.exit(failed ? 1 : 0);
